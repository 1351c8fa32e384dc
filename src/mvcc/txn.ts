// Owns transactions in three steps, as etcd has them (server/etcdserver/txn/txn.go): all compares
// are decided on the state before, nested ones too; then every operation of the branches taken is
// checked; only then does the first write happen. What runs cannot be refused any more.

import { assert, InvariantError } from "../base/assert.ts";
import { intervalOf } from "../base/interval.ts";
import type { RangeRequest, TxnAnswer, TxnOp, TxnOpAnswer, TxnRequest } from "../base/kv.ts";
import type { SqlPort } from "../base/ports.ts";
import type { Refusal } from "../base/refusal.ts";
import type { Revision } from "../base/types.ts";
import { holds } from "./compare.ts";
import { applyDeleteRange, checkDeletions } from "./delete-range.ts";
import { IntervalSet } from "./interval-set.ts";
import type { LeasePort } from "./leases.ts";
import type { Mutation } from "./mutation.ts";
import { applyPut, checkPut } from "./put.ts";
import { readRange } from "./range.ts";

/** The branches taken, all the way down. */
export interface TxnPlan {
  readonly succeeded: boolean;
  readonly ops: readonly PlannedOp[];
}

type PlannedOp =
  | Exclude<TxnOp, { readonly kind: "txn" }>
  | { readonly kind: "txn"; readonly plan: TxnPlan };

/** Decides which branches are taken, by the present state. */
export function planTxn(sql: SqlPort, request: TxnRequest): TxnPlan {
  const succeeded = request.compare.every((compare) => holds(sql, compare));
  const ops = (succeeded ? request.success : request.failure).map((op): PlannedOp =>
    op.kind === "txn" ? { kind: "txn", plan: planTxn(sql, op.request) } : op,
  );
  return { succeeded, ops };
}

/** The state that a plan is checked against. */
export interface TxnState {
  readonly sql: SqlPort;
  readonly revision: Revision;
  readonly compacted: Revision;
  readonly leases: LeasePort;
}

/** Why the plan cannot run, or null. Checked wholly before the first write. */
export function checkPlan(state: TxnState, plan: TxnPlan): Refusal | null {
  const deletions = new IntervalSet();
  return checkOps(state, plan, deletions) ?? checkDeletions(state.sql, deletions);
}

/**
 * Checks each operation in order, so that the first one at fault names the refusal (since etcd 3.6;
 * 3.5 looked at all puts before the ranges), and gathers what is to be deleted.
 */
function checkOps(state: TxnState, plan: TxnPlan, deletions: IntervalSet): Refusal | null {
  for (const op of plan.ops) {
    const refusal = checkOp(state, op, deletions);
    if (refusal !== null) return refusal;
  }
  return null;
}

function checkOp(state: TxnState, op: PlannedOp, deletions: IntervalSet): Refusal | null {
  switch (op.kind) {
    case "range":
      return checkRevision(state, op.request);
    case "put":
      return checkPut(state.sql, op.request, state.leases);
    case "deleteRange":
      deletions.add(intervalOf(op.request.key, op.request.rangeEnd));
      return null;
    case "txn":
      return checkOps(state, op.plan, deletions);
    case "empty":
      return "keyNotFound";
    default:
      return op satisfies never;
  }
}

/** Unlike in a plain Range, a negative revision is below the compacted one, if there is one. */
function checkRevision(state: TxnState, { revision }: RangeRequest): Refusal | null {
  if (revision === 0) return null;
  if (revision > state.revision) return "futureRevision";
  return revision < state.compacted ? "compacted" : null;
}

/** Runs a plan that has passed `checkPlan`. Each operation sees the writes of those before it. */
export function runPlan(mutation: Mutation, compacted: Revision, plan: TxnPlan): TxnAnswer {
  const responses = plan.ops.map((op) => runOp(mutation, compacted, op));
  return { succeeded: plan.succeeded, responses };
}

function runOp(mutation: Mutation, compacted: Revision, op: PlannedOp): TxnOpAnswer {
  switch (op.kind) {
    case "range": {
      const view = { sql: mutation.sql, revision: mutation.latest, compacted, counts: null };
      const result = readRange(view, op.request);
      assert(result.ok, "a range is checked before its txn runs");
      return { kind: "range", revision: mutation.latest, answer: result.value };
    }
    case "put": {
      const answer = applyPut(mutation, op.request);
      return { kind: "put", revision: mutation.latest, answer };
    }
    case "deleteRange": {
      const answer = applyDeleteRange(mutation, op.request);
      return { kind: "deleteRange", revision: mutation.latest, answer };
    }
    case "txn":
      return { kind: "txn", answer: runPlan(mutation, compacted, op.plan) };
    case "empty":
      throw new InvariantError("an empty operation is refused before its txn runs");
    default:
      return op satisfies never;
  }
}
