// Owns what a recipe (a lock, an election) needs of the cluster: requests, reads that wait for a
// leader, and watches. Tests play it; `router-store.ts` has the real one.

import type { ClientAnswer, ClientRequest, Header } from "../../api/replica.ts";
import { assert } from "../../base/assert.ts";
import type { RangeAnswer, RangeRequest, TxnAnswer, TxnRequest } from "../../base/kv.ts";
import { asLeaseId, NO_LEASE, type LeaseId } from "../../base/types.ts";
import type { WatchEvent, WatchSpec } from "../../base/watch.ts";

/** Events that came together. */
export interface EventBatch {
  readonly header: Header;
  readonly events: readonly WatchEvent[];
}

export interface RecipeStore {
  /** Aborts when the caller is gone or its time is over; the reason is what it would be told. */
  readonly signal: AbortSignal;
  /**
   * One request with an id of its own. It is seen to its end whether or not the caller is still
   * there: a recipe has to know what it wrote.
   *
   * @throws RequestError when it is refused, or has no answer.
   */
  ask(request: ClientRequest): Promise<{ readonly header: Header; readonly answer: ClientAnswer }>;
  /**
   * A linearizable read, asked again and again while the cluster has no leader.
   *
   * @throws RequestError when it is refused; the signal's reason.
   */
  insist(request: RangeRequest): Promise<{ readonly header: Header; readonly answer: RangeAnswer }>;
  /** For what must not be left behind: asked a few times, and never throws. */
  tidy(request: ClientRequest): Promise<void>;
  /**
   * The events of a watch, resumed over changes of leaders. It ends when it cannot be resumed, for
   * instance after a compaction: read again, and watch from there.
   *
   * @throws RequestError when it is refused; the signal's reason.
   */
  watch(spec: WatchSpec): AsyncIterable<EventBatch>;
}

/** Leases that a recipe grants by itself live for so long, as etcd's; nobody keeps them alive. */
const LEASE_TTL_SECONDS = 60;

/** A lease that was named, or one of the recipe's own. */
export async function leaseOf(store: RecipeStore, lease: LeaseId): Promise<LeaseId> {
  if (lease !== NO_LEASE) return lease;
  const request = { kind: "leaseGrant", id: NO_LEASE, ttlSeconds: LEASE_TTL_SECONDS } as const;
  const { answer } = await store.ask(request);
  assert(answer.kind === "leaseGrant", "an answer is of its request's kind");
  return asLeaseId(answer.answer.id);
}

/** A transaction's answer, with the header it came under. */
export async function askTxn(
  store: RecipeStore,
  request: TxnRequest,
): Promise<{ readonly header: Header; readonly answer: TxnAnswer }> {
  const { header, answer } = await store.ask({ kind: "txn", request });
  assert(answer.kind === "txn", "an answer is of its request's kind");
  return { header, answer: answer.answer };
}
