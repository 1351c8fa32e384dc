// Owns a lock: waiting for it, and holding it.

import { GRPC } from "../api/grpc-code.ts";
import { decodeUtf8 } from "../base/bytes.ts";
import { EdgekeeperError } from "./error.ts";
import type { BytesLike } from "./keys.ts";
import type { Lease } from "./lease.ts";
import {
  enter,
  isKept,
  leaseFor,
  leave,
  outwait,
  withdraw,
  type ContendOptions,
  type Place,
  type QueueStore,
} from "./queue.ts";
import type { Compare } from "./txn.ts";

export interface LockOptions extends ContendOptions {
  /** Whether to wait until the lock is free; yes unless said. */
  readonly wait?: boolean | undefined;
}

/**
 * A lock that is held, until `unlock`, or until its lease ends. That a lock is held is a belief: let
 * what is written prove it, by `held` here and by `fencingToken` elsewhere. See `docs/locks.md`.
 */
export class Lock {
  /** `<name>/<lease in hexadecimal>`, as etcd's. */
  readonly key: Uint8Array;
  /** Greater for each new holder: what is kept elsewhere refuses whatever comes with a smaller one. */
  readonly fencingToken: number;
  /** Aborts when the lock can no longer be relied on. */
  readonly lost: AbortSignal;
  /** A condition of a transaction: the lock is still held. */
  readonly held: Compare;
  readonly lease: Lease;
  readonly #store: QueueStore;
  readonly #place: Place;
  #unlocking: Promise<void> | null = null;

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

  /** Lets the next one have it. More than once is once. @throws EdgekeeperError */
  unlock(): Promise<void> {
    this.#unlocking ??= leave(this.#store, this.#place);
    return this.#unlocking;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.unlock();
  }
}

/**
 * Resolves when the lock is held; with `wait: false` to null when somebody else holds it. Whoever
 * stops waiting leaves the queue.
 *
 * @throws EdgekeeperError; the reason of the signal.
 */
export async function acquire(
  store: QueueStore,
  name: BytesLike,
  options: LockOptions,
): Promise<Lock | null> {
  const contender = { name, ...(await leaseFor(store, options)) };
  const { lease } = contender;
  const signal = AbortSignal.any([lease.lost, ...(options.signal ? [options.signal] : [])]);
  try {
    const { place, isFirst } = await enter(store, { ...contender, value: "", signal });
    if (isFirst) return new Lock(store, place);
    if (options.wait !== false) {
      if (!(await outwait(store, place, signal))) throw sessionExpired();
      return new Lock(store, place);
    }
  } catch (error) {
    await withdraw(store, contender);
    throw lease.lost.aborted && options.signal?.aborted !== true ? sessionExpired() : error;
  }
  await withdraw(store, contender);
  return null;
}

/** The key of who waited is gone: its lease has ended, or somebody has deleted it. */
const sessionExpired = (): EdgekeeperError =>
  new EdgekeeperError("mutex: session is expired", { code: GRPC.unknown });
