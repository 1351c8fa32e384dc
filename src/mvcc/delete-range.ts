// Owns deletions: of an interval, and of the keys of a lease that ends. No tombstones are stored:
// that a key is gone shows by its absence, and the deletion itself stands in the history.
// Source: etcd server/etcdserver/txn/delete.go, server/lease/lessor.go (Revoke).

import { EMPTY } from "../base/bytes.ts";
import { intervalOf, isEmptyInterval, type Interval } from "../base/interval.ts";
import type { DeleteRangeAnswer, DeleteRangeRequest, KeyEvent, KeyValue } from "../base/kv.ts";
import { MUTATION_KEYS_MAX } from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import type { Refusal } from "../base/refusal.ts";
import { asRevision, NO_LEASE, type Bytes, type LeaseId, type Revision } from "../base/types.ts";
import type { IntervalSet } from "./interval-set.ts";
import type { Mutation } from "./mutation.ts";
import { boundsOf, leaseToBytes } from "./rows.ts";
import { countLatest, latestVersions, liveBytes } from "./scan.ts";
import { copyToOld } from "./supersede.ts";

/** Why the keys of these intervals cannot be deleted in one mutation, or null. Reads only. */
export function checkDeletions(sql: SqlPort, intervals: IntervalSet): Refusal | null {
  let left = MUTATION_KEYS_MAX;
  for (const interval of intervals.intervals) {
    left -= countLatest(sql, interval, left + 1);
    if (left < 0) return "tooManyKeys";
  }
  return null;
}

/** The bytes of keys and values that the deletion answers with. Reads no values. */
export function deletionAnswerBytes(sql: SqlPort, request: DeleteRangeRequest): number {
  const interval = intervalOf(request.key, request.rangeEnd);
  return request.prevKv && !isEmptyInterval(interval) ? liveBytes(sql, interval) : 0;
}

/** Deletes the keys of an interval. It has passed `checkDeletions`. */
export function applyDeleteRange(
  mutation: Mutation,
  request: DeleteRangeRequest,
): DeleteRangeAnswer {
  const interval = intervalOf(request.key, request.rangeEnd);
  if (isEmptyInterval(interval)) return { deleted: 0, prevKvs: [] };
  const deleted = readAll(mutation.sql, interval, { values: request.prevKv });
  deleteLive(mutation, boundsOf(interval), deleted);
  for (const { lease } of deleted) mutation.leaseKeys.moved(lease, NO_LEASE);
  return { deleted: deleted.length, prevKvs: request.prevKv ? deleted : [] };
}

/** Deletes the keys attached to the lease, in key order; returns how many there were. */
export function applyDeleteKeysOfLease(mutation: Mutation, lease: LeaseId): number {
  const bytes = leaseToBytes(lease);
  if (bytes === null) return 0;
  const keys = mutation.leaseKeys.keysOf(lease).map((key) => ({ key }));
  deleteLive(mutation, { condition: "lease = ?", parameters: [bytes] }, keys);
  mutation.leaseKeys.ended(lease);
  return keys.length;
}

function readAll(
  sql: SqlPort,
  interval: Interval,
  { values }: { readonly values: boolean },
): KeyValue[] {
  return [...latestVersions(sql, { interval, descending: false, values, rowsMax: Infinity })];
}

/** Moves the matching rows, which are those of `keys`, out of `now`, and records the events. */
function deleteLive(
  mutation: Mutation,
  rows: { readonly condition: string; readonly parameters: readonly Bytes[] },
  keys: readonly { readonly key: Bytes }[],
): void {
  if (keys.length === 0) return;
  copyToOld(mutation.sql, mutation.revision, rows);
  mutation.sql.run(`DELETE FROM now WHERE ${rows.condition}`, ...rows.parameters);
  for (const { key } of keys) mutation.record(deletionOf(key, mutation.revision));
}

function deletionOf(key: Bytes, modRevision: Revision): KeyEvent {
  const createRevision = asRevision(0);
  const kv = { key, createRevision, modRevision, version: 0, value: EMPTY, lease: NO_LEASE };
  return { kind: "delete", kv };
}
