// Owns sequences of transactions within transactions.

import { b, bytes, delOp, everything, grant, put, putOp, rangeOp } from "../sequence.ts";
import { topic, txn, txnOp, type Step } from "../sequence.ts";

const isNew = (key: string): object => ({ key: b(key), target: "VERSION", version: 0 });
const FILLED: readonly Step[] = [put("a", "1"), put("b", "2"), put("c", "3")];
const puts = (count: number, prefix = "k"): object[] =>
  Array.from({ length: count }, (_, n) => putOp(`${prefix}${n}`, "v"));
const nest = (depth: number, innermost: object): object =>
  depth === 0 ? innermost : txnOp({ success: [nest(depth - 1, innermost)] });

export const kvNested = topic("kv-nested", {
  "compares within see the state before the whole": [
    txn({
      success: [
        putOp("n", "1"),
        txnOp({
          compare: [isNew("n")],
          success: [putOp("was-new", "")],
          failure: [putOp("was-old", "")],
        }),
      ],
    }),
    everything(),
  ],
  "a branch within is chosen on its own": [
    ...FILLED,
    txn({
      success: [
        txnOp({ compare: [isNew("a")], success: [rangeOp("a")], failure: [rangeOp("b")] }),
        txnOp({ compare: [isNew("zz")], success: [rangeOp("a")], failure: [rangeOp("b")] }),
      ],
    }),
  ],
  "the header of one within is empty": [
    ...FILLED,
    txn({ success: [txnOp({ success: [rangeOp("a")] })] }),
  ],
  "an empty one within": [...FILLED, txn({ success: [txnOp({})] }), everything()],
  "one that fails within": [...FILLED, txn({ success: [txnOp({ compare: [isNew("a")] })] })],
  "one that only reads within counts as a write for nothing": [
    ...FILLED,
    txn({ success: [txnOp({ success: [rangeOp("a")] })] }),
    everything(),
  ],
  "writes at all depths share a revision": [
    txn({
      success: [
        putOp("a", "1"),
        txnOp({ success: [putOp("b", "1"), txnOp({ success: [putOp("c", "1")] })] }),
        putOp("d", "1"),
      ],
    }),
    everything(),
  ],
  "operations see earlier ones at other depths": [
    ...FILLED,
    txn({
      success: [
        putOp("n", "1"),
        txnOp({
          success: [rangeOp("n"), putOp("m", "1"), txnOp({ success: [rangeOp("m"), delOp("a")] })],
        }),
        rangeOp("m"),
        rangeOp("a"),
      ],
    }),
    everything(),
  ],
  "five levels deep": [txn({ success: [nest(5, putOp("deep", "1"))] }), everything()],
  "twenty levels deep": [txn({ success: [nest(20, putOp("deep", "1"))] }), everything()],
  "the same key at two levels is refused": [
    txn({ success: [putOp("a", "1"), txnOp({ success: [putOp("a", "2")] })] }),
    txn({ success: [txnOp({ success: [putOp("a", "2")] }), putOp("a", "1")] }),
    everything(),
  ],
  "the same key in two siblings is refused": [
    txn({
      success: [txnOp({ success: [putOp("a", "1")] }), txnOp({ success: [putOp("a", "2")] })],
    }),
    txn({
      success: [txnOp({ success: [putOp("a", "1")] }), txnOp({ failure: [putOp("a", "2")] })],
    }),
    everything(),
  ],
  "the same key in both branches of one within": [
    txn({ success: [txnOp({ success: [putOp("a", "1")], failure: [putOp("a", "2")] })] }),
    everything(),
  ],
  "the same key in a branch of the outer and one within the other": [
    txn({ success: [putOp("a", "1")], failure: [txnOp({ success: [putOp("a", "2")] })] }),
    everything(),
  ],
  "a put within a range that the outer deletes is refused": [
    ...FILLED,
    txn({ success: [delOp("a", { range_end: b("c") }), txnOp({ success: [putOp("b", "1")] })] }),
    txn({ success: [txnOp({ success: [putOp("b", "1")] }), delOp("a", { range_end: b("c") })] }),
    everything(),
  ],
  "a put in a range that one within deletes is refused": [
    ...FILLED,
    txn({ success: [putOp("b", "1"), txnOp({ success: [delOp("a", { range_end: bytes(0) })] })] }),
    txn({ success: [txnOp({ failure: [delOp("b")] }), putOp("b", "1")] }),
    everything(),
  ],
  "siblings: one deletes, one puts": [
    ...FILLED,
    txn({ success: [txnOp({ success: [delOp("a")] }), txnOp({ success: [putOp("a", "1")] })] }),
    txn({ success: [txnOp({ success: [putOp("a", "1")] }), txnOp({ success: [delOp("a")] })] }),
    everything(),
  ],
  "one within: one branch deletes, the other puts": [
    ...FILLED,
    txn({ success: [txnOp({ success: [delOp("a")], failure: [putOp("a", "1")] })] }),
    everything(),
  ],
  "deletions overlap at all levels": [
    ...FILLED,
    txn({
      success: [
        delOp("a"),
        txnOp({ success: [delOp("a", { range_end: b("c") })] }),
        delOp("a", { range_end: bytes(0) }),
      ],
    }),
    everything(),
  ],
  "the budget of operations shrinks with depth: 126 and one": [
    txn({ success: [...puts(126), txnOp({ success: puts(1, "n") })] }),
    everything({ count_only: true }),
  ],
  "the budget of operations shrinks with depth: 127 and one": [
    txn({ success: [...puts(127), txnOp({ success: puts(1, "n") })] }),
    everything({ count_only: true }),
  ],
  "the budget of operations: one within holds 127": [
    txn({ success: [txnOp({ success: puts(127) })] }),
    txn({ success: [txnOp({ success: puts(128) })] }),
    everything({ count_only: true }),
  ],
  "the budget of operations: siblings do not add up": [
    txn({ success: [txnOp({ success: puts(100, "x") }), txnOp({ success: puts(100, "y") })] }),
    everything({ count_only: true }),
  ],
  "the budget of operations: compares of the outer count": [
    txn({
      compare: Array.from({ length: 100 }, () => isNew("a")),
      success: [txnOp({ success: puts(28) })],
    }),
    txn({
      compare: Array.from({ length: 100 }, () => isNew("a")),
      success: [txnOp({ success: puts(29, "z") })],
    }),
    everything({ count_only: true }),
  ],
  "faults within are told as outside": [
    txn({ success: [txnOp({ success: [putOp("", "1")] })] }),
    txn({ success: [txnOp({ compare: [{ key: "" }] })] }),
    txn({ success: [txnOp({ success: [{}] })] }),
    txn({ failure: [txnOp({ failure: [delOp("")] })] }),
  ],
  "a lease that is unknown within refuses the whole": [
    txn({ success: [putOp("a", "1"), txnOp({ success: [putOp("b", "1", { lease: 99 })] })] }),
    everything(),
  ],
  "a lease that is unknown in a branch not taken": [
    grant(7),
    txn({
      success: [
        txnOp({
          success: [putOp("b", "1", { lease: 7 })],
          failure: [putOp("c", "1", { lease: 99 })],
        }),
      ],
    }),
    everything(),
  ],
  "a future revision within refuses the whole": [
    ...FILLED,
    txn({ success: [putOp("n", "1"), txnOp({ success: [rangeOp("a", { revision: 99 })] })] }),
    everything(),
  ],
  "a previous version within": [
    ...FILLED,
    txn({
      success: [
        txnOp({ success: [putOp("a", "2", { prev_kv: true }), delOp("b", { prev_kv: true })] }),
      ],
    }),
    everything(),
  ],
  "ignore_value within of a missing key refuses the whole": [
    ...FILLED,
    txn({
      success: [
        putOp("n", "1"),
        txnOp({ success: [{ request_put: { key: b("zz"), ignore_value: true } }] }),
      ],
    }),
    everything(),
  ],
  "ranges within show the revision of the moment": [
    ...FILLED,
    txn({
      success: [
        txnOp({ success: [rangeOp("a")] }),
        putOp("n", "1"),
        txnOp({ success: [rangeOp("a")] }),
      ],
    }),
  ],
});
