// Owns sequences of watches over streaming POST.

import {
  ALL,
  b,
  bytes,
  call,
  close,
  compact,
  del,
  delOp,
  end,
  grant,
  put,
  putOp,
} from "../sequence.ts";
import { stream, topic, txn, watch, type Step } from "../sequence.ts";

const A = { key: b("a") };
const PAST: readonly Step[] = [
  put("a", "1"),
  put("b", "1"),
  put("a", "2"),
  del("a"),
  put("a", "3"),
];
const revoke = (id: number): Step => call("/lease/revoke", { ID: id });

export const watching = topic("watch", {
  "from now on": [put("a", "0"), watch("w", A), put("a", "1"), put("b", "1"), del("a")],
  "of a key that is not there": [watch("w", A), put("b", "1"), put("a", "1")],
  "of a prefix": [
    watch("w", { key: b("a"), range_end: end("a") }),
    put("a", "1"),
    put("ab", "1"),
    put("b", "1"),
  ],
  "of an interval": [
    watch("w", { key: b("a"), range_end: b("c") }),
    put("a", "1"),
    put("b", "1"),
    put("c", "1"),
  ],
  "from a key on": [
    watch("w", { key: b("b"), range_end: bytes(0) }),
    put("a", "1"),
    put("b", "1"),
    put("z", "1"),
  ],
  "of everything": [watch("w", ALL), put("a", "1"), put("z", "1"), del("a")],
  "of everything by an empty key": [watch("w", { range_end: bytes(0) }), put("a", "1")],
  "of an empty key alone": [watch("w", {}), put("a", "1"), call("/kv/put", { key: bytes(0) })],
  "of an empty key up to an end": [
    watch("w", { key: "", range_end: b("b") }),
    put("a", "1"),
    put("b", "1"),
  ],
  "of an empty range is refused": [watch("w", { key: b("b"), range_end: b("a") }), put("a", "1")],
  "of a range that ends where it begins is refused": [
    watch("w", { key: b("b"), range_end: b("b") }),
  ],
  "from the past": [...PAST, watch("w", { ...A, start_revision: 2 })],
  "from the first revision": [...PAST, watch("w", { ...ALL, start_revision: 1 })],
  "from the middle of the past": [...PAST, watch("w", { ...ALL, start_revision: 4 })],
  "from the current revision": [...PAST, watch("w", { ...ALL, start_revision: 6 }), put("a", "4")],
  "from the next revision": [...PAST, watch("w", { ...ALL, start_revision: 7 }), put("a", "4")],
  "from a future revision": [
    ...PAST,
    watch("w", { ...ALL, start_revision: 9 }),
    put("a", "4"),
    put("a", "5"),
    put("a", "6"),
    put("a", "7"),
  ],
  "from the past and on": [
    ...PAST,
    watch("w", { ...A, start_revision: 5 }),
    put("a", "4"),
    del("a"),
  ],
  "from the past without anything to tell": [
    ...PAST,
    watch("w", { key: b("zz"), start_revision: 2 }),
    put("zz", "1"),
  ],
  "from revision 0 is from now on": [
    ...PAST,
    watch("w", { ...A, start_revision: 0 }),
    put("a", "4"),
  ],
  "from a compacted revision": [
    ...PAST,
    compact(5),
    watch("w", { ...A, start_revision: 4 }),
    put("a", "4"),
  ],
  "from exactly the compacted revision": [
    ...PAST,
    compact(5),
    watch("w", { ...A, start_revision: 5 }),
  ],
  "from the compacted revision sees its tombstone": [
    ...PAST,
    compact(5),
    watch("w", { ...ALL, start_revision: 5, prev_kv: true }),
  ],
  "with the previous version": [
    put("a", "0"),
    watch("w", { ...A, prev_kv: true }),
    put("a", "1"),
    put("a", "2"),
    del("a"),
    put("a", "3"),
  ],
  "of the past with the previous version": [
    ...PAST,
    watch("w", { ...ALL, start_revision: 2, prev_kv: true }),
  ],
  "of the past with a previous version that was compacted": [
    ...PAST,
    put("b", "2"),
    compact(4),
    watch("w", { ...ALL, start_revision: 4, prev_kv: true }),
  ],
  "without puts": [
    watch("w", { ...A, filters: ["NOPUT"] }),
    put("a", "1"),
    del("a"),
    put("a", "2"),
  ],
  "without deletions": [
    watch("w", { ...A, filters: ["NODELETE"] }),
    put("a", "1"),
    del("a"),
    put("a", "2"),
  ],
  "without anything": [
    watch("w", { ...A, filters: ["NODELETE", "NOPUT"] }),
    put("a", "1"),
    del("a"),
  ],
  "with filters by number": [watch("w", { ...A, filters: [0] }), put("a", "1"), del("a")],
  "with a filter twice": [
    watch("w", { ...A, filters: ["NOPUT", "NOPUT"] }),
    put("a", "1"),
    del("a"),
  ],
  "with unknown filters": [watch("w", { ...A, filters: ["NOSUCH", 9] }), put("a", "1"), del("a")],
  "of the past without puts": [
    ...PAST,
    watch("w", { ...ALL, start_revision: 2, filters: ["NOPUT"] }),
  ],
  "a transaction is one message": [
    watch("w", { ...ALL, prev_kv: true }),
    txn({ success: [putOp("b", "1"), putOp("a", "1")] }),
    txn({ success: [putOp("c", "1"), delOp("a", { range_end: b("c") })] }),
  ],
  "a key that dies and is born in one revision has nothing before it": [
    put("b", "1"),
    watch("w", { ...ALL, prev_kv: true }),
    txn({ success: [delOp("a", { range_end: bytes(0) }), putOp("b", "2")] }),
    watch("v", { ...ALL, prev_kv: true, start_revision: 3 }),
  ],
  "a deleted range is one message, in order": [
    put("c", "1"),
    put("a", "1"),
    put("b", "1"),
    watch("w", ALL),
    call("/kv/deleterange", ALL),
  ],
  "a revoked lease is one message, in order": [
    grant(7),
    put("c", "1", { lease: 7 }),
    put("a", "1", { lease: 7 }),
    put("b", "1", { lease: 7 }),
    watch("w", { ...ALL, prev_kv: true }),
    revoke(7),
  ],
  "events carry leases": [grant(7), watch("w", ALL), put("a", "1", { lease: 7 }), put("a", "2")],
  "a put that changes nothing is an event": [
    put("a", "1"),
    watch("w", A),
    put("a", "1"),
    call("/kv/put", { ...A, ignore_value: true }),
  ],
  "what changes nothing is no event": [
    watch("w", ALL),
    del("a"),
    txn({}),
    grant(7),
    revoke(7),
    put("", "1"),
  ],
  "two on one stream": [
    watch("w", A, { key: b("b") }),
    put("a", "1"),
    put("b", "1"),
    put("a", "2"),
  ],
  "the same range twice on one stream": [watch("w", A, A), put("a", "1")],
  "ids that are chosen": [
    watch("w", { ...A, watch_id: 5 }, { ...A, watch_id: 3 }, A),
    put("a", "1"),
  ],
  "an id that is taken": [
    watch("w", { ...A, watch_id: 5 }, { ...A, watch_id: 5 }, A),
    put("a", "1"),
  ],
  "chosen ids that stand in the way of counting": [
    watch("w", { ...A, watch_id: 1 }, A, A, A),
    put("a", "1"),
  ],
  "negative ids": [watch("w", { ...A, watch_id: -7 }, { ...A, watch_id: -1 }), put("a", "1")],
  "a refused one takes no id": [
    watch(
      "w",
      { key: b("b"), range_end: b("a") },
      A,
      { key: b("b"), range_end: b("b"), watch_id: 9 },
      A,
    ),
    put("a", "1"),
  ],
  "two streams": [watch("w", A), watch("v", A), put("a", "1"), close("w"), put("a", "2")],
  "created and canceled in one body": [
    stream("w", "/watch", [{ create_request: A }, { cancel_request: { watch_id: 0 } }]),
    put("a", "1"),
  ],
  "a cancel of one that is not there": [
    stream("w", "/watch", [{ create_request: A }, { cancel_request: { watch_id: 9 } }]),
    put("a", "1"),
  ],
  "progress of a stream on request": [
    put("a", "0"),
    stream("w", "/watch", [{ create_request: A }, { progress_request: {} }]),
    put("a", "1"),
  ],
  "fragments of what is small": [
    watch("w", { ...ALL, fragment: true }),
    put("a", "1"),
    txn({ success: [putOp("b", "1"), putOp("c", "1")] }),
  ],
  "progress_notify of what is busy": [watch("w", { ...A, progress_notify: true }), put("a", "1")],
  "fields in camelCase": [
    ...PAST,
    stream("w", "/watch", [
      { createRequest: { ...A, startRevision: 3, prevKv: true, watchId: 4 } },
    ]),
    stream("v", "/watch", [
      { createRequest: { key: b("a"), rangeEnd: b("c"), filters: ["NOPUT"] } },
    ]),
    del("b"),
  ],
  "documents apart by lines": [
    stream(
      "w",
      "/watch",
      `${JSON.stringify({ create_request: A })}\n\n ${JSON.stringify({ create_request: { key: b("b") } })}\n`,
    ),
    put("b", "1"),
  ],
  "of many revisions of the past": [
    ...Array.from({ length: 40 }, (_, n) => put(`k${n % 3}`, `${n}`)),
    watch("w", { key: b("k0"), start_revision: 10 }),
  ],
  "is ended by a compaction that overtakes it only when it lags": [
    watch("w", A),
    put("a", "1"),
    put("a", "2"),
    compact(3),
    put("a", "3"),
  ],
  "waits for a future revision through a compaction": [
    ...PAST,
    watch("w", { ...A, start_revision: 9 }),
    compact(6),
    put("a", "4"),
    put("a", "5"),
    put("a", "6"),
  ],
});
