// Owns the work on passwords: hashing and comparing with bcrypt, one after another, since each holds
// the isolate's only thread for some 50 ms. No replica ever sees a password.

import { compare, encodeBase64, getRounds, hash, truncates } from "bcryptjs";
import { GATEWAY_ERRORS } from "../api/error.ts";
import { PASSWORD_COST_MAX, PASSWORDS_WAITING_MAX } from "../base/limits.ts";
import type { Platform } from "./platform.ts";
import { RequestError } from "./response.ts";

/** As etcd's `--bcrypt-cost`. */
const COST = 10;
const SALT_BYTES = 16;
const BCRYPT_HASH = /^\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}$/;

/**
 * What a password is compared with when there is nothing to compare with. Nobody knows a password of
 * it; if somebody did, the answer would be no all the same.
 */
const NOBODYS_HASH = `$2a$${COST}$${".".repeat(53)}`;

export class Passwords {
  readonly #platform: Pick<Platform, "random" | "sleep">;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(platform: Pick<Platform, "random" | "sleep">) {
    this.#platform = platform;
  }

  /** bcrypt's text for `password`. @throws RequestError when it is too long, or too much waits. */
  hash(password: string): Promise<string> {
    if (truncates(password)) throw new RequestError(GATEWAY_ERRORS.passwordTooLong);
    const salt = encodeBase64(this.#platform.random(SALT_BYTES), SALT_BYTES);
    return this.#inTurn(() => hash(password, `$2a$${COST}$${salt}`));
  }

  /**
   * Whether `hashed` was made of `password`; false for null, after as long a time.
   *
   * @throws RequestError when too much waits.
   */
  async isOf(password: string, hashed: string | null): Promise<boolean> {
    const same = await this.#inTurn(() => compare(password, hashed ?? NOBODYS_HASH));
    return same && hashed !== null;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= PASSWORDS_WAITING_MAX) throw new RequestError(GATEWAY_ERRORS.overloaded);
    this.#waiting++;
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    try {
      await before;
      return await work();
    } finally {
      this.#waiting--;
      // Whatever else has come meanwhile goes first.
      void this.#platform.sleep(0).then(resolve);
    }
  }
}

/**
 * A hash made elsewhere: bcrypt's text, or that in base64 as etcd stores it. Its cost is bounded, for
 * it is paid at each authentication.
 *
 * @throws RequestError for what is none.
 */
export function foreignHash(given: string): string {
  const text = given.startsWith("$") ? given : decoded(given);
  if (!BCRYPT_HASH.test(text)) throw new RequestError(GATEWAY_ERRORS.passwordHash);
  const cost = getRounds(text);
  if (cost < 4 || cost > PASSWORD_COST_MAX) throw new RequestError(GATEWAY_ERRORS.passwordHash);
  return text;
}

function decoded(base64: string): string {
  try {
    return atob(base64);
  } catch {
    return "";
  }
}
