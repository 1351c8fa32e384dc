// Goal: a snapshot carries the whole applied state of one moment, whatever goes on while it is sent,
// and a receiver has all of it or none. Method: random histories with the bounds made so small that
// every snapshot has many parts; all that can be told of the sender when it was pinned is compared
// with all that can be told of the receiver, then the log is applied on both. Compared too: the rows
// of `now`, whose order of changes within a revision only the history hash shows.

import * as fc from "fast-check";
import { describe, test, vi, type ExpectStatic } from "vitest";

import type { CommittedEntry } from "../../src/apply/applier.ts";
import { InvariantError } from "../../src/base/assert.ts";
import type { SqlPort } from "../../src/base/ports.ts";
import { encodeMembership } from "../../src/base/membership-codec.ts";
import { asLogIndex, asMilliseconds, asTerm, type Bytes } from "../../src/base/types.ts";
import { FIRST_CURSOR } from "../../src/mvcc/snapshot-part.ts";
import {
  dropStaging,
  hasStaging,
  stagePart,
  type WantedPart,
} from "../../src/mvcc/snapshot-sink.ts";
import { SnapshotSource } from "../../src/mvcc/snapshot-source.ts";
import { SqlLog } from "../../src/raft/sql-log.ts";
import { installSnapshot, UNVERSIONED } from "../../src/replica/applied-state.ts";
import { AT_BIRTH, putOf, StateMachine, step, type Step } from "./state-machine.ts";

vi.mock("../../src/base/limits.ts", async (original) => ({
  ...(await original<typeof import("../../src/base/limits.ts")>()),
  SNAPSHOT_PART_BYTES: 90,
  SNAPSHOT_PART_ROWS_MAX: 5,
  SNAPSHOT_READ_ROWS: 3,
  SEGMENT_BYTES: 150,
}));

const NOW = asMilliseconds(777);
const BEGINNING: WantedPart = { part: 0, cursor: FIRST_CURSOR };

const sourceOf = ({ sql, store }: StateMachine): SnapshotSource =>
  new SnapshotSource({ sql, store, unversioned: UNVERSIONED });

/** What the sender is at the pin: all that can be told, and its live rows. */
const imageOf = (machine: StateMachine): unknown => ({
  ...machine.facts(),
  now: machine.sql.all(
    "SELECT key, create_revision, mod_revision, version, lease, value, sub FROM now ORDER BY key",
  ),
});

function install(machine: StateMachine, source: SnapshotSource): void {
  installSnapshot(machine.sql, { index: source.pin.index, term: asTerm(4), now: NOW });
  machine.restart();
}

/** Parts until all are there; `between` runs behind each, told how many were sent. */
function send(
  source: SnapshotSource,
  receiver: SqlPort,
  options: { readonly name?: string; readonly between?: (sent: number) => void } = {},
): number {
  const { name = "one", between = () => {} } = options;
  let wanted = BEGINNING;
  let sent = 0;
  while (wanted.cursor !== null) {
    const { data } = source.part(wanted.cursor);
    wanted = stagePart(receiver, { snapshot: name, part: wanted.part, data });
    between(++sent);
  }
  return sent;
}

/** A transaction that is lost, as a crash loses the turn under way. */
function lose(sql: SqlPort, body: () => void): void {
  const crash = new Error("crash");
  try {
    sql.transaction(() => {
      body();
      throw crash;
    });
  } catch (error) {
    if (error !== crash) throw error;
  }
}

function withHistory(steps: readonly Step[]): StateMachine {
  const machine = new StateMachine();
  const membership = encodeMembership({ ...AT_BIRTH, index: asLogIndex(7) });
  machine.sql.run("UPDATE meta SET membership = ?, cluster_version = 2", membership);
  machine.run(putOf("a", "first", 0));
  for (const each of steps) machine.run(each);
  return machine;
}

const steps = (min: number, max: number) =>
  fc.array(step, { minLength: min, maxLength: max, size: "max" });

/** Some entries for the space behind each part, as often as they last. */
const meanwhile = fc.array(fc.array(step, { maxLength: 3 }), { maxLength: 12, size: "max" });

/** The receiver is what the sender was, and what the sender is once the log has brought it there. */
function compare(
  expect: ExpectStatic,
  both: { readonly sender: StateMachine; readonly receiver: StateMachine },
  { image, later }: { readonly image: unknown; readonly later: readonly CommittedEntry[] },
): void {
  const { sender, receiver } = both;
  expect(imageOf(receiver)).toEqual(image);
  for (const entry of later) receiver.apply(entry);
  expect(imageOf(receiver)).toEqual(imageOf(sender));
}

