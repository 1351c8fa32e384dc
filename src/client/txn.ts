// Owns transactions as callers write them: conditions, operations, and the builder that puts them
// together. Nothing is sent, or even checked, before `commit`.

import type {
  Compare as StoredCompare,
  CompareResult,
  TxnAnswer,
  TxnOp,
  TxnOpAnswer,
  TxnRequest,
} from "../base/kv.ts";
import { bytesOf, type BytesLike, type KeySpace, type Selection } from "./keys.ts";
import {
  deleteRequest,
  deleteResult,
  leaseIdOf,
  putRequest,
  putResult,
  rangeRequest,
  rangeResult,
  type DeleteFields,
  type DeleteResult,
  type LeaseLike,
  type PutFields,
  type PutResult,
  type RangeFields,
  type RangeResult,
  type WriteOptions,
} from "./operations.ts";

/** A condition on a key, or on every key of a selection. Made by `compare`. */
export interface Compare {
  readonly keys: Selection;
  readonly target: StoredCompare["target"];
  readonly result: Exclude<CompareResult, "always">;
  readonly operand: number | LeaseLike | BytesLike;
}

/** What a key is compared with. */
export interface Comparison<Operand> {
  equals(operand: Operand): Compare;
  notEquals(operand: Operand): Compare;
  greaterThan(operand: Operand): Compare;
  lessThan(operand: Operand): Compare;
}

const comparison = <Operand extends Compare["operand"]>(
  target: Compare["target"],
  keys: Selection,
): Comparison<Operand> => ({
  equals: (operand) => ({ keys, target, result: "equal", operand }),
  notEquals: (operand) => ({ keys, target, result: "notEqual", operand }),
  greaterThan: (operand) => ({ keys, target, result: "greater", operand }),
  lessThan: (operand) => ({ keys, target, result: "less", operand }),
});

/** Conditions. A key that does not exist has zero in place of every number, and no value. */
export const compare = {
  version: (keys: Selection) => comparison<number>("version", keys),
  createRevision: (keys: Selection) => comparison<number>("create", keys),
  modRevision: (keys: Selection) => comparison<number>("mod", keys),
  value: (keys: Selection) => comparison<BytesLike>("value", keys),
  lease: (keys: Selection) => comparison<LeaseLike>("lease", keys),
  /** The key exists. */
  exists: (keys: Selection) => compare.createRevision(keys).greaterThan(0),
  /** The key does not exist. */
  missing: (keys: Selection) => compare.createRevision(keys).equals(0),
} as const;

/** A transaction within another. */
export interface TxnBranches {
  /** All of them: `success` is carried out, else `failure`. */
  readonly compare?: readonly Compare[] | undefined;
  readonly success?: readonly Op[] | undefined;
  readonly failure?: readonly Op[] | undefined;
}

/** What a transaction does. Made by `op`. */
export type Op =
  | { readonly kind: "get"; readonly keys: Selection; readonly fields: RangeFields }
  | {
      readonly kind: "put";
      readonly key: BytesLike;
      readonly value: BytesLike;
      readonly fields: PutFields;
    }
  | { readonly kind: "delete"; readonly keys: Selection; readonly fields: DeleteFields }
  | { readonly kind: "txn"; readonly branches: TxnBranches };

export const op = {
  get: (keys: Selection, fields: RangeFields = {}): Op => ({ kind: "get", keys, fields }),
  put: (key: BytesLike, value: BytesLike, fields: PutFields = {}): Op => ({
    kind: "put",
    key,
    value,
    fields,
  }),
  delete: (keys: Selection, fields: DeleteFields = {}): Op => ({ kind: "delete", keys, fields }),
  txn: (branches: TxnBranches): Op => ({ kind: "txn", branches }),
} as const;

