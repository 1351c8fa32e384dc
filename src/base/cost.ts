// Owns what a write takes of the quota, as etcd reckons it: key, value, and a lump for what is stored
// around them. Deletions and compactions take nothing: they must go on when there is no room.
// Source: etcd server/storage/quota.go. There an operation of a nested transaction counts nothing.

import type { PutRequest, TxnOp, TxnRequest } from "./kv.ts";

/** What a lease takes, in bytes. */
export const LEASE_COST_BYTES = 64;
/** What a version takes besides its key and value, in bytes. */
const VERSION_COST_BYTES = 256;

export const costOfPut = ({ key, value }: PutRequest): number =>
  VERSION_COST_BYTES + key.length + value.length;

/** The dearer of the two branches, whichever will be taken. */
export const costOfTxn = ({ success, failure }: TxnRequest): number =>
  Math.max(costOfOps(success), costOfOps(failure));

function costOfOps(ops: readonly TxnOp[]): number {
  let cost = 0;
  for (const op of ops) {
    if (op.kind === "put") cost += costOfPut(op.request);
    else if (op.kind === "txn") cost += costOfTxn(op.request);
  }
  return cost;
}
