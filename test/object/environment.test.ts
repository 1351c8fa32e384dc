// What the Worker's variables mean to a replica.

import { test } from "vitest";
import { timingOf } from "../../src/object/environment.ts";

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
