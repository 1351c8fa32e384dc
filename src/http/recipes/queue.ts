// Owns the queue that locks and elections are made of, as etcd's concurrency package has it: below
// `<name>/` each contender has a key of its lease, and whoever's key was created first is at the
// head. Each waits for the one right before it alone, so that an end wakes one and not all.

import type { Header } from "../../api/replica.ts";
import { rangeOfKey } from "../../api/kv-json.ts";
import { assert } from "../../base/assert.ts";
import { concatBytes, encodeUtf8 } from "../../base/bytes.ts";
import { prefixEnd } from "../../base/interval.ts";
import type { Compare, KeyValue, RangeRequest, TxnOp, TxnRequest } from "../../base/kv.ts";
import { EMPTY } from "../../base/bytes.ts";
import type { Bytes, LeaseId, Revision } from "../../base/types.ts";
import type { WatchSpec } from "../../base/watch.ts";
import { askTxn, type RecipeStore } from "./store.ts";

/** A place in a queue. */
export interface Place {
  readonly prefix: Bytes;
  readonly key: Bytes;
  readonly lease: LeaseId;
  /** When the key was created. It orders the queue, and is the fencing token of who is at its head. */
  readonly createRevision: Revision;
}

/** What came of entering a queue. */
export interface Entered {
  readonly place: Place;
  /** Of the transaction that entered. */
  readonly header: Header;
  /** The key as it was found, when this lease had a place already. */
  readonly found: KeyValue | null;
  readonly isFirst: boolean;
}

/** Below this are the keys of the queue `name`. */
export const prefixOf = (name: Bytes): Bytes => concatBytes([name, encodeUtf8("/")]);

/** Lower-case hexadecimal without leading zeros; a negative id has its sign in front. */
const keyOf = (prefix: Bytes, lease: LeaseId): Bytes =>
  concatBytes([prefix, encodeUtf8(lease.toString(16))]);

/** The head of the queue. */
export const headOf = (prefix: Bytes): RangeRequest => ({
  ...rangeOfKey(prefix),
  rangeEnd: prefixEnd(prefix),
  limit: 1,
  sortTarget: "create",
  sortOrder: "ascend",
});

/** Who stands right before the one that entered at `createRevision`. */
const nextBefore = (prefix: Bytes, createRevision: Revision): RangeRequest => ({
  ...headOf(prefix),
  sortOrder: "descend",
  maxCreateRevision: createRevision - 1,
});

/** Whether the key is the one that was created then; 0: whether there is none. */
const wasCreatedAt = (key: Bytes, createRevision: number): Compare => ({
  key,
  rangeEnd: EMPTY,
  target: "create",
  result: "equal",
  operand: createRevision,
});

const put = (key: Bytes, value: Bytes, lease: LeaseId): TxnOp => ({
  kind: "put",
  request: { key, value, lease, prevKv: false, ignoreValue: false, ignoreLease: false },
});

/** Puts `value` under the place's key, while that is the one it was. */
export const putAt = (place: Omit<Place, "prefix">, value: Bytes): TxnRequest => ({
  compare: [wasCreatedAt(place.key, place.createRevision)],
  success: [put(place.key, value, place.lease)],
  failure: [],
});

/** Deletes the place's key, while that is the one it was. */
export const deleteAt = (place: Pick<Place, "key" | "createRevision">): TxnRequest => ({
  compare: [wasCreatedAt(place.key, place.createRevision)],
  success: [{ kind: "deleteRange", request: { key: place.key, rangeEnd: EMPTY, prevKv: false } }],
  failure: [],
});

/** Takes a place, or finds the one that the lease has. @throws RequestError */
export async function enter(
  store: RecipeStore,
  { name, lease, value }: { readonly name: Bytes; readonly lease: LeaseId; readonly value: Bytes },
): Promise<Entered> {
  const prefix = prefixOf(name);
  const key = keyOf(prefix, lease);
  const head: TxnOp = { kind: "range", request: headOf(prefix) };
  const { header, answer } = await askTxn(store, {
    compare: [wasCreatedAt(key, 0)],
    success: [put(key, value, lease), head],
    failure: [{ kind: "range", request: rangeOfKey(key) }, head],
  });
  const [own, first] = answer.responses;
  assert(own !== undefined && first?.kind === "range", "a transaction answers all its operations");
  const found = own.kind === "range" ? own.answer.kvs[0]! : null;
  const createRevision = found?.createRevision ?? header.revision;
  return {
    place: { prefix, key, lease, createRevision },
    header,
    found,
    isFirst: first.answer.kvs[0]?.createRevision === createRevision,
  };
}

/**
 * Resolves once nobody stands before `place`: then it is at the head, unless its key is gone by now.
 *
 * @throws RequestError; the reason of the store's signal.
 */
export async function outwait(store: RecipeStore, place: Place): Promise<void> {
  for (;;) {
    const before = nextBefore(place.prefix, place.createRevision);
    const { header, answer } = await store.insist(before);
    const [next] = answer.kvs;
    if (next === undefined) return;
    await deletionOf(store, next.key, header.revision);
  }
}

/** Whether the place's key is still the one it was, and the header under which that was seen. */
export async function isKept(
  store: RecipeStore,
  { key, createRevision }: Place,
): Promise<{ readonly header: Header; readonly kept: boolean }> {
  const { header, answer } = await store.insist(rangeOfKey(key));
  return { header, kept: answer.kvs[0]?.createRevision === createRevision };
}

/** Gives the place up, as well as that can be done; at the latest it ends with its lease. */
export const withdraw = (store: RecipeStore, place: Place): Promise<void> =>
  store.tidy({ kind: "txn", request: deleteAt(place) });

/** Resolves at a deletion after `revision`, or when the watch ended: who waits reads again anyhow. */
async function deletionOf(store: RecipeStore, key: Bytes, revision: Revision): Promise<void> {
  const spec = { ...watchAfter(revision, key, EMPTY), noPut: true };
  for await (const { events } of store.watch(spec)) if (events.length > 0) return;
}

/** A watch of everything after `revision`. */
export const watchAfter = (revision: Revision, key: Bytes, rangeEnd: Bytes): WatchSpec => ({
  key,
  rangeEnd,
  startRevision: revision + 1,
  prevKv: false,
  progressNotify: false,
  noPut: false,
  noDelete: false,
});
