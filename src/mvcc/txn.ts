// Owns transactions in three steps, as etcd has them (server/etcdserver/txn/txn.go): all compares
// are decided on the state before, nested ones too; then every operation of the branches taken is
// checked; only then does the first write happen. What runs cannot be refused any more.

import { assert, InvariantError } from "../base/assert.ts";
import { containsKey, intervalOf } from "../base/interval.ts";
import type {
  PutRequest,
  RangeRequest,
  TxnAnswer,
  TxnOp,
  TxnOpAnswer,
  TxnRequest,
} from "../base/kv.ts";
import { TXN_ANSWER_BYTES_MAX } from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import type { Refusal } from "../base/refusal.ts";
import type { Bytes, Revision } from "../base/types.ts";
import { holds } from "./compare.ts";
import { applyDeleteRange, checkDeletions, deletionAnswerBytes } from "./delete-range.ts";
import { IntervalSet } from "./interval-set.ts";
import type { LeaseKeys } from "./lease-keys.ts";
import type { LeasePort } from "./leases.ts";
import type { Mutation } from "./mutation.ts";
import { applyPut, checkPutOfTxn, heldBytes } from "./put.ts";
import { answerBytes, measureRange, readRange } from "./range.ts";
import type { Past } from "./scan.ts";

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
export interface TxnState extends Past {
  readonly revision: Revision;
  readonly compacted: Revision;
  readonly leases: LeasePort;
  readonly leaseKeys: LeaseKeys;
}

/** Why the plan cannot run, or null. Checked wholly before the first write. */
export function checkPlan(state: TxnState, plan: TxnPlan): Refusal | null {
  const check: Check = {
    ...state,
    deletions: new IntervalSet(),
    puts: putsOf(plan),
    bytes: { left: TXN_ANSWER_BYTES_MAX },
  };
  return checkOps(check, plan) ?? checkDeletions(state.sql, check.deletions);
}

/** What a check gathers on its way, and what it measures by. */
interface Check extends TxnState {
  readonly deletions: IntervalSet;
  readonly puts: readonly PutRequest[];
  /** What the answers of all operations may still hold. */
  readonly bytes: { left: number };
}

function putsOf(plan: TxnPlan): PutRequest[] {
  return plan.ops.flatMap((op) => {
    if (op.kind === "txn") return putsOf(op.plan);
    return op.kind === "put" ? [op.request] : [];
  });
}

/**
 * Checks each operation in order, so that the first one at fault names the refusal (since etcd 3.6;
 * 3.5 looked at all puts before the ranges), and gathers what is to be deleted.
 */
function checkOps(check: Check, plan: TxnPlan): Refusal | null {
  for (const op of plan.ops) {
    const refusal = checkOp(check, op);
    if (refusal !== null) return refusal;
  }
  return null;
}

function checkOp(check: Check, op: PlannedOp): Refusal | null {
  switch (op.kind) {
    case "range":
      return checkRevision(check, op.request) ?? checkRangeAnswer(check, op.request);
    case "put":
      return checkPutOfTxn(check, op.request) ?? checkPutAnswer(check, op.request);
    case "deleteRange":
      check.deletions.add(intervalOf(op.request.key, op.request.rangeEnd));
      return spend(check, op.request, deletionAnswerBytes(check.sql, op.request));
    case "txn":
      return checkOps(check, op.plan);
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

/**
 * Whether what a Range answers still fits, by the state before and the puts that it may come to see.
 * Every replica holds the answers while it applies, so they are measured before anything is
 * written, and refused by all replicas alike.
 */
function checkRangeAnswer(check: Check, request: RangeRequest): Refusal | null {
  const view = { ...check, counts: null, bytesMax: Math.max(check.bytes.left, 0) };
  const measured = measureRange(view, request);
  if (!measured.ok) return measured.error;
  return request.countOnly ? null : spend(check, request, measured.value);
}

/** What a put answers or keeps of the version before counts as well. */
function checkPutAnswer({ sql, bytes }: Check, request: PutRequest): Refusal | null {
  bytes.left -= heldBytes(sql, request);
  return bytes.left < 0 ? "answerTooLarge" : null;
}

/** Takes off what an operation on these keys answers, and the puts among them. */
function spend(
  check: Check,
  request: { readonly key: Bytes; readonly rangeEnd: Bytes },
  answered: number,
): Refusal | null {
  const interval = intervalOf(request.key, request.rangeEnd);
  const seen = check.puts.filter((put) => containsKey(interval, put.key));
  check.bytes.left -= answered + answerBytes(seen);
  return check.bytes.left < 0 ? "answerTooLarge" : null;
}

/** Runs a plan that has passed `checkPlan`. Each operation sees the writes of those before it. */
export function runPlan(mutation: Mutation, compacted: Revision, plan: TxnPlan): TxnAnswer {
  const responses = plan.ops.map((op) => runOp(mutation, compacted, op));
  return { succeeded: plan.succeeded, responses };
}

function runOp(mutation: Mutation, compacted: Revision, op: PlannedOp): TxnOpAnswer {
  switch (op.kind) {
    case "range": {
      const { sql, replaced, latest: revision } = mutation;
      const view = { sql, replaced, revision, compacted, counts: null, bytesMax: Infinity };
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
