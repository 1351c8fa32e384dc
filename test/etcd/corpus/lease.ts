// Owns sequences of leases that do not end by themselves.

import { b, call, del, everything, grant, list, put, putOp, range } from "../sequence.ts";
import { socket, say, stream, topic, txn, type Step } from "../sequence.ts";

const revoke = (id: number | string): Step => call("/lease/revoke", { ID: id });
const timeToLive = (id: number | string, keys = true): Step =>
  call("/lease/timetolive", { ID: id, keys });
const leases = call("/lease/leases");
const keepAlive = (id: number | string): Step => call("/lease/keepalive", { ID: id });
const MAX = "9223372036854775807";
const MIN = "-9223372036854775808";

export const lease = topic(
  "lease",
  {
    "is granted with its id and time": [grant(7, 60), leases],
    "of an id that exists is refused": [grant(7, 60), grant(7, 10), leases],
    "of the largest and of the lowest id": [grant(MAX), grant(MIN), grant(-1), leases],
    "of an id beyond 64 bits is refused": [grant("9223372036854775808"), grant("1e30")],
    "gets an id when it has none": [
      call("/lease/grant", { TTL: 100 }, { keep: { picked: "ID" } }),
      call("/lease/timetolive", { ID: "$picked" }),
    ],
    "gets an id when it asks for 0": [
      call("/lease/grant", { TTL: 100, ID: 0 }, { keep: { picked: "ID" } }),
      call("/lease/revoke", { ID: "$picked" }),
      call("/lease/revoke", { ID: "$picked" }),
    ],
    "of too short a time gets the shortest": [
      grant(1, 0),
      grant(2, 1),
      grant(3, 2),
      grant(4, -5),
      grant(5, MIN),
    ],
    "of no time gets the shortest": [call("/lease/grant", { ID: 5 })],
    "of three seconds": [grant(1, 3)],
    "of the longest time": [grant(1, 9_000_000_000), timeToLive(1)],
    "of a longer time is refused": [grant(1, 9_000_000_001), grant(2, MAX), leases],
    "changes no revision": [grant(7), put("a", "1"), grant(8), range("a")],
    "that is unknown has a time of -1": [timeToLive(99), timeToLive(99, false), timeToLive(-1)],
    "of id 0 is unknown": [
      timeToLive(0),
      call("/lease/timetolive"),
      revoke(0),
      call("/lease/revoke"),
    ],
    "shows the time that is left, rounded down": [
      grant(7, 60),
      timeToLive(7),
      timeToLive(7, false),
    ],
    "shows no keys unless asked": [
      grant(7),
      put("a", "1", { lease: 7 }),
      timeToLive(7, false),
      timeToLive(7),
    ],
    "shows all its keys": [
      grant(7),
      put("a", "1", { lease: 7 }),
      timeToLive(7),
      put("a", "2", { lease: 7 }),
      timeToLive(7),
      del("a"),
      timeToLive(7),
    ],
    "takes its keys along when revoked, in one revision": [
      grant(7),
      put("c", "1", { lease: 7 }),
      put("a", "1", { lease: 7 }),
      put("b", "1"),
      revoke(7),
      everything(),
      everything({ revision: 4 }),
    ],
    "without keys changes no revision when revoked": [
      grant(7),
      put("a", "1"),
      revoke(7),
      everything(),
      leases,
    ],
    "that is unknown cannot be revoked": [revoke(99), revoke(-1), everything()],
    "cannot be revoked twice": [grant(7), revoke(7), revoke(7)],
    "may come back under its id": [
      grant(7),
      put("a", "1", { lease: 7 }),
      revoke(7),
      grant(7),
      timeToLive(7),
      range("a"),
    ],
    "does not take along keys that have moved": [
      grant(7),
      grant(8),
      put("a", "1", { lease: 7 }),
      put("a", "2", { lease: 8 }),
      revoke(7),
      range("a"),
      revoke(8),
      range("a"),
    ],
    "does not take along keys that were put without it": [
      grant(7),
      put("a", "1", { lease: 7 }),
      put("a", "2"),
      revoke(7),
      range("a"),
    ],
    "takes along keys whose puts ignored it": [
      grant(7),
      put("a", "1", { lease: 7 }),
      put("a", "2", { ignore_lease: true }),
      revoke(7),
      range("a"),
    ],
    "takes along keys of a transaction": [
      grant(7),
      txn({
        success: [putOp("a", "1", { lease: 7 }), putOp("b", "1", { lease: 7 }), putOp("c", "1")],
      }),
      revoke(7),
      everything(),
    ],
    "does not take along a key that was made again without it": [
      grant(7),
      put("a", "1", { lease: 7 }),
      del("a"),
      put("a", "2"),
      revoke(7),
      range("a"),
    ],
    "keeps living when asked": [grant(7, 60), keepAlive(7), timeToLive(7)],
    "that is unknown is not kept living": [keepAlive(99), keepAlive(0), call("/lease/keepalive")],
    "is kept living several times by one request": [
      grant(7, 60),
      grant(8, 80),
      stream("k", "/lease/keepalive", '{"ID":7}{"ID":99}{"ID":8}\n{"ID":"7"}'),
    ],
    "is kept living over a stream that ends": [
      grant(7, 60),
      stream("k", "/lease/keepalive", [{ ID: 7 }, { ID: 7 }]),
    ],
    "is kept living over a socket": [
      grant(7, 60),
      socket("k", "/lease/keepalive"),
      say("k", { ID: 7 }),
      say("k", { ID: 99 }),
      say("k", { ID: "7" }),
    ],
    "is kept living with the revision of the store": [
      grant(7, 60),
      put("a", "1"),
      keepAlive(7),
      put("a", "2"),
      keepAlive(7),
    ],
    "is listed, the first to end first": [
      grant(3, 3_000),
      grant(1, 1_000),
      grant(2, 2_000),
      leases,
    ],
    "is listed nowhere when there is none": [leases, grant(7), revoke(7), leases],
    "is reached by the paths of old": [
      grant(7, 60),
      call("/kv/lease/timetolive", { ID: 7 }),
      call("/kv/lease/leases"),
      call("/kv/lease/revoke", { ID: 7 }),
      call("/kv/lease/revoke", { ID: 7 }),
    ],
    "is granted and kept under new paths only": [
      call("/kv/lease/grant", { ID: 7, TTL: 60 }),
      call("/kv/lease/keepalive", { ID: 7 }),
    ],
    "ids as numbers, strings and exponents": [
      call("/lease/grant", '{"ID":12,"TTL":"60"}'),
      call("/lease/grant", '{"ID":"13","TTL":6e1}'),
      call("/lease/grant", '{"ID":9007199254740993,"TTL":60.0}'),
      call("/lease/grant", '{"ID":1.5,"TTL":60}'),
      call("/lease/grant", '{"id":14,"ttl":60}', { keep: { picked: "ID" } }),
      leases,
    ],
    "of a negative id holds keys": [
      grant(-2),
      put("a", "1", { lease: -2 }),
      timeToLive(-2),
      revoke(-2),
      everything(),
    ],
    "with many keys": [
      grant(7),
      ...Array.from({ length: 20 }, (_, n) => put(`k${n}`, "v", { lease: 7 })),
      revoke(7),
      list("k"),
      list("k", { revision: 21 }),
    ],
    "is no prefix of another": [
      grant(1),
      grant(11),
      put("a", "1", { lease: 1 }),
      put("b", "1", { lease: 11 }),
      revoke(1),
      everything(),
    ],
    "keeps its key's bytes": [
      grant(7),
      call("/kv/put", { key: b("\u00ff\u0000"), lease: 7 }),
      timeToLive(7),
    ],
  },
  { isSlow: true },
);
