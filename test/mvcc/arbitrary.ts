// Owns random requests for properties: few keys, so that they meet; every option, so that they mix.

import * as fc from "fast-check";

import { encodeUtf8, EMPTY } from "../../src/base/bytes.ts";
import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  TxnOp,
  TxnRequest,
} from "../../src/base/kv.ts";
import { asLeaseId, type Bytes } from "../../src/base/types.ts";
import { bytesOf } from "./fixture.ts";

export const LEASES = [0n, 1n, -2n, 2n ** 62n + 1n].map(asLeaseId);
/** Never granted. */
const UNKNOWN_LEASE = asLeaseId(99n);

const KEYS = ["a", "aa", "a\0", "b", "ba", "c", "d"].map(encodeUtf8).concat([bytesOf(255)]);
const ENDS = [...KEYS, EMPTY, EMPTY, EMPTY, bytesOf(0), encodeUtf8("e"), encodeUtf8("e")];

export const key: fc.Arbitrary<Bytes> = fc.constantFrom(...KEYS);
const rangeEnd: fc.Arbitrary<Bytes> = fc.constantFrom(...ENDS);
const value: fc.Arbitrary<Bytes> = fc.constantFrom(...["", "x", "y", "zz"].map(encodeUtf8));
const rarely = fc.nat(7).map((n) => n === 0);
const bound = fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 40 }));

export const rangeRequest: fc.Arbitrary<RangeRequest> = fc.record({
  key,
  rangeEnd,
  limit: fc.oneof(fc.constant(0), fc.integer({ min: -1, max: 6 })),
  revision: fc.oneof(fc.constant(0), fc.integer({ min: -2, max: 45 })),
  sortOrder: fc.constantFrom("none", "ascend", "descend"),
  sortTarget: fc.constantFrom("key", "key", "version", "create", "mod", "value"),
  keysOnly: rarely,
  countOnly: rarely,
  minModRevision: bound,
  maxModRevision: bound,
  minCreateRevision: bound,
  maxCreateRevision: bound,
});

export const putRequest: fc.Arbitrary<PutRequest> = fc
  .record({
    key,
    value,
    lease: fc.constantFrom(...LEASES, LEASES[0]!, LEASES[0]!, UNKNOWN_LEASE),
    prevKv: fc.boolean(),
    ignoreValue: rarely,
    ignoreLease: rarely,
  })
  .map((request) => ({
    ...request,
    value: request.ignoreValue ? EMPTY : request.value,
    lease: request.ignoreLease ? LEASES[0]! : request.lease,
  }));

export const deleteRequest: fc.Arbitrary<DeleteRangeRequest> = fc.record({
  key,
  rangeEnd,
  prevKv: fc.boolean(),
});

const comparison = fc.record({
  key,
  rangeEnd,
  result: fc.constantFrom("equal", "greater", "less", "notEqual", "always"),
});
const compare: fc.Arbitrary<Compare> = fc.oneof(
  fc
    .tuple(comparison, fc.constantFrom("version", "create", "mod"), fc.integer({ min: 0, max: 9 }))
    .map(([common, target, operand]) => ({ ...common, target, operand })),
  fc
    .tuple(comparison, fc.constantFrom(...LEASES))
    .map(([common, operand]) => ({ ...common, target: "lease" as const, operand })),
  fc
    .tuple(comparison, value)
    .map(([common, operand]) => ({ ...common, target: "value" as const, operand })),
);

/** Nested up to `depth` levels. Of right form but for collisions and empty operations. */
export function txnRequest(
  depth: number,
  options: { readonly withEmpty: boolean },
): fc.Arbitrary<TxnRequest> {
  const leaves: fc.Arbitrary<TxnOp>[] = [
    rangeRequest.map((request) => ({ kind: "range" as const, request })),
    putRequest.map((request) => ({ kind: "put" as const, request })),
    deleteRequest.map((request) => ({ kind: "deleteRange" as const, request })),
  ];
  if (options.withEmpty) leaves.push(fc.constant({ kind: "empty" }));
  if (depth > 0) {
    const nested = txnRequest(depth - 1, options);
    leaves.push(nested.map((request) => ({ kind: "txn" as const, request })));
  }
  const ops = fc.array(fc.oneof(...leaves), { maxLength: 4 });
  return fc.record({
    compare: fc.array(compare, { maxLength: 2 }),
    success: ops,
    failure: ops,
  });
}
