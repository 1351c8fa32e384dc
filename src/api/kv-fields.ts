// Owns what the fields of etcd's KV requests mean, whether they came as JSON or as protocol buffers.

import type { Compare, CompareResult, RangeRequest, SortOrder, SortTarget } from "../base/kv.ts";
import type { Refusal } from "../base/refusal.ts";
import { accept, refuse, type Result } from "../base/result.ts";
import { asLeaseId, type Bytes } from "../base/types.ts";

/** By their numbers. */
export const SORT_ORDERS: readonly SortOrder[] = ["none", "ascend", "descend"];
export const SORT_TARGETS: readonly SortTarget[] = ["key", "version", "create", "mod", "value"];
const RESULTS: readonly CompareResult[] = ["equal", "greater", "less", "notEqual"];
export const TARGET_NAMES = ["VERSION", "CREATE", "MOD", "VALUE", "LEASE"];

/** A RangeRequest whose sort options are numbers yet. */
export interface RangeFields extends Omit<RangeRequest, "sortOrder" | "sortTarget"> {
  readonly sortOrder: number;
  readonly sortTarget: number;
}

/** An unknown number as sort option is refused, as in 3.6. */
export function rangeOfFields(fields: RangeFields): Result<RangeRequest, Refusal> {
  const sortOrder = SORT_ORDERS[fields.sortOrder];
  const sortTarget = SORT_TARGETS[fields.sortTarget];
  if (sortOrder === undefined || sortTarget === undefined) {
    // etcd looks at the key before it looks at the options.
    return refuse(fields.key.length === 0 ? "keyNotProvided" : "invalidSortOption");
  }
  return accept({ ...fields, sortOrder, sortTarget });
}

/** A Compare with all operands that it could have; those that were not set are zero. */
export interface CompareFields {
  readonly result: number;
  readonly target: number;
  readonly key: Bytes;
  readonly version: number;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly value: Bytes;
  readonly lease: bigint;
  readonly rangeEnd: Bytes;
}

/** The operand is the field that belongs to the target; another field that was set counts for 0. */
export function compareOfFields(fields: CompareFields): Compare {
  const { key, rangeEnd } = fields;
  const result = RESULTS[fields.result] ?? "always";
  switch (TARGET_NAMES[fields.target]) {
    case "VERSION":
      return { key, rangeEnd, result, target: "version", operand: fields.version };
    case "CREATE":
      return { key, rangeEnd, result, target: "create", operand: fields.createRevision };
    case "MOD":
      return { key, rangeEnd, result, target: "mod", operand: fields.modRevision };
    case "VALUE":
      return { key, rangeEnd, result, target: "value", operand: fields.value };
    case "LEASE":
      return { key, rangeEnd, result, target: "lease", operand: asLeaseId(fields.lease) };
    default:
      return { key, rangeEnd, ...unknownTarget(result) };
  }
}

/**
 * etcd compares an unknown target as equal to whatever was given. No version is less than 0, which
 * says "never".
 */
function unknownTarget(result: CompareResult): Pick<Compare, "result"> & {
  readonly target: "version";
  readonly operand: number;
} {
  const holds = result === "equal" || result === "always";
  return { result: holds ? "always" : "less", target: "version", operand: 0 };
}
