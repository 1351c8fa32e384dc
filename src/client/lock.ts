// Owns holding what is queued for, a lock or leadership, and how it is come by: they are the same but
// for their words.

import { GRPC } from "../api/grpc-code.ts";
import { decodeUtf8, equalBytes } from "../base/bytes.ts";
import { EdgekeeperError } from "./error.ts";
import { bytesOf, type BytesLike } from "./keys.ts";
import type { Lease } from "./lease.ts";
import {
  contenderFor,
  enter,
  isKept,
  leave,
  outwait,
  PATIENCE_MS,
  type ContendOptions,
  type Place,
  type QueueStore,
} from "./queue.ts";
import { op, type Compare } from "./txn.ts";

export interface LockOptions extends ContendOptions {
  /** Whether to wait until the lock is free; yes unless said. */
  readonly wait?: boolean | undefined;
}

/**
 * What is held until it is given up, or until its lease ends. That it is held is a belief: let what is
 * written prove it, by `held` here and by `fencingToken` elsewhere. See `docs/locks.md`.
 */
interface Holding extends AsyncDisposable {
  /** `<name>/<lease in hexadecimal>`, as etcd's. */
  readonly key: Uint8Array;
  keyText(): string;
  /** Greater for each new holder: what is kept elsewhere refuses whatever comes with a smaller one. */
  readonly fencingToken: number;
  /** Aborts when it can no longer be relied on. */
  readonly lost: AbortSignal;
  /** A condition of a transaction: it is still held. */
  readonly held: Compare;
  readonly lease: Lease;
}

/** A lock that is held. */
export interface Lock extends Holding {
  /** Lets the next one have it. More than once is once. @throws EdgekeeperError */
  unlock(): Promise<void>;
}

/** Being the leader. */
export interface Leadership extends Holding {
  /** Says something else as leader. @throws EdgekeeperError when this one no longer leads. */
  proclaim(value: BytesLike): Promise<void>;
  /** Lets the next one lead. More than once is once. @throws EdgekeeperError */
  resign(): Promise<void>;
}

class Held implements Lock, Leadership {
  readonly key: Uint8Array;
  readonly fencingToken: number;
  readonly lost: AbortSignal;
  readonly held: Compare;
  readonly lease: Lease;
  readonly #store: QueueStore;
  readonly #place: Place;
  #leaving: Promise<void> | null = null;

  constructor(store: QueueStore, place: Place) {
    this.#store = store;
    this.#place = place;
    this.key = place.key;
    this.fencingToken = place.createRevision;
    this.lease = place.lease;
    this.lost = place.lease.lost;
    this.held = isKept(place);
  }

  keyText(): string {
    return decodeUtf8(this.key);
  }

  async proclaim(value: BytesLike): Promise<void> {
    const { succeeded } = await this.#store
      .txn()
      .if(this.held)
      .then(op.put(this.key, value, { lease: this.lease }))
      .commit({ timeoutMs: PATIENCE_MS });
    if (!succeeded) throw failure(NOT_LEADER);
  }

  resign(): Promise<void> {
    this.#leaving ??= leave(this.#store, this.#place);
    return this.#leaving;
  }

  unlock(): Promise<void> {
    return this.resign();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.resign();
  }
}

/** How long who has failed, or wants no longer, tidies up; ms. */
const TIDY_MS = 3_000;

/** What is said to whoever has waited for a lock with a lease that ended, and by etcd as well. */
export const SESSION_EXPIRED = "mutex: session is expired";
/** The same for elections. */
export const NOT_LEADER = "election: not leader";

/**
 * Resolves when the head of the queue is held; with `wait: false` to null when somebody else holds it.
 * Whoever stops waiting leaves the queue.
 *
 * @throws EdgekeeperError, `expired` when the lease has ended meanwhile; the reason of the signal.
 */
export async function contend(
  store: QueueStore,
  about: { readonly name: BytesLike; readonly value: BytesLike; readonly expired: string },
  options: LockOptions,
): Promise<(Lock & Leadership) | null> {
  const { name, value, expired } = about;
  const contender = await contenderFor(store, name, options);
  const { lost } = contender.lease;
  const signal = AbortSignal.any([lost, ...(options.signal ? [options.signal] : [])]);
  try {
    const { place, found, isFirst } = await enter(store, contender, { value, signal });
    const held = new Held(store, place);
    const isOther = found !== null && !equalBytes(new Uint8Array(found.value), bytesOf(value));
    if (isOther) await held.proclaim(value);
    if (isFirst) return held;
    if (options.wait === false) {
      await held.resign();
      return null;
    }
    if (await outwait(store, place, signal)) return held;
    throw failure(expired);
  } catch (error) {
    // At the latest the end of the lease does it.
    await leave(store, contender, TIDY_MS).catch(() => undefined);
    throw lost.aborted && options.signal?.aborted !== true ? failure(expired) : error;
  }
}

const failure = (message: string): EdgekeeperError =>
  new EdgekeeperError(message, { code: GRPC.unknown });
