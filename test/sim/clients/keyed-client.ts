// Owns a client that names its writes, and asks for each several times: by other requests, later, and
// now and then for something else by the same key. Each happens once, and all its answers are one.

import { encodeUtf8 } from "../../../src/base/bytes.ts";
import type { Credentials } from "../../../src/base/auth.ts";
import { put } from "../../support/requests.ts";
import type { Chance } from "../chance.ts";
import { must, type World } from "../world.ts";
import type { Result, Router } from "./router.ts";

/** How often one write is asked for. */
const ATTEMPTS_MAX = 5;
/** The longest between two attempts: others lead by then, or have had a snapshot. */
const PAUSE_MS_MAX = 4_000;
/** The share of attempts that ask for something else. */
const ERROR_RATE = 0.2;

/** A write, and what its first answer said. */
interface Named {
  readonly idempotencyKey: string;
  readonly name: string;
  readonly value: string;
  /** Null: nobody knows whether it has happened. */
  revision: number | null;
  /** Another write has come with the key, and nobody knows whether before it. */
  isDisputed: boolean;
  attempts: number;
}

export interface KeyedClientOptions {
  readonly router: Router;
  readonly world: World;
  readonly credentials: Credentials;
  /** Where it writes: nobody else does. */
  readonly prefix: string;
  /** Whether users are in force: two users may use the same keys, two clients of nobody may not. */
  readonly isReady: () => boolean;
  readonly isUser: boolean;
  readonly everyMs: number;
}

export class KeyedClient {
  readonly #options: KeyedClientOptions;
  readonly #chance: Chance;
  #writes = 0;
  #isStopped = false;
  isIdle = true;

  constructor(options: KeyedClientOptions) {
    const { router, world, credentials } = options;
    this.#options = options;
    this.#chance = world.streams.stream(`keyed ${router.client}`);
    router.credentials = credentials;
  }

  start(): void {
    const { world, everyMs, isReady } = this.#options;
    world.schedule.after(this.#chance.around(everyMs), () => {
      if (this.#isStopped) return;
      if (isReady()) this.#begin();
      else this.start();
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  #begin(): void {
    const { router, prefix, isUser } = this.#options;
    const number = ++this.#writes;
    this.isIdle = false;
    this.#attempt({
      idempotencyKey: isUser ? `${number}` : `${router.client}/${number}`,
      name: `${prefix}${this.#chance.between(0, 3)}`,
      value: `${router.client}:${number}`,
      revision: null,
      isDisputed: false,
      attempts: 0,
    });
  }

  #attempt(named: Named): void {
    const { router } = this.#options;
    const { idempotencyKey, name, value } = named;
    const errs = named.attempts > 0 && this.#chance.next() < ERROR_RATE;
    const asked = put(encodeUtf8(name), encodeUtf8(errs ? `${value}!${named.attempts}` : value));
    named.attempts++;
    const hear = (result: Result): void => {
      if (errs) this.#heardOther(named, result);
      else this.#heard(named, result);
      this.#goOn(named);
    };
    router.ask(asked, hear, idempotencyKey);
  }

  #heard(named: Named, result: Result): void {
    const { idempotencyKey: key, revision } = named;
    if (result.kind === "answered") {
      const isFirst = revision === null || revision === result.revision;
      must(isFirst, () => `${key} is answered at ${revision}, and again at ${result.revision}`);
      this.#options.world.mark(revision === null ? "keyed write" : "keyed write repeated");
      named.revision = result.revision;
    } else if (result.kind === "refused") {
      const isMistaken = result.refusal === "idempotencyMismatch" && !named.isDisputed;
      must(!isMistaken, () => `${key} is said to be of another request`);
    }
  }

  #heardOther(named: Named, result: Result): void {
    const { idempotencyKey: key, revision } = named;
    if (revision !== null) {
      must(result.kind !== "answered", () => `${key} of ${revision} is taken for another request`);
      this.#options.world.mark(`keyed error ${result.kind}`);
    } else if (result.kind !== "refused" || result.refusal === "idempotencyMismatch") {
      named.isDisputed = true;
    }
  }

  #goOn(named: Named): void {
    const { world } = this.#options;
    if (named.attempts >= ATTEMPTS_MAX || this.#isStopped) {
      this.isIdle = true;
      return this.start();
    }
    world.schedule.after(this.#chance.between(0, PAUSE_MS_MAX), () => this.#attempt(named));
  }
}
