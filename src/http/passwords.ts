// Owns the work on passwords: hashing and comparing with bcrypt. Each holds the isolate's only thread for
// some 50 ms, so there are not many at once. No replica ever sees a password.

import { compare, encodeBase64, getRounds, hash, truncates } from "bcryptjs";
import { GATEWAY_ERRORS } from "../api/error.ts";
import { PASSWORD_COST_MAX, PASSWORDS_WAITING_MAX } from "../base/auth-limits.ts";
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

/**
 * A request whose client goes away is dropped by the platform without a word, in the midst of anything:
 * it counts no longer than this. So nobody may wait for another request either.
 */
const PATIENCE_MS = 10_000;

export class Passwords {
  readonly #platform: Platform;
  /** Until when each of those who are at it counts. */
  readonly #busy = new Set<{ readonly until: number }>();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** bcrypt's text for `password`. @throws RequestError when it is too long, or too much waits. */
  hash(password: string): Promise<string> {
    if (truncates(password)) throw new RequestError(GATEWAY_ERRORS.passwordTooLong);
    const salt = encodeBase64(this.#platform.random(SALT_BYTES), SALT_BYTES);
    return this.#inTurn(() => hash(password, `$2a$${COST}$${salt}`));
  }

  /**
   * Whether `hashed` was made of `password`; false for null, after as long a time, and for what takes
   * too much of it: whoever writes a snapshot file can put any text there.
   *
   * @throws RequestError when too much waits.
   */
  async isOf(password: string, hashed: string | null): Promise<boolean> {
    const known = hashed !== null && isAffordable(hashed) ? hashed : null;
    const same = await this.#inTurn(() => compare(password, known ?? NOBODYS_HASH));
    return same && known !== null;
  }

  /** `work` after whatever came before, which a hash may have held up. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const now = this.#platform.clock();
    for (const job of this.#busy) if (job.until <= now) this.#busy.delete(job);
    if (this.#busy.size >= PASSWORDS_WAITING_MAX) throw new RequestError(GATEWAY_ERRORS.overloaded);
    const job = { until: now + PATIENCE_MS };
    this.#busy.add(job);
    try {
      await this.#platform.sleep(0);
      return await work();
    } finally {
      this.#busy.delete(job);
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
  if (!isAffordable(text)) throw new RequestError(GATEWAY_ERRORS.passwordHash);
  return text;
}

function isAffordable(text: string): boolean {
  if (!BCRYPT_HASH.test(text)) return false;
  const cost = getRounds(text);
  return cost >= 4 && cost <= PASSWORD_COST_MAX;
}

function decoded(base64: string): string {
  try {
    return atob(base64);
  } catch {
    return "";
  }
}
