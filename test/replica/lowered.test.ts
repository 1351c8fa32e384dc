// Goal: where a replaced version stands is nobody's affair: a cluster whose version is lowered and
// raised again shows and hashes what one does that never kept anything in the history; and what walks
// through all versions meanwhile knows that they have moved. Method: random histories with changes of the version among them.

import * as fc from "fast-check";
import { test, vi } from "vitest";

import { REPLACED_SINCE } from "../../src/apply/command.ts";
import { bytesKey } from "../../src/base/bytes.ts";
import type { Bytes } from "../../src/base/types.ts";
import { CODE_VERSION } from "../../src/base/versions.ts";
import { beginHashKv } from "../../src/mvcc/hash-kv.ts";
import { FIRST_CURSOR } from "../../src/mvcc/snapshot-part.ts";
import { SnapshotSource, type SnapshotPart } from "../../src/mvcc/snapshot-source.ts";
import { StateHashing } from "../../src/mvcc/state-hash.ts";
import { UNVERSIONED } from "../../src/replica/applied-state.ts";
import { valueOf } from "../mvcc/fixture.ts";
import { putOf, StateMachine, step, type Step } from "./state-machine.ts";

vi.mock("../../src/base/limits.ts", async (original) => ({
  ...(await original<typeof import("../../src/base/limits.ts")>()),
  SNAPSHOT_PART_BYTES: 90,
  SNAPSHOT_PART_ROWS_MAX: 5,
  SNAPSHOT_READ_ROWS: 3,
  COMPACTION_SLICE_ROWS: 2,
  CATCH_UP_BYTES_MAX: 60,
  REPLACED_KNOWN_BYTES_MAX: 200,
  SEGMENT_BYTES: 400,
  ROW_BYTES_MAX: 400,
}));

const versionOf = (version: number, request: number): Step => ({
  command: { kind: "version", version, cap: null },
  afterMs: 1,
  request,
});

function machineAt(version: number): StateMachine {
  const machine = new StateMachine(undefined, { replaces: "by version" });
  machine.sql.run("UPDATE meta SET cluster_version = ?", version);
  machine.restart();
  return machine;
}

const versions = fc
  .tuple(fc.constantFrom(REPLACED_SINCE - 1, CODE_VERSION), fc.integer({ min: 50, max: 900 }))
  .map(([version, request]) => versionOf(version, request));

const mixed = fc.oneof(
  { weight: 9, arbitrary: step },
  { weight: 1, arbitrary: versions },
  {
    weight: 9,
    arbitrary: fc
      .tuple(fc.constantFrom("a", "b", "c"), fc.constantFrom("x", "y"), fc.nat({ max: 99_999 }))
      .map(([key, value, request]) => putOf(key, value, request)),
  },
);
const history = (max: number) => fc.array(mixed, { maxLength: max, size: "max" });

function stateHashOf({ sql, store }: StateMachine): string {
  const hashing = new StateHashing(sql, store, store.revision);
  for (;;) {
    const hash = hashing.step();
    if (hash !== null) return bytesKey(hash.digest);
  }
}

const imageOf = (machine: StateMachine): unknown => ({
  ...machine.facts(),
  hash: stateHashOf(machine),
});

test("replicas that batch and sweep differently show and hash the same", ({ expect }) => {
  const property = fc.property(history(50), fc.integer({ min: 1, max: 9 }), (all, batch) => {
    const [one, other] = [machineAt(CODE_VERSION), machineAt(CODE_VERSION)];
    const entries = all.map((each) => one.run(each));
    for (let at = 0; at < entries.length; at += batch) {
      other.apply(...entries.slice(at, at + batch));
      while (other.store.sweep(2));
      other.restart();
    }
    const never = new StateMachine(undefined, { replaces: false });
    never.sql.run("UPDATE meta SET cluster_version = ?", CODE_VERSION);
    never.restart();
    for (const entry of entries) never.apply(entry);
    expect(imageOf(other)).toEqual(imageOf(one));
    expect(imageOf(never)).toEqual(imageOf(one));
    for (const { sql } of [one, other, never]) sql.close();
  });
  fc.assert(property, { numRuns: 25 });
});

/** Puts to a few keys at the newest version, a compaction, and a few more. */
function written(): StateMachine {
  const machine = machineAt(CODE_VERSION);
  for (let n = 0; n < 30; n++) machine.run(putOf("abc"[n % 3]!, `${n}`, n));
  machine.run({ command: { kind: "compact", revision: 9 }, afterMs: 1, request: 40 });
  return machine;
}

const DURING: Readonly<Record<string, (machine: StateMachine) => Walk>> = {
  "a hash of the state": ({ sql, store }) => new StateHashing(sql, store, store.revision),
  "a hash of the history": ({ sql, store }) => valueOf(beginHashKv(sql, store, 0)),
  "a snapshot": ({ sql, store }) => {
    const source = new SnapshotSource({ sql, store, unversioned: UNVERSIONED });
    let cursor: Bytes | null = FIRST_CURSOR;
    const advance = (): string | null => {
      const { next }: SnapshotPart = source.part(cursor!);
      cursor = next;
      return next === null ? "sent" : null;
    };
    return {
      step: advance,
      get isPinned() {
        return source.isPinned;
      },
    };
  },
};

interface Walk {
  readonly isPinned: boolean;
  step(): unknown;
}

test.for(Object.keys(DURING))("%s under way is given up when versions move", (name, { expect }) => {
  const machine = written();
  const walk = DURING[name]!(machine);
  expect(walk.step()).toBe(null);
  machine.run(versionOf(CODE_VERSION, 50));
  expect(walk.isPinned).toBe(true);
  machine.run(versionOf(REPLACED_SINCE - 1, 51));
  expect(walk.isPinned).toBe(false);
  expect(machine.store.sweepPending).toBe(true);
});
