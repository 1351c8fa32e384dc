// Owns the words of the key-value API as all layers use them: requests, answers, events. They are
// etcd's (`etcdserverpb`, `mvccpb`) with parsed types; what JSON looks like is `api/`'s affair.

import type { Bytes, LeaseId, Revision } from "./types.ts";

/** One version of one key. */
export interface KeyValue {
  readonly key: Bytes;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  /** 1 at creation, one more with each put, 1 again after a deletion. */
  readonly version: number;
  readonly value: Bytes;
  readonly lease: LeaseId;
}

/**
 * One change of one key. A deletion's `kv` has key and modRevision only: zeros, no value and no
 * lease otherwise. `put` with version 1 is a creation.
 */
export interface KeyEvent {
  readonly kind: "put" | "delete";
  readonly kv: KeyValue;
}

/** All events of one revision, in the order of the operations that made them. */
export interface RevisionEvents {
  readonly revision: Revision;
  readonly events: readonly KeyEvent[];
}

export type SortTarget = "key" | "version" | "create" | "mod" | "value";
export type SortOrder = "none" | "ascend" | "descend";

export interface RangeRequest {
  readonly key: Bytes;
  /** Empty: the single key; `\0`: without end; else exclusive. See `interval.ts`. */
  readonly rangeEnd: Bytes;
  /** The most kvs to return; 0 or less: all. */
  readonly limit: number;
  /** 0 or less: the latest (inside a txn a negative one counts as compacted, as in etcd). */
  readonly revision: number;
  readonly sortOrder: SortOrder;
  readonly sortTarget: SortTarget;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  /** Inclusive bounds on what is returned; 0 means none. */
  readonly minModRevision: number;
  readonly maxModRevision: number;
  readonly minCreateRevision: number;
  readonly maxCreateRevision: number;
}

export interface RangeAnswer {
  readonly kvs: readonly KeyValue[];
  /** The limit cut the answer. */
  readonly more: boolean;
  /** All keys of the interval at that revision, whatever limit and filters say. */
  readonly count: number;
}

export interface PutRequest {
  readonly key: Bytes;
  readonly value: Bytes;
  readonly lease: LeaseId;
  readonly prevKv: boolean;
  readonly ignoreValue: boolean;
  readonly ignoreLease: boolean;
}

export interface PutAnswer {
  /** The version before, when it was asked for and there was one. */
  readonly prevKv: KeyValue | null;
}

export interface DeleteRangeRequest {
  readonly key: Bytes;
  readonly rangeEnd: Bytes;
  readonly prevKv: boolean;
}

export interface DeleteRangeAnswer {
  readonly deleted: number;
  /** In key order; empty unless asked for. */
  readonly prevKvs: readonly KeyValue[];
}

/** `always` stands for a result that etcd does not know: such a compare holds. */
export type CompareResult = "equal" | "greater" | "less" | "notEqual" | "always";

/** A condition on one key or on every key of a range. A number operand is a revision or version. */
export type Compare = {
  readonly key: Bytes;
  readonly rangeEnd: Bytes;
  readonly result: CompareResult;
} & (
  | { readonly target: "version" | "create" | "mod"; readonly operand: number }
  | { readonly target: "lease"; readonly operand: LeaseId }
  | { readonly target: "value"; readonly operand: Bytes }
);

export type TxnOp =
  | { readonly kind: "range"; readonly request: RangeRequest }
  | { readonly kind: "put"; readonly request: PutRequest }
  | { readonly kind: "deleteRange"; readonly request: DeleteRangeRequest }
  | { readonly kind: "txn"; readonly request: TxnRequest }
  /** A RequestOp with no member set; refused with "key not found" if its branch is taken. */
  | { readonly kind: "empty" };

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly TxnOp[];
  readonly failure: readonly TxnOp[];
}

/** `revision` is what the sub-response's header shows: the view before or after the op's write. */
export type TxnOpAnswer =
  | { readonly kind: "range"; readonly revision: Revision; readonly answer: RangeAnswer }
  | { readonly kind: "put"; readonly revision: Revision; readonly answer: PutAnswer }
  | {
      readonly kind: "deleteRange";
      readonly revision: Revision;
      readonly answer: DeleteRangeAnswer;
    }
  | { readonly kind: "txn"; readonly answer: TxnAnswer };

export interface TxnAnswer {
  readonly succeeded: boolean;
  readonly responses: readonly TxnOpAnswer[];
}

/** Whether a txn holds ranges only: it is then a read and needs no entry. A nested txn writes. */
export const isReadOnlyTxn = (txn: TxnRequest): boolean =>
  [...txn.success, ...txn.failure].every((op) => op.kind === "range");
