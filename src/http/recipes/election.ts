// Owns etcd's election service as a recipe: candidates queue, the head of the queue leads, and its
// key's value is what it proclaims.

import { RECIPE_ERRORS } from "../../api/recipe-error.ts";
import type { Header } from "../../api/replica.ts";
import { assert } from "../../base/assert.ts";
import { EMPTY, equalBytes } from "../../base/bytes.ts";
import { prefixEnd } from "../../base/interval.ts";
import type { KeyValue } from "../../base/kv.ts";
import type { Bytes, LeaseId } from "../../base/types.ts";
import { RequestError } from "../response.ts";
import {
  deleteAt,
  enter,
  headOf,
  isKept,
  outwait,
  prefixOf,
  putAt,
  watchAfter,
  withdraw,
  type Entered,
  type Place,
} from "./queue.ts";
import { askTxn, leaseOf, type RecipeStore } from "./store.ts";

/** What a leader is known by; the create revision is etcd's `rev`. */
export type LeaderKey = Pick<Place, "key" | "lease" | "createRevision">;

/** A leader and what it proclaims. */
export interface Leader {
  readonly header: Header;
  readonly kv: KeyValue;
}

/**
 * Resolves when the candidate leads. One that stands or leads already proclaims its new value. The
 * header is of when it entered the queue, as in etcd. Whoever stops waiting leaves the queue.
 *
 * @throws RequestError; the reason of the store's signal.
 */
export async function campaign(
  store: RecipeStore,
  request: { readonly name: Bytes; readonly lease: LeaseId; readonly value: Bytes },
): Promise<{ readonly place: Place; readonly header: Header }> {
  const lease = await leaseOf(store, request.lease);
  const entered = await enter(store, { ...request, lease });
  const { place, header } = entered;
  try {
    await stand(store, entered, request.value);
    store.signal.throwIfAborted();
    return { place, header };
  } catch (error) {
    await withdraw(store, place);
    throw error;
  }
}

async function stand(
  store: RecipeStore,
  { place, found, isFirst }: Entered,
  value: Bytes,
): Promise<void> {
  if (found !== null && !equalBytes(found.value, value)) await proclaim(store, place, value);
  if (isFirst) return;
  await outwait(store, place);
  // etcd does not look, and tells one whose lease has ended meanwhile that it leads.
  const { kept } = await isKept(store, place);
  if (!kept) throw new RequestError(RECIPE_ERRORS.notLeader);
}

/** Says something else as leader, or as candidate. @throws RequestError */
export async function proclaim(
  store: RecipeStore,
  leader: LeaderKey,
  value: Bytes,
): Promise<Header> {
  const lease = await leaseOf(store, leader.lease);
  const { header, answer } = await askTxn(store, putAt({ ...leader, lease }, value));
  if (!answer.succeeded) throw new RequestError(RECIPE_ERRORS.notLeader);
  return header;
}

/** Gives leadership up; whoever does not lead gives up nothing. @throws RequestError */
export async function resign(store: RecipeStore, leader: LeaderKey): Promise<Header> {
  return (await askTxn(store, deleteAt(leader))).header;
}

/** Who leads. @throws RequestError when nobody does, or it cannot be known now. */
export async function leaderOf(store: RecipeStore, name: Bytes): Promise<Leader> {
  const request = headOf(prefixOf(name));
  const { header, answer } = await store.ask({ kind: "range", request, serializable: false });
  assert(answer.kind === "range", "an answer is of its request's kind");
  const [kv] = answer.answer.kvs;
  if (kv === undefined) throw new RequestError(RECIPE_ERRORS.noElected);
  return { header, kv };
}

/** Who leads, and each change of that or of what it proclaims, without end. */
export async function* observe(
  store: RecipeStore,
  name: Bytes,
): AsyncGenerator<Leader, never, void> {
  const prefix = prefixOf(name);
  let last: KeyValue | null = null;
  for (;;) {
    const leader = await nextLeader(store, prefix);
    // After a watch that could not be resumed it may be the one that was told already.
    if (last === null || !isSame(last, leader.kv)) yield leader;
    last = leader.kv;
    for await (const news of newsOf(store, leader)) {
      yield news;
      last = news.kv;
    }
  }
}

const isSame = (a: KeyValue, b: KeyValue): boolean =>
  a.modRevision === b.modRevision && equalBytes(a.key, b.key);

/** The leader, or the first that comes. */
async function nextLeader(store: RecipeStore, prefix: Bytes): Promise<Leader> {
  for (;;) {
    const { header, answer } = await store.insist(headOf(prefix));
    const [kv] = answer.kvs;
    if (kv !== undefined) return { header, kv };
    const spec = watchAfter(header.revision, prefix, prefixEnd(prefix));
    for await (const batch of store.watch({ ...spec, noDelete: true })) {
      const [first] = batch.events;
      if (first !== undefined) return asOf(first.kv, batch.header);
    }
  }
}

/** What the leader proclaims, until its key is deleted or the watch ends. */
async function* newsOf(
  store: RecipeStore,
  { header, kv }: Leader,
): AsyncGenerator<Leader, void, void> {
  const spec = watchAfter(header.revision, kv.key, EMPTY);
  for await (const batch of store.watch(spec)) {
    for (const event of batch.events) {
      if (event.kind === "delete") return;
      yield asOf(event.kv, batch.header);
    }
  }
}

const asOf = (kv: KeyValue, header: Header): Leader => ({
  header: { ...header, revision: kv.modRevision },
  kv,
});
