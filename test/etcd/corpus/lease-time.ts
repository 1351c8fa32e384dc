// Owns sequences of leases that end by themselves: they take seconds of an etcd's time.

import { call, everything, grant, pass, put, topic, watch, ALL } from "../sequence.ts";

export const leaseTime = topic(
  "lease-time",
  {
    "an end takes all keys in one revision": [
      grant(7, 2),
      put("c", "1", { lease: 7 }),
      put("a", "1", { lease: 7 }),
      put("b", "1"),
      pass(4_000),
      everything(),
      call("/lease/timetolive", { ID: 7 }),
      call("/lease/leases"),
    ],
    "a watcher sees an end as deletions": [
      grant(7, 2),
      put("b", "1", { lease: 7 }),
      put("a", "1", { lease: 7 }),
      watch("w", { ...ALL, prev_kv: true }),
      pass(4_000),
    ],
    "an end without keys changes no revision": [
      grant(7, 2),
      pass(4_000),
      everything(),
      call("/lease/leases"),
    ],
    "a lease that is kept lives": [
      grant(7, 3),
      put("a", "1", { lease: 7 }),
      pass(2_000),
      call("/lease/keepalive", { ID: 7 }),
      pass(2_000),
      everything(),
    ],
    "a lease that has ended cannot be kept": [
      grant(7, 2),
      pass(4_000),
      call("/lease/keepalive", { ID: 7 }),
      call("/lease/revoke", { ID: 7 }),
    ],
    "a lease that has ended takes no keys": [
      grant(7, 2),
      pass(4_000),
      put("a", "1", { lease: 7 }),
      grant(7, 60),
    ],
    "the time that is left grows less": [
      grant(7, 20),
      pass(2_500),
      call("/lease/timetolive", { ID: 7 }),
    ],
  },
  { isSlow: true },
);
