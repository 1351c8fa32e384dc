// Owns sequences of transactions of one level: every comparison, what operations see of each other, what
// is refused.

import { ALL, b, bytes, call, compact, del, delOp, everything, grant, put } from "../sequence.ts";
import { putOp, range, rangeOp, topic, txn, txnOp, type Step } from "../sequence.ts";

/** `a` has version 2, creation 2, modification 4, value `m`, lease 7. */
const FILLED: readonly Step[] = [
  grant(7),
  put("a", "x"),
  put("b", "y"),
  put("a", "m", { lease: 7 }),
  put("c", "z"),
];

const SAMPLES: Readonly<Record<string, readonly object[]>> = {
  VERSION: [{ version: 1 }, { version: 2 }, { version: 3 }],
  CREATE: [{ create_revision: 1 }, { create_revision: 2 }, { create_revision: 3 }],
  MOD: [{ mod_revision: 3 }, { mod_revision: 4 }, { mod_revision: 5 }],
  VALUE: [{ value: b("l") }, { value: b("m") }, { value: b("n") }],
  LEASE: [{ lease: 6 }, { lease: 7 }, { lease: 8 }],
};
const RESULTS = ["EQUAL", "GREATER", "LESS", "NOT_EQUAL"];

/** Whether `compare` holds, three operands in a row. */
const asks = (compare: object): Step => txn({ compare: [compare] });

const comparisons = Object.fromEntries(
  Object.entries(SAMPLES).flatMap(([target, operands]) =>
    RESULTS.map((result): [string, readonly Step[]] => [
      `${target} ${result} below, at and above the operand, and of a missing key`,
      [
        ...FILLED,
        ...operands.map((operand) => asks({ key: b("a"), target, result, ...operand })),
        ...operands.map((operand) => asks({ key: b("none"), target, result, ...operand })),
        asks({ key: b("none"), target, result }),
        asks({ key: b("a"), target, result }),
      ],
    ]),
  ),
);

const ranges = Object.fromEntries(
  Object.entries(SAMPLES).map(([target, operands]): [string, readonly Step[]] => [
    `${target} of a range holds when it holds for every key`,
    [
      ...FILLED,
      ...RESULTS.flatMap((result) => [
        asks({ key: b("a"), range_end: b("d"), target, result, ...operands[1] }),
        asks({ key: b("x"), range_end: b("z"), target, result, ...operands[1] }),
        asks({ key: b("x"), range_end: b("z"), target, result }),
      ]),
    ],
  ]),
);

const puts = (count: number): object[] =>
  Array.from({ length: count }, (_, n) => putOp(`k${n}`, "v"));
const compares = (count: number): object[] =>
  Array.from({ length: count }, () => ({ key: b("a"), version: 0 }));