describe("a snapshot", () => {
  test("is the state at the pin, whatever is written between its parts", ({ expect }) => {
    let parts = 0;
    const property = fc.property(steps(0, 40), meanwhile, fc.boolean(), (before, after, sweeps) => {
      const sender = withHistory(before);
      if (sweeps) while (sender.store.sweep(2));
      const receiver = withHistory(before.slice(0, 5).toReversed());
      const source = sourceOf(sender);
      const image = imageOf(sender);
      const later: CommittedEntry[] = [];
      parts += send(source, receiver.sql, {
        between(sent) {
          for (const each of after[sent - 1] ?? []) later.push(sender.run(each));
          sender.store.sweep(3);
        },
      });
      install(receiver, source);
      source.release();
      compare(expect, { sender, receiver }, { image, later });
      while (sender.store.sweep(3));
      while (receiver.store.sweep(3));
      expect(imageOf(receiver)).toEqual(imageOf(sender));
      sender.sql.close();
      receiver.sql.close();
    });
    fc.assert(property, { numRuns: 150 });
    expect(parts).toBeGreaterThan(150 * 5);
  });

  test("survives a crash behind every part and in every part, and resumes", ({ expect }) => {
    const property = fc.property(steps(5, 30), meanwhile, (before, after) => {
      const sender = withHistory(before);
      const receiver = withHistory(before.slice(0, 3));
      const untouched = imageOf(receiver);
      const source = sourceOf(sender);
      const image = imageOf(sender);
      const later: CommittedEntry[] = [];
      let wanted = BEGINNING;
      for (let sent = 0; wanted.cursor !== null; sent++) {
        const { part } = wanted;
        const { data } = source.part(wanted.cursor);
        lose(receiver.sql, () => stagePart(receiver.sql, { snapshot: "one", part, data }));
        receiver.restart();
        for (const each of after[sent] ?? []) later.push(sender.run(each));
        // Made again, it may end elsewhere; the receiver says where to go on, twice the same.
        const again = source.part(wanted.cursor);
        wanted = stagePart(receiver.sql, { snapshot: "one", part, data: again.data });
        const repeated = stagePart(receiver.sql, { snapshot: "one", part, data });
        expect(repeated).toEqual(wanted);
        expect(imageOf(receiver)).toEqual(untouched);
      }
      lose(receiver.sql, () => install(receiver, source));
      receiver.restart();
      expect(imageOf(receiver)).toEqual(untouched);
      install(receiver, source);
      compare(expect, { sender, receiver }, { image, later });
      sender.sql.close();
      receiver.sql.close();
    });
    fc.assert(property, { numRuns: 60 });
  });

  test("that is begun anew leaves nothing of the one before", ({ expect }) => {
    const property = fc.property(steps(5, 30), steps(1, 10), fc.nat(12), (before, after, cut) => {
      const sender = withHistory(before);
      const receiver = new StateMachine();
      const first = sourceOf(sender);
      let wanted = BEGINNING;
      for (let sent = 0; sent < cut && wanted.cursor !== null; sent++) {
        const { data } = first.part(wanted.cursor);
        wanted = stagePart(receiver.sql, { snapshot: "one", part: wanted.part, data });
      }
      first.release();
      for (const each of after) sender.run(each);
      while (sender.store.sweep(3));
      const second = sourceOf(sender);
      send(second, receiver.sql, { name: "two" });
      install(receiver, second);
      compare(expect, { sender, receiver }, { image: imageOf(sender), later: [] });
      const left = receiver.sql.all("SELECT name FROM sqlite_master WHERE name LIKE 'next%'");
      expect([left, hasStaging(receiver.sql)]).toEqual([[], false]);
      sender.sql.close();
      receiver.sql.close();
    });
    fc.assert(property, { numRuns: 40 });
  });

  test("goes on from its receiver to another", ({ expect }) => {
    const sender = withHistory(["b", "c", "a", "b"].map((key, n) => putOf(key, `${n}`, n + 1)));
    const between = new StateMachine();
    const source = sourceOf(sender);
    send(source, between.sql);
    install(between, source);
    const receiver = new StateMachine();
    const second = sourceOf(between);
    send(second, receiver.sql);
    install(receiver, second);
    expect(imageOf(receiver)).toEqual(imageOf(sender));
    const indexes = (machine: StateMachine): unknown =>
      machine.sql.all("SELECT name, tbl_name FROM sqlite_master WHERE type = 'index' ORDER BY 1");
    expect(indexes(receiver)).toEqual(indexes(new StateMachine()));
  });
});

