// Owns the conditions of transactions (etcd server/etcdserver/txn/txn.go, applyCompare).

import { compareBytes, EMPTY } from "../base/bytes.ts";
import { intervalOf } from "../base/interval.ts";
import type { Compare, CompareResult, KeyValue } from "../base/kv.ts";
import type { SqlPort } from "../base/ports.ts";
import { asRevision, NO_LEASE } from "../base/types.ts";
import { latestVersions } from "./scan.ts";

/** What a missing key is compared as. */
const MISSING: KeyValue = {
  key: EMPTY,
  createRevision: asRevision(0),
  modRevision: asRevision(0),
  version: 0,
  value: EMPTY,
  lease: NO_LEASE,
};

/**
 * Whether the condition holds for every live key of its range. A range without keys is compared
 * as one key of zeros, but a compare of its value is false whatever is asked, "not equal" too:
 * an empty value could not be told from none.
 */
export function holds(sql: SqlPort, compare: Compare): boolean {
  const interval = intervalOf(compare.key, compare.rangeEnd);
  const values = compare.target === "value";
  let isMissing = true;
  for (const kv of latestVersions(sql, {
    interval,
    descending: false,
    values,
    rowsMax: Infinity,
  })) {
    if (!holdsFor(compare, kv)) return false;
    isMissing = false;
  }
  return isMissing ? holdsForKey(compare, null) : true;
}

/** The same for a condition on one key, of its version; null when there is none. */
export const holdsForKey = (compare: Compare, kv: KeyValue | null): boolean =>
  kv === null ? compare.target !== "value" && holdsFor(compare, MISSING) : holdsFor(compare, kv);

const holdsFor = (compare: Compare, kv: KeyValue): boolean =>
  matches(compare.result, orderOf(compare, kv));

/** Negative, zero or positive as the key's field is below, at or above the operand. */
function orderOf(compare: Compare, kv: KeyValue): number {
  switch (compare.target) {
    case "version":
      return kv.version - compare.operand;
    case "create":
      return kv.createRevision - compare.operand;
    case "mod":
      return kv.modRevision - compare.operand;
    case "lease":
      return kv.lease === compare.operand ? 0 : kv.lease < compare.operand ? -1 : 1;
    case "value":
      return compareBytes(kv.value, compare.operand);
    default:
      return compare satisfies never;
  }
}

function matches(result: CompareResult, order: number): boolean {
  switch (result) {
    case "equal":
      return order === 0;
    case "notEqual":
      return order !== 0;
    case "greater":
      return order > 0;
    case "less":
      return order < 0;
    case "always":
      return true;
    default:
      return result satisfies never;
  }
}
