// Goal: replicas that hold the same have the same hash, whatever each has swept or is doing meanwhile;
// and a replica of which one row is not what it was has another. Method: random histories, hashed in
// slices of two rows with writes in between; every column of every row damaged in turn.

import * as fc from "fast-check";
import { describe, test, vi } from "vitest";

import { bytesKey } from "../../src/base/bytes.ts";
import { asRevision } from "../../src/base/types.ts";
import { StateHashing } from "../../src/mvcc/state-hash.ts";
import { putOf, StateMachine, step, type Step } from "./state-machine.ts";

vi.mock("../../src/base/limits.ts", async (original) => ({
  ...(await original<typeof import("../../src/base/limits.ts")>()),
  COMPACTION_SLICE_ROWS: 2,
  CATCH_UP_BYTES_MAX: 60,
  SEGMENT_BYTES: 400,
}));

function hashOf({ sql, store }: StateMachine, between: () => void = () => {}): string {
  const hashing = new StateHashing(sql, store, store.revision);
  for (;;) {
    const hash = hashing.step();
    if (hash !== null) return bytesKey(hash.digest);
    between();
  }
}

function machineOf(steps: readonly Step[], { replaces = true } = {}): StateMachine {
  const machine = new StateMachine(undefined, { replaces });
  for (const each of steps) machine.run(each);
  return machine;
}

const steps = fc.array(step, { minLength: 3, maxLength: 40, size: "max" });

describe("the hash of a state", () => {
  test("is that of its beginning, whatever is written in between", ({ expect }) => {
    let slices = 0;
    const property = fc.property(steps, steps, (before, after) => {
      const machine = machineOf(before);
      const expected = hashOf(machine);
      const rest = [...after];
      const hash = hashOf(machine, () => {
        slices++;
        const next = rest.shift();
        if (next !== undefined) machine.run(next);
        if (machine.store.sweepPending) throw new Error("nothing is swept under a hash");
      });
      expect(hash).toBe(expected);
      machine.sql.close();
    });
    fc.assert(property, { numRuns: 200 });
    expect(slices).toBeGreaterThan(500);
  });

  test("is the same on a replica that batches, sweeps and keeps versions elsewhere", ({
    expect,
  }) => {
    const property = fc.property(steps, fc.integer({ min: 1, max: 9 }), (all, batch) => {
      const one = new StateMachine();
      const other = new StateMachine(undefined, { replaces: false });
      const entries = all.map((each) => one.run(each));
      for (let at = 0; at < entries.length; at += batch) {
        other.apply(...entries.slice(at, at + batch));
        while (other.store.sweep(2));
      }
      expect(hashOf(other)).toBe(hashOf(one));
      one.sql.close();
      other.sql.close();
    });
    fc.assert(property, { numRuns: 100 });
  });

  const written: Step[] = [
    ...["1", "2", "3"].map((value, n) => putOf("a", value, n)),
    putOf("b", "1", 10),
    { command: { kind: "compact", revision: 3 }, afterMs: 1, request: 11 },
    ...["2", "3"].map((value, n) => putOf("b", value, 20 + n)),
    putOf("c", "1", 30),
  ];
  const DAMAGES = [
    "UPDATE now SET value = x'39' WHERE key = x'61'",
    "UPDATE now SET value = x'39' WHERE key = x'63'",
    "UPDATE now SET lease = x'0000000000000007' WHERE key = x'63'",
    "UPDATE now SET version = version + 1 WHERE key = x'62'",
    "UPDATE now SET create_revision = 4 WHERE key = x'62'",
    "UPDATE now SET sub = 1 WHERE key = x'62'",
    "UPDATE now SET key = x'64' WHERE key = x'63'",
    "DELETE FROM now WHERE key = x'63'",
    "UPDATE old SET value = x'39' WHERE key = x'62' AND until = 6",
    "UPDATE old SET until = until + 1 WHERE key = x'62' AND until = 7",
    "DELETE FROM old WHERE key = x'61' AND until = 4",
    "INSERT INTO old SELECT key, 8, create_revision, mod_revision, version, lease, value, sub, NULL FROM now WHERE key = x'63'",
  ];

  test.for(DAMAGES)("is another after: %s", (damage, { expect }) => {
    const machine = machineOf(written, { replaces: false });
    const before = hashOf(machine);
    machine.sql.run(damage);
    expect(hashOf(machineOf(written))).toBe(before);
    expect(hashOf(machine)).not.toBe(before);
  });

  test("does not see what nobody can be shown any more", ({ expect }) => {
    const machine = machineOf(written, { replaces: false });
    const before = hashOf(machine);
    machine.sql.run("DELETE FROM old WHERE key = x'61' AND until <= 3");
    expect(hashOf(machine)).toBe(before);
    expect(machine.store.revision).toBe(asRevision(8));
  });
});