describe("a receiver", () => {
  const sender = (): StateMachine =>
    withHistory(Array.from({ length: 20 }, (_, n) => putOf(`k${n % 7}`, `v${n}`, n)));

  test("takes the next part only, of the snapshot that it is receiving", ({ expect }) => {
    const machine = new StateMachine();
    const source = sourceOf(sender());
    const parts: Bytes[] = [];
    send(source, machine.sql, { between: () => {} });
    dropStaging(machine.sql);
    expect(hasStaging(machine.sql)).toBe(false);
    for (let cursor: Bytes | null = FIRST_CURSOR; cursor !== null;) {
      const { data, next } = source.part(cursor);
      parts.push(data);
      cursor = next;
    }
    const stage = (part: number, snapshot = "one", data = parts[part]!): number =>
      stagePart(machine.sql, { snapshot, part, data }).part;
    expect(stage(1)).toBe(0);
    expect(hasStaging(machine.sql)).toBe(false);
    expect([stage(0), stage(0), stage(2), stage(1), stage(0)]).toEqual([1, 1, 1, 2, 2]);
    // The right number over another part: a hole, or one that was made again with another end.
    expect(stage(2, "one", parts[3])).toBe(2);
    expect(stage(2, "two")).toBe(0);
    expect(stage(2)).toBe(3);
    expect(stage(0, "two")).toBe(1);
    expect(stage(3)).toBe(0);
  });

  test("refuses a part that was damaged on its way, and changes nothing", ({ expect }) => {
    const machine = new StateMachine();
    const { data } = sourceOf(sender()).part(FIRST_CURSOR);
    for (let at = 0; at < data.length; at++) {
      const damaged = data.slice();
      damaged[at]! ^= 4;
      const stage = () => stagePart(machine.sql, { snapshot: "one", part: 0, data: damaged });
      expect(stage).toThrow("checksum");
    }
    expect(hasStaging(machine.sql)).toBe(false);
  });

  test("installs nothing before it has all, nor for another entry", ({ expect }) => {
    const machine = new StateMachine();
    const source = sourceOf(sender());
    const { index } = source.pin;
    const installAt = (at: typeof index) => () =>
      installSnapshot(machine.sql, { index: at, term: asTerm(4), now: NOW });
    expect(installAt(index)).toThrow(InvariantError);
    const { data } = source.part(FIRST_CURSOR);
    stagePart(machine.sql, { snapshot: "one", part: 0, data });
    expect(installAt(index)).toThrow(/all parts/);
    dropStaging(machine.sql);
    send(source, machine.sql);
    expect(installAt((index + 1) as typeof index)).toThrow(/of entry/);
    expect(hasStaging(machine.sql)).toBe(true);
    install(machine, source);
    expect(machine.store.appliedIndex).toBe(index);
  });

  test("halts at unversioned state that it does not know, or misses", ({ expect }) => {
    for (const unversioned of [
      UNVERSIONED.slice(1),
      [...UNVERSIONED, { ...UNVERSIONED[0]!, name: "of a later version" }],
    ]) {
      const { sql, store } = sender();
      const machine = new StateMachine();
      const source = new SnapshotSource({ sql, store, unversioned });
      send(source, machine.sql);
      expect(() => install(machine, source)).toThrow(InvariantError);
    }
  });

  test("has a log that begins behind it, its own hard state, and its own clock", ({ expect }) => {
    const machine = new StateMachine();
    machine.sql.run("UPDATE meta SET term = 9, vote = '5', incarnation = 2");
    const source = sourceOf(sender());
    send(source, machine.sql);
    install(machine, source);
    const log = new SqlLog(machine.sql);
    expect(log.base()).toEqual({ index: source.pin.index, term: 4, author: null });
    expect(log.hardState()).toEqual({ term: 9, vote: 5n });
    expect(machine.store.wall).toBe(NOW);
  });
});

describe("a pin", () => {
  test("keeps the sweep from freeing anything, until the last one is released", ({ expect }) => {
    const large = "v".repeat(5_000);
    const machine = withHistory(["a", "a", "a"].map((key, n) => putOf(key, large, n + 1)));
    machine.run(putOf("a", "", 9));
    const [first, second] = [sourceOf(machine), sourceOf(machine)];
    machine.store.compact(4);
    const rows = (): number => machine.sql.all("SELECT 1 FROM old").length;
    expect([machine.store.sweepPending, machine.store.sweep(10), rows()]).toEqual([
      false,
      false,
      3,
    ]);
    first.release();
    first.release();
    expect([machine.store.sweepPending, rows()]).toEqual([false, 3]);
    second.release();
    expect(machine.store.sweepPending).toBe(true);
    while (machine.store.sweep(10));
    expect(rows()).toBe(2);
    expect(() => second.part(FIRST_CURSOR)).toThrow(/pinned/);
  });
});

test("a part exceeds its bound by one row at most, and no row is left out", ({ expect }) => {
  const large = "v".repeat(200);
  const sender = withHistory(Array.from({ length: 9 }, (_, n) => putOf(`k${n}`, large, n + 1)));
  const source = sourceOf(sender);
  const sizes: number[] = [];
  for (let cursor: Bytes | null = FIRST_CURSOR; cursor !== null;) {
    const { data, next } = source.part(cursor);
    sizes.push(data.length);
    cursor = next;
  }
  // A bound of 90, a history row of a put with its answer, and what a part has around its records.
  expect(Math.max(...sizes)).toBeLessThan(90 + 200 + 120);
  expect(Math.max(...sizes)).toBeGreaterThan(200);
});
