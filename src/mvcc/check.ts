// Owns the checks that need no state: the form of requests. The leader refuses by them before it
// proposes, over the whole request and both branches of each txn, as etcd's API layer does
// (etcd server/etcdserver/api/v3rpc/key.go). What depends on state is checked when applying.

import { bytesKey } from "../base/bytes.ts";
import { successor, type Interval } from "../base/interval.ts";
import { TXN_OPS_MAX } from "../base/limits.ts";
import type {
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  TxnOp,
  TxnRequest,
} from "../base/kv.ts";
import type { Refusal } from "../base/refusal.ts";
import { NO_LEASE, type Bytes } from "../base/types.ts";
import { IntervalSet } from "./interval-set.ts";

/** Why the request can never be served, or null. Refuses an empty key, even "from \0 on". */
export const checkRangeForm = (request: RangeRequest): Refusal | null =>
  request.key.length === 0 ? "keyNotProvided" : null;

/** Why the request can never be served, or null. */
export function checkPutForm(request: PutRequest): Refusal | null {
  if (request.key.length === 0) return "keyNotProvided";
  if (request.ignoreValue && request.value.length > 0) return "valueProvided";
  if (request.ignoreLease && request.lease !== NO_LEASE) return "leaseProvided";
  return null;
}

/** Why the request can never be served, or null. */
export const checkDeleteRangeForm = (request: DeleteRangeRequest): Refusal | null =>
  request.key.length === 0 ? "keyNotProvided" : null;

/**
 * Why the request can never be served, or null: too many operations, an operation of wrong form
 * or none, the same key changed twice. Nesting is bounded by it: a level that holds a txn leaves
 * it fewer operations.
 */
export function checkTxnForm(request: TxnRequest): Refusal | null {
  const refusal = checkTxnOps(request, TXN_OPS_MAX);
  if (refusal !== null) return refusal;
  const collides = changesOf(request.success) === null || changesOf(request.failure) === null;
  return collides ? "duplicateKey" : null;
}

function checkTxnOps(request: TxnRequest, opsMax: number): Refusal | null {
  const { compare, success, failure } = request;
  const ops = Math.max(compare.length, success.length, failure.length);
  if (ops > opsMax) return "tooManyOps";
  if (compare.some(({ key }) => key.length === 0)) return "keyNotProvided";
  for (const op of [...success, ...failure]) {
    const refusal = checkOp(op, opsMax - ops);
    if (refusal !== null) return refusal;
  }
  return null;
}

function checkOp(op: TxnOp, nestedOpsMax: number): Refusal | null {
  switch (op.kind) {
    case "range":
      return checkRangeForm(op.request);
    case "put":
      return checkPutForm(op.request);
    case "deleteRange":
      return checkDeleteRangeForm(op.request);
    case "txn":
      return checkTxnOps(op.request, nestedOpsMax);
    case "empty":
      return "keyNotFound";
    default:
      return op satisfies never;
  }
}

/** The keys that operations may change: those put, by name, and those in deleted intervals. */
interface Changes {
  readonly puts: Map<string, Bytes>;
  readonly deletions: IntervalSet;
}

/**
 * What the operations may change; null when two of them collide (etcd's `checkIntervals`). A put
 * collides with another put of its key, and with a deletion around it, at its own level or in a
 * nested txn, in any order. The exact reach is observable, and kept:
 * - the branches of one nested txn exclude each other, so both may put the same key;
 * - of sibling txns, a put collides with the deletions of *earlier* siblings only;
 * - a deletion "from key on" (`\0`) collides with nothing [observed on 3.5.16].
 */
function changesOf(ops: readonly TxnOp[]): Changes | null {
  const changes: Changes = { puts: new Map(), deletions: new IntervalSet() };
  for (const op of ops) {
    if (op.kind === "deleteRange") changes.deletions.add(statedInterval(op.request));
  }
  for (const op of ops) {
    if (op.kind !== "txn") continue;
    const nested = changesOfBranches(op.request);
    if (nested === null || !addPuts(changes, nested.puts)) return null;
    changes.deletions.addAll(nested.deletions);
  }
  for (const op of ops) {
    if (op.kind !== "put") continue;
    const { key } = op.request;
    if (!addPuts(changes, new Map([[bytesKey(key), key]]))) return null;
  }
  return changes;
}

/** What either branch may change. */
function changesOfBranches(request: TxnRequest): Changes | null {
  const success = changesOf(request.success);
  const failure = changesOf(request.failure);
  if (success === null || failure === null) return null;
  success.deletions.addAll(failure.deletions);
  const puts = new Map([...success.puts, ...failure.puts]);
  return { puts, deletions: success.deletions };
}

/** Adds the puts; false when one collides with what is there. */
function addPuts(changes: Changes, puts: ReadonlyMap<string, Bytes>): boolean {
  for (const [name, key] of puts) {
    if (changes.puts.has(name) || changes.deletions.has(key)) return false;
    changes.puts.set(name, key);
  }
  return true;
}

/** The interval as stated: `\0` as range_end is the byte that it is, and ends before any key. */
const statedInterval = ({ key, rangeEnd }: DeleteRangeRequest): Interval => ({
  start: key,
  end: rangeEnd.length === 0 ? successor(key) : rangeEnd,
});
