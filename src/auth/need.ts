// Owns what a request about keys needs of whoever asks for it, while auth is on: a list of accesses,
// which `permission.ts` compares with what a user may do.
// Source: etcd server/etcdserver/apply/auth.go, server/etcdserver/txn/txn.go (CheckTxnAuth).

import { EMPTY } from "../base/bytes.ts";
import { intervalOf, type Interval } from "../base/interval.ts";
import type {
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  TxnOp,
  TxnRequest,
} from "../base/kv.ts";
import { NO_LEASE, type LeaseId } from "../base/types.ts";

export type Right = "read" | "write";

/** A right to the keys of an interval, or to those that hang on a lease (null: on any lease). */
export type Access =
  | { readonly right: Right; readonly interval: Interval }
  | { readonly right: Right; readonly lease: LeaseId | null };

export type Need =
  /** Everybody may. */
  | { readonly kind: "nothing" }
  | { readonly kind: "root" }
  /** What it is about the user or the role itself: those who are it, or have it, may; so may root. */
  | { readonly kind: "user"; readonly name: string }
  | { readonly kind: "role"; readonly name: string }
  /** Someone who is known, with these accesses. */
  | { readonly kind: "accesses"; readonly accesses: readonly Access[] };

export const NOTHING: Need = { kind: "nothing" };
export const ROOT: Need = { kind: "root" };
/** Someone who is known. */
export const KNOWN: Need = { kind: "accesses", accesses: [] };

export const needOfAccesses = (...accesses: readonly Access[]): Need => ({
  kind: "accesses",
  accesses,
});

export const needOfRange = (request: RangeRequest): Need => needOfAccesses(readOf(request));

export const needOfPut = (request: PutRequest): Need => needOfAccesses(...accessesOfPut(request));

export const needOfDeleteRange = (request: DeleteRangeRequest): Need =>
  needOfAccesses(...accessesOfDeleteRange(request));

export const needOfTxn = (request: TxnRequest): Need => needOfAccesses(...accessesOfTxn(request));

interface Keys {
  readonly key: RangeRequest["key"];
  readonly rangeEnd: RangeRequest["rangeEnd"];
}

const accessTo = (right: Right, { key, rangeEnd }: Keys): Access => ({
  right,
  interval: intervalOf(key, rangeEnd),
});

const readOf = (keys: Keys): Access => accessTo("read", keys);

/**
 * To attach a key to a lease is to have it deleted with that: whoever may not write all keys of the
 * lease could neither revoke it.
 */
function accessesOfPut({ key, lease, prevKv }: PutRequest): Access[] {
  const keys = { key, rangeEnd: EMPTY };
  const accesses = [accessTo("write", keys)];
  if (lease !== NO_LEASE) accesses.push({ right: "write", lease });
  if (prevKv) accesses.push(readOf(keys));
  return accesses;
}

const accessesOfDeleteRange = (request: DeleteRangeRequest): Access[] =>
  request.prevKv ? [accessTo("write", request), readOf(request)] : [accessTo("write", request)];

/** Of both branches, however deep: which one is taken would tell about keys that may not be read. */
function accessesOfTxn({ compare, success, failure }: TxnRequest): Access[] {
  return [...compare.map(readOf), ...[...success, ...failure].flatMap(accessesOfOp)];
}

function accessesOfOp(op: TxnOp): Access[] {
  switch (op.kind) {
    case "range":
      return [readOf(op.request)];
    case "put":
      return accessesOfPut(op.request);
    case "deleteRange":
      return accessesOfDeleteRange(op.request);
    case "txn":
      return accessesOfTxn(op.request);
    case "empty":
      return [];
    default:
      return op satisfies never;
  }
}