export const kvTxn = topic("kv-txn", {
  ...comparisons,
  ...ranges,
  "an empty transaction succeeds and changes nothing": [txn({}), everything()],
  "a compare with nothing but a key is of version 0": [
    ...FILLED,
    asks({ key: b("a") }),
    asks({ key: b("none") }),
  ],
  "a compare without a key is refused": [
    ...FILLED,
    asks({}),
    asks({ key: "" }),
    asks({ range_end: b("z") }),
  ],
  "an operand of another target compares against zero": [
    ...FILLED,
    asks({ key: b("a"), target: "MOD", version: 4 }),
    asks({ key: b("a"), target: "MOD", result: "GREATER", version: 4 }),
    asks({ key: b("a"), target: "VALUE", mod_revision: 4 }),
    asks({ key: b("b"), target: "LEASE", value: b("x") }),
  ],
  "two operands are refused": [asks({ key: b("a"), version: 1, mod_revision: 1 })],
  "unknown targets and results by name": [
    ...FILLED,
    asks({ key: b("a"), target: "COLOUR", version: 2 }),
    asks({ key: b("a"), result: "SIMILAR", version: 2 }),
  ],
  "unknown targets by number": [
    ...FILLED,
    ...[0, 1, 2, 3].map((result) => asks({ key: b("a"), target: 9, result, version: 2 })),
  ],
  "unknown results by number": [
    ...FILLED,
    asks({ key: b("a"), result: 9, version: 100 }),
    asks({ key: b("none"), result: 9, target: "VALUE", value: b("x") }),
  ],
  "targets and results by number": [
    ...FILLED,
    asks({ key: b("a"), target: 2, result: 1, mod_revision: 3 }),
    asks({ key: b("a"), target: 3, result: 2, value: b("z") }),
    asks({ key: b("a"), target: 4, result: 3, lease: 7 }),
  ],
  "all compares must hold": [
    ...FILLED,
    txn({
      compare: [
        { key: b("a"), version: 2 },
        { key: b("b"), version: 1 },
      ],
    }),
    txn({
      compare: [
        { key: b("a"), version: 2 },
        { key: b("b"), version: 2 },
      ],
    }),
  ],
  "an open range of compares": [
    ...FILLED,
    asks({ key: b("b"), range_end: bytes(0), target: "VERSION", version: 1 }),
    asks({ ...ALL, target: "VERSION", result: "GREATER", version: 0 }),
    asks({ key: b("c"), range_end: b("a"), target: "VERSION", version: 1 }),
  ],
  "the failing branch": [
    ...FILLED,
    txn({
      compare: [{ key: b("a"), version: 99 }],
      success: [putOp("won", "1")],
      failure: [rangeOp("a"), putOp("lost", "1")],
    }),
    everything(),
  ],
  "create unless there": [
    txn({
      compare: [{ key: b("l"), target: "CREATE", create_revision: 0 }],
      success: [putOp("l", "1")],
      failure: [rangeOp("l")],
    }),
    txn({
      compare: [{ key: b("l"), target: "CREATE", create_revision: 0 }],
      success: [putOp("l", "2")],
      failure: [rangeOp("l")],
    }),
  ],
  "replace if unchanged": [
    put("l", "1"),
    txn({
      compare: [{ key: b("l"), target: "MOD", mod_revision: 2 }],
      success: [putOp("l", "2", { prev_kv: true })],
    }),
    txn({ compare: [{ key: b("l"), target: "MOD", mod_revision: 2 }], success: [putOp("l", "3")] }),
  ],
  "operations see earlier ones": [
    ...FILLED,
    txn({ success: [rangeOp("n"), putOp("n", "1"), rangeOp("n"), delOp("n"), rangeOp("n")] }),
    everything(),
  ],
  "headers inside show the revision of the moment": [
    ...FILLED,
    txn({ success: [rangeOp("a"), putOp("n", "1"), rangeOp("a"), putOp("m", "1"), rangeOp("n")] }),
  ],
  "a delete shows what a put before it wrote": [
    ...FILLED,
    txn({
      success: [putOp("n", "1"), delOp("a", { prev_kv: true }), delOp("a", { prev_kv: true })],
    }),
    everything(),
  ],
  "a put shows what was there before": [
    ...FILLED,
    txn({ success: [putOp("a", "2", { prev_kv: true }), putOp("n", "2", { prev_kv: true })] }),
    everything(),
  ],
  "many writes of one transaction share a revision": [
    txn({ success: [putOp("a", "1"), putOp("b", "1"), delOp("zz"), putOp("c", "1")] }),
    everything(),
  ],
  "one that only reads changes no revision": [
    ...FILLED,
    txn({ success: [rangeOp("a"), rangeOp("none"), rangeOp("b", { count_only: true })] }),
    everything(),
  ],
  "deletions of nothing change no revision": [
    ...FILLED,
    txn({ success: [delOp("zz"), delOp("zy")] }),
    everything(),
  ],
  "a range at an older revision": [
    ...FILLED,
    txn({
      success: [rangeOp("a", { revision: 2 }), putOp("n", "1"), rangeOp("a", { revision: 3 })],
    }),
  ],
  "a range at a future revision is refused": [
    ...FILLED,
    txn({ success: [putOp("n", "1"), rangeOp("a", { revision: 99 })] }),
    everything(),
  ],
  "a range at its own revision to be": [
    ...FILLED,
    txn({ success: [putOp("n", "1"), rangeOp("n", { revision: 6 })] }),
    everything(),
  ],
  "a range at a compacted revision is refused": [
    ...FILLED,
    compact(4),
    txn({ success: [putOp("n", "1"), rangeOp("a", { revision: 3 })] }),
    txn({ success: [rangeOp("a", { revision: 3 })] }),
    txn({ success: [rangeOp("a", { revision: 4 })] }),
    everything(),
  ],
  "a range at a negative revision is refused": [
    ...FILLED,
    txn({ success: [rangeOp("a", { revision: -1 })] }),
    txn({ success: [putOp("n", "1"), rangeOp("a", { revision: -1 })] }),
    compact(3),
    txn({ success: [rangeOp("a", { revision: -1 })] }),
    everything(),
  ],
  "only the branch taken is checked for revisions": [
    ...FILLED,
    txn({ success: [putOp("n", "1")], failure: [rangeOp("a", { revision: 99 })] }),
    everything(),
  ],
  "only the branch taken is checked for leases": [
    ...FILLED,
    txn({ success: [putOp("n", "1")], failure: [putOp("n", "1", { lease: 99 })] }),
    everything(),
  ],
  "an unknown lease refuses the whole transaction": [
    ...FILLED,
    txn({ success: [putOp("n", "1"), putOp("m", "1", { lease: 99 })] }),
    everything(),
  ],
  "both branches are checked for their form": [
    ...FILLED,
    txn({ success: [putOp("n", "1")], failure: [putOp("", "1")] }),
    txn({ success: [putOp("n", "1")], failure: [rangeOp("")] }),
    txn({ success: [putOp("n", "1")], failure: [delOp("")] }),
    everything(),
  ],
  "ignore_value inside": [
    ...FILLED,
    txn({ success: [{ request_put: { key: b("a"), ignore_value: true } }] }),
    txn({ success: [{ request_put: { key: b("none"), ignore_value: true } }] }),
    txn({ success: [{ request_put: { key: b("a"), value: b("1"), ignore_value: true } }] }),
    everything(),
  ],
  "ignore_value of a key that the same transaction deletes or makes": [
    ...FILLED,
    txn({ success: [delOp("a"), { request_put: { key: b("b"), ignore_value: true } }] }),
    txn({ success: [putOp("n", "1"), { request_put: { key: b("m"), ignore_value: true } }] }),
    everything(),
  ],
  "ignore_lease inside": [
    ...FILLED,
    txn({ success: [putOp("a", "1", { ignore_lease: true })] }),
    txn({ success: [putOp("none", "1", { ignore_lease: true })] }),
    everything(),
  ],
  "the same key put twice is refused": [
    ...FILLED,
    txn({ success: [putOp("a", "1"), putOp("a", "2")] }),
    everything(),
  ],
  "the same key put in both branches": [
    ...FILLED,
    txn({ success: [putOp("a", "1")], failure: [putOp("a", "2")] }),
    everything(),
  ],
  "a put inside a deleted range is refused, either way round": [
    ...FILLED,
    txn({ success: [putOp("a", "1"), delOp("a")] }),
    txn({ success: [delOp("a"), putOp("a", "1")] }),
    txn({ success: [delOp("a", { range_end: b("c") }), putOp("b", "1")] }),
    txn({ success: [delOp("a", { range_end: b("c") }), putOp("c", "1")] }),
    txn({ success: [delOp("a", { range_end: bytes(0) }), putOp("q", "1")] }),
    everything(),
  ],
  "deletions may overlap": [
    ...FILLED,
    txn({
      success: [
        delOp("a", { range_end: b("c") }),
        delOp("b", { range_end: b("z"), prev_kv: true }),
      ],
    }),
    everything(),
  ],
  "an operation without content is refused": [
    txn({ success: [{}] }),
    txn({ failure: [{}] }),
    txn({ success: [putOp("a", "1"), {}] }),
  ],
  "an operation with two contents is refused": [
    txn({ success: [{ request_put: { key: b("a") }, request_range: { key: b("a") } }] }),
  ],
  "an operation of empty requests": [
    txn({ success: [{ request_range: {} }] }),
    txn({ success: [{ request_put: {} }] }),
    txn({ success: [{ request_delete_range: {} }] }),
    txn({ success: [{ request_txn: {} }] }),
  ],
  "128 operations are accepted, 129 refused": [
    txn({ success: puts(128) }),
    txn({ success: puts(129) }),
    txn({ failure: puts(129) }),
    everything({ count_only: true }),
  ],
  "128 compares are accepted, 129 refused": [
    txn({ compare: compares(128) }),
    txn({ compare: compares(129) }),
  ],
  "compares and operations are counted apart": [
    txn({ compare: compares(128), success: puts(128), failure: puts(128) }),
  ],
  "operations in camelCase": [
    call("/kv/txn", {
      compare: [{ key: b("a"), target: "CREATE", createRevision: 0 }],
      success: [
        { requestPut: { key: b("a"), value: b("1"), prevKv: true } },
        { requestRange: { key: b("a"), countOnly: true } },
        { requestDeleteRange: { key: b("zz"), rangeEnd: b("zzz") } },
      ],
    }),
  ],
  "ranges with every option": [
    ...FILLED,
    txn({
      success: [
        rangeOp("a", { range_end: bytes(0), limit: 1 }),
        rangeOp("a", { range_end: bytes(0), sort_order: "DESCEND" }),
        rangeOp("b", { keys_only: true }),
        rangeOp("a", { range_end: bytes(0), count_only: true, min_mod_revision: 4 }),
        rangeOp("a", { range_end: bytes(0), min_mod_revision: 4 }),
        rangeOp("a", { serializable: true }),
      ],
    }),
  ],
  "of several faults one is told": [
    ...FILLED,
    txn({ success: [rangeOp("a", { revision: 99 }), putOp("n", "1", { lease: 99 })] }),
    txn({ success: [putOp("n", "1", { lease: 99 }), rangeOp("a", { revision: 99 })] }),
    txn({ success: [{ request_put: { key: b("n"), ignore_value: true, lease: 99 } }] }),
    txn({ success: [{ request_put: { key: b("a"), ignore_value: true, lease: 99 } }] }),
    everything(),
  ],
  "a key of which something is kept that was deleted with all behind it": [
    put("b", "1"),
    txn({
      success: [
        delOp("a", { range_end: bytes(0) }),
        { request_put: { key: b("b"), ignore_value: true } },
      ],
    }),
  ],
  "a revoked lease is no lease": [
    ...FILLED,
    call("/lease/revoke", { ID: 7 }),
    txn({ success: [putOp("n", "1", { lease: 7 })] }),
    everything(),
  ],
  "a delete of a leased key inside": [
    ...FILLED,
    txn({ success: [delOp("a")] }),
    call("/lease/timetolive", { ID: 7, keys: true }),
    del("none"),
    range("a"),
  ],
  "a move to another lease inside": [
    ...FILLED,
    grant(8),
    txn({ success: [putOp("a", "1", { lease: 8 }), putOp("b", "1", { lease: 8 })] }),
    call("/lease/timetolive", { ID: 8, keys: true }),
    call("/lease/timetolive", { ID: 7, keys: true }),
  ],
  "one transaction within": [
    ...FILLED,
    txn({ success: [txnOp({ success: [putOp("n", "1")] })] }),
    everything(),
  ],
});