/** What became of each operation, in their order. */
export type TxnResponse =
  | ({ readonly kind: "get" } & RangeResult)
  | ({ readonly kind: "put" } & PutResult)
  | ({ readonly kind: "delete" } & DeleteResult)
  | ({ readonly kind: "txn" } & TxnResult);

export interface TxnResult {
  /** Whether all conditions held. */
  readonly succeeded: boolean;
  /** Of the branch that was taken. */
  readonly responses: readonly TxnResponse[];
  readonly revision: number;
}

/** Commits what a builder has gathered. */
type Commit = (branches: TxnBranches, options: WriteOptions) => Promise<TxnResult>;

/**
 * Gathers a transaction: `if` all conditions hold, `then` these operations, `else` those. Each may be
 * called more than once, and adds.
 */
export class Txn {
  readonly #commit: Commit;
  readonly #compare: Compare[] = [];
  readonly #success: Op[] = [];
  readonly #failure: Op[] = [];

  constructor(commit: Commit) {
    this.#commit = commit;
  }

  if(...conditions: readonly Compare[]): this {
    this.#compare.push(...conditions);
    return this;
  }

  // The field's word. It would make the builder a promise to those who await it, so they are told.
  // oxlint-disable-next-line unicorn/no-thenable
  then(...ops: readonly Op[]): this {
    if (typeof ops[0] === "function") throw new TypeError("a transaction begins with commit()");
    this.#success.push(...ops);
    return this;
  }

  else(...ops: readonly Op[]): this {
    this.#failure.push(...ops);
    return this;
  }

  /** @throws EdgekeeperError; the reason of the signal. */
  commit(options: WriteOptions = {}): Promise<TxnResult> {
    const branches = { compare: this.#compare, success: this.#success, failure: this.#failure };
    return this.#commit(branches, options);
  }
}

/** @throws EdgekeeperError for keys that there cannot be. */
export const txnRequest = (keys: KeySpace, branches: TxnBranches): TxnRequest => ({
  compare: (branches.compare ?? []).map((each) => compareOf(keys, each)),
  success: (branches.success ?? []).map((each) => opOf(keys, each)),
  failure: (branches.failure ?? []).map((each) => opOf(keys, each)),
});

function compareOf(keys: KeySpace, { keys: selection, result, ...rest }: Compare): StoredCompare {
  const about = { ...keys.range(selection), result };
  const { target, operand } = rest;
  switch (target) {
    case "value":
      return { ...about, target, operand: bytesOf(operand as BytesLike) };
    case "lease":
      return { ...about, target, operand: leaseIdOf(operand as LeaseLike) };
    default:
      return { ...about, target, operand: operand as number };
  }
}

function opOf(keys: KeySpace, each: Op): TxnOp {
  switch (each.kind) {
    case "get":
      return { kind: "range", request: rangeRequest(keys, each.keys, each.fields) };
    case "put":
      return { kind: "put", request: putRequest(keys, each, each.fields) };
    case "delete":
      return { kind: "deleteRange", request: deleteRequest(keys, each.keys, each.fields) };
    case "txn":
      return { kind: "txn", request: txnRequest(keys, each.branches) };
    default:
      return each satisfies never;
  }
}

export const txnResult = (
  keys: KeySpace,
  { succeeded, responses }: TxnAnswer,
  revision: number,
): TxnResult => ({
  succeeded,
  responses: responses.map((each) => responseOf(keys, each, revision)),
  revision,
});

function responseOf(keys: KeySpace, each: TxnOpAnswer, revision: number): TxnResponse {
  switch (each.kind) {
    case "range":
      return { kind: "get", ...rangeResult(keys, each.answer, each.revision) };
    case "put":
      return { kind: "put", ...putResult(keys, each.answer, each.revision) };
    case "deleteRange":
      return { kind: "delete", ...deleteResult(keys, each.answer, each.revision) };
    case "txn":
      return { kind: "txn", ...txnResult(keys, each.answer, revision) };
    default:
      return each satisfies never;
  }
}
