// What the Worker's variables mean to a replica.

import { test } from "vitest";
import { progressMsOf, timingOf } from "../../src/object/environment.ts";

test.for([
  ["1", true],
  ["0", false],
  ["", false],
  ["true", false],
  [undefined, false],
] as const)(
  "EDGEKEEPER_LEASE_READS %j: leaders read on a lease: %s",
  ([value, isOn], { expect }) => {
    const environment = value === undefined ? {} : { EDGEKEEPER_LEASE_READS: value };
    expect(timingOf(environment)).toEqual({ leaseReads: isOn });
  },
);

test.for([
  [undefined, 600_000],
  ["5s", 5_000],
  ["1m30s", 90_000],
  ["100ms", 100],
  ["1ms", 100],
  ["soon", 600_000],
  ["", 600_000],
] as const)(
  "EDGEKEEPER_WATCH_PROGRESS_NOTIFY_INTERVAL %j: every %d ms",
  ([value, ms], { expect }) => {
    const environment =
      value === undefined ? {} : { EDGEKEEPER_WATCH_PROGRESS_NOTIFY_INTERVAL: value };
    expect(progressMsOf(environment)).toBe(ms);
  },
);
