// Owns which calls may travel together: those that are asked for often, are short, and are answered at
// one pace. Whatever may take its time goes alone: what lists, compacts, waits, or changes members.

import { isReadOnlyTxn, type TxnOp, type TxnRequest } from "../base/kv.ts";
import type { GatheredCall } from "../api/gathered-codec.ts";
import type { ReplicaCall } from "../api/replica.ts";

/** Calls of one lane wait for the same: a batch of the log, a quorum, or nothing. */
export type LaneName = "write" | "read" | "local";

/** The copying of a longer value costs more than a call of its own. */
const VALUE_BYTES_MAX = 16_384;
/** More than these are no short transaction. */
const OPERATIONS_MAX = 16;

/** The call, if it may be gathered, and with which others; else null. */
export function gatherable(call: ReplicaCall): readonly [LaneName, GatheredCall] | null {
  const { request } = call;
  switch (request.kind) {
    case "range": {
      const { countOnly, rangeEnd } = request.request;
      // Whoever takes an age for its freshness may have to wait for it.
      if (countOnly || rangeEnd.length > 0 || call.freshness !== undefined) return null;
      return [request.serializable ? "local" : "read", { ...call, request }];
    }
    case "put":
    case "deleteRange":
      return isShort(request) ? ["write", { ...call, request }] : null;
    case "txn":
      return isShortTxn(request.request) ? ["write", { ...call, request }] : null;
    default:
      return null;
  }
}

const isShortTxn = (txn: TxnRequest): boolean =>
  !isReadOnlyTxn(txn) &&
  txn.compare.length + txn.success.length + txn.failure.length <= OPERATIONS_MAX &&
  txn.compare.every(({ rangeEnd }) => rangeEnd.length === 0) &&
  [...txn.success, ...txn.failure].every(isShort);

/** Of one key. */
function isShort(operation: TxnOp): boolean {
  switch (operation.kind) {
    case "put":
      return operation.request.value.length <= VALUE_BYTES_MAX;
    case "range":
    case "deleteRange":
      return operation.request.rangeEnd.length === 0;
    case "txn":
    case "empty":
      return false;
    default:
      return operation satisfies never;
  }
}
