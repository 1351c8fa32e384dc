// Owns sequences of deletions.

import { ALL, b, bytes, call, compact, del, delPrefix, everything, grant } from "../sequence.ts";
import { put, range, topic } from "../sequence.ts";

const request = (options: object) => call("/kv/deleterange", options);
const SOME = [put("a", "1"), put("aa", "2"), put("b", "3"), put("c", "4")];

export const kvDelete = topic("kv-delete", {
  "one key": [...SOME, del("a"), everything()],
  "a missing key changes no revision": [...SOME, del("zz"), everything()],
  "a deletion in an empty store": [del("a"), request(ALL), everything()],
  "a key twice": [...SOME, del("a"), del("a"), everything()],
  "a prefix": [...SOME, delPrefix("a"), everything()],
  "a half-open interval": [...SOME, request({ key: b("a"), range_end: b("c") }), everything()],
  everything: [...SOME, request(ALL), everything()],
  "from a key on": [...SOME, request({ key: b("b"), range_end: bytes(0) }), everything()],
  "an end equal to the key": [...SOME, request({ key: b("a"), range_end: b("a") }), everything()],
  "an end below the key": [...SOME, request({ key: b("b"), range_end: b("a") }), everything()],
  "an empty key": [...SOME, request({}), request({ key: "", range_end: bytes(0) }), everything()],
  "what was deleted, in order": [...SOME, request({ ...ALL, prev_kv: true }), everything()],
  "what was deleted, of one key": [...SOME, del("b", { prev_kv: true })],
  "what was deleted, of none": [...SOME, del("zz", { prev_kv: true })],
  "what was deleted, with lease and version": [
    grant(7),
    put("a", "1"),
    put("a", "2", { lease: 7 }),
    del("a", { prev_kv: true }),
    call("/lease/timetolive", { ID: 7, keys: true }),
  ],
  "all keys of one request share its revision": [
    ...SOME,
    request({ key: b("a"), range_end: b("c") }),
    everything({ revision: 5 }),
    everything({ revision: 6 }),
  ],
  "a deletion ends the life of a key": [
    put("a", "1"),
    del("a"),
    put("a", "2"),
    put("a", "3"),
    range("a"),
  ],
  "the past stays": [
    ...SOME,
    request(ALL),
    everything({ revision: 5 }),
    range("a", { revision: 2 }),
  ],
  "a deletion is hashed with its tombstone": [put("a", "1"), del("a"), put("b", "1"), del("b")],
  "deleted keys are detached from their leases": [
    grant(7),
    put("a", "1", { lease: 7 }),
    put("b", "1", { lease: 7 }),
    del("a"),
    call("/lease/timetolive", { ID: 7, keys: true }),
    call("/lease/revoke", { ID: 7 }),
    everything(),
  ],
  "a deletion after a compaction": [...SOME, compact(5), del("a", { prev_kv: true }), everything()],
  "a tombstone at the compacted revision is kept": [
    put("a", "1"),
    put("b", "1"),
    del("a"),
    compact(4),
    everything({ revision: 4 }),
  ],
  "a tombstone below the compacted revision is dropped": [
    put("a", "1"),
    del("a"),
    put("b", "1"),
    compact(4),
    everything({ revision: 4 }),
  ],
  "unknown fields are passed over": [
    ...SOME,
    request({ key: b("a"), limit: 1, revision: 3 }),
    everything(),
  ],
});
