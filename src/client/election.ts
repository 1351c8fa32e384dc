// Owns elections: candidates queue, the head of the queue leads, and its key's value is what it
// proclaims.

import { GRPC } from "../api/grpc-code.ts";
import { equalBytes } from "../base/bytes.ts";
import { EdgekeeperError } from "./error.ts";
import type { KeyValue } from "./key-value.ts";
import { bytesOf, type BytesLike } from "./keys.ts";
import type { Lease } from "./lease.ts";
import {
  enter,
  HEAD,
  isCompacted,
  isKept,
  leaseFor,
  leave,
  outwait,
  PATIENCE_MS,
  prefixOf,
  withdraw,
  type ContendOptions,
  type Entered,
  type Place,
  type QueueStore,
} from "./queue.ts";
import { insist } from "./retry.ts";
import { op, type Compare } from "./txn.ts";

/** Being the leader, until `resign`, or until the lease ends. What is said of `Lock` is true here. */
export class Leadership {
  readonly key: Uint8Array;
  /** Greater for each new leader. */
  readonly fencingToken: number;
  /** Aborts when leadership can no longer be relied on. */
  readonly lost: AbortSignal;
  /** A condition of a transaction: this one still leads. */
  readonly held: Compare;
  readonly lease: Lease;
  readonly #store: QueueStore;
  readonly #place: Place;

  constructor(store: QueueStore, place: Place) {
    this.#store = store;
    this.#place = place;
    this.key = place.key;
    this.fencingToken = place.createRevision;
    this.lease = place.lease;
    this.lost = place.lease.lost;
    this.held = isKept(place);
  }

  /** Says something else as leader. @throws EdgekeeperError when this one no longer leads. */
  proclaim(value: BytesLike): Promise<void> {
    return proclaim(this.#store, this.#place, value);
  }

  /** Lets the next one lead. @throws EdgekeeperError */
  resign(): Promise<void> {
    return leave(this.#store, this.#place);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.resign();
  }
}

export class Election {
  readonly #store: QueueStore;
  readonly #name: BytesLike;

  constructor(store: QueueStore, name: BytesLike) {
    this.#store = store;
    this.#name = name;
  }

  /**
   * Resolves when this candidate leads, and says `value`. Whoever stops waiting leaves the queue.
   *
   * @throws EdgekeeperError; the reason of the signal.
   */
  async campaign(value: BytesLike, options: ContendOptions = {}): Promise<Leadership> {
    const store = this.#store;
    const contender = { name: this.#name, ...(await leaseFor(store, options)) };
    const { lost } = contender.lease;
    const signal = AbortSignal.any([lost, ...(options.signal ? [options.signal] : [])]);
    try {
      const entered = await enter(store, { ...contender, value, signal });
      await stand(store, entered, { value, signal });
      return new Leadership(store, entered.place);
    } catch (error) {
      await withdraw(store, contender);
      throw lost.aborted && options.signal?.aborted !== true ? notLeader() : error;
    }
  }

  /** The key of who leads, and what it proclaims; null when nobody does. */
  async leader(): Promise<KeyValue | null> {
    return (await this.#store.range({ prefix: prefixOf(this.#name) }, HEAD)).kvs[0] ?? null;
  }

  /** Who leads, and each change of that, or of what it proclaims, without end. */
  async *observe(
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<KeyValue, never, void> {
    const { signal = new AbortController().signal } = options;
    let last: KeyValue | null = null;
    for (;;) {
      const { leader, revision } = await this.#nextLeader(signal);
      // After a watch that could not go on it may be the one that was told already.
      if (last === null || !isSame(last, leader)) yield leader;
      last = leader;
      for await (const kv of this.#newsOf(leader, { fromRevision: revision + 1, signal })) {
        last = kv;
        yield kv;
      }
    }
  }

  /** The leader, or the first that comes, and as of when. */
  async #nextLeader(signal: AbortSignal): Promise<{ leader: KeyValue; revision: number }> {
    const store = this.#store;
    const prefix = prefixOf(this.#name);
    for (;;) {
      const read = () => store.range({ prefix }, { ...HEAD, signal });
      const { kvs, revision } = await insist(store.platform, signal, read);
      if (kvs[0] !== undefined) return { leader: kvs[0], revision };
      const since = { fromRevision: revision + 1, filters: ["noDelete"], signal } as const;
      const leader = await firstOf(untilCompacted(store.watch({ prefix }, since).events()));
      if (leader !== null) return { leader: leader.kv, revision: leader.kv.modRevision };
    }
  }

  /** What a leader proclaims, until its key is deleted or the watch cannot go on. */
  async *#newsOf(
    { key }: KeyValue,
    options: { readonly fromRevision: number; readonly signal: AbortSignal },
  ): AsyncGenerator<KeyValue, void, void> {
    for await (const { type, kv } of untilCompacted(this.#store.watch(key, options).events())) {
      if (type === "delete") return;
      yield kv;
    }
  }
}

async function stand(
  store: QueueStore,
  { place, found, isFirst }: Entered,
  { value, signal }: { readonly value: BytesLike; readonly signal: AbortSignal },
): Promise<void> {
  const isOther = found !== null && !equalBytes(new Uint8Array(found.value), bytesOf(value));
  if (isOther) await proclaim(store, place, value);
  if (!isFirst && !(await outwait(store, place, signal))) throw notLeader();
}

async function proclaim(store: QueueStore, place: Place, value: BytesLike): Promise<void> {
  const { key, lease } = place;
  const { succeeded } = await store
    .txn()
    .if(isKept(place))
    .then(op.put(key, value, { lease }))
    .commit({ timeoutMs: PATIENCE_MS });
  if (!succeeded) throw notLeader();
}

/** What comes, until something that is to come was compacted: then the store is read again. */
async function* untilCompacted<T>(items: AsyncIterable<T>): AsyncGenerator<T, void, void> {
  try {
    yield* items;
  } catch (error) {
    if (!isCompacted(error)) throw error;
  }
}

async function firstOf<T>(items: AsyncIterable<T>): Promise<T | null> {
  for await (const item of items) return item;
  return null;
}

const isSame = (a: KeyValue, b: KeyValue): boolean =>
  a.modRevision === b.modRevision && a.keyText() === b.keyText();

const notLeader = (): EdgekeeperError =>
  new EdgekeeperError("election: not leader", { code: GRPC.unknown });
