// Goal: compaction makes old revisions unreadable at once, frees them in slices, and changes
// nothing that can still be read. Method: small stores, swept to the end or in part.

import { describe, test } from "vitest";

import { REQUEST_WINDOW_MS, SEGMENT_BYTES } from "../../src/base/limits.ts";
import { asRevision } from "../../src/base/types.ts";
import { Store } from "../../src/mvcc/store.ts";
import { put, putOp, refusalOf, showChanges, TestStore, txn } from "./fixture.ts";

describe("compact", () => {
  test("rev <= compacted is compacted, > current is future, = current is fine", ({ expect }) => {
    const fixture = new TestStore();
    fixture.put("a");
    fixture.put("a");
    const table: [number, string][] = [
      [-1, "compacted"],
      [0, "accepted"],
      [0, "compacted"],
      [-1, "compacted"],
      [4, "futureRevision"],
      [2, "accepted"],
      [2, "compacted"],
      [1, "compacted"],
      [3, "accepted"],
    ];
    for (const [revision, outcome] of table) {
      expect(refusalOf(fixture.compact(revision)), `compact(${revision})`).toBe(outcome);
    }
    expect([fixture.store.compacted, fixture.store.revision]).toEqual([3, 3]);
  });

  test("what can still be read reads the same before, during and after the sweep", ({ expect }) => {
    const fixture = new TestStore();
    for (let i = 0; i < 40; i++) {
      fixture.put(`k${i % 7}`, String(i));
      if (i % 5 === 0) fixture.delete(`k${i % 3}`);
    }
    const read = (): string[][] => {
      const seen: string[][] = [];
      for (let revision = 25; revision <= fixture.store.revision; revision++) {
        seen.push(fixture.range("k", "l", { revision }));
      }
      return seen;
    };
    const before = read();
    fixture.compact(25);
    expect(read()).toEqual(before);
    while (fixture.store.sweep(3)) expect(read()).toEqual(before);
    expect(read()).toEqual(before);
    expect(fixture.store.sweepPending).toBe(false);
    expect(fixture.database.all("SELECT 1 FROM old WHERE until <= 25")).toEqual([]);
  });

  test("the version visible at the compacted revision is kept, a deletion's too", ({ expect }) => {
    const fixture = new TestStore();
    fixture.put("a", "1");
    fixture.put("a", "2");
    fixture.delete("a");
    fixture.compact(3);
    fixture.sweepAll();
    expect(fixture.range("a", "", { revision: 3 })).toEqual(["a=2 c2 m3 v2"]);
    fixture.compact(4);
    fixture.sweepAll();
    expect(fixture.rows("old")).toBe(0);
  });

  test("the events of the compacted revision itself can still be watched", ({ expect }) => {
    const fixture = new TestStore();
    fixture.put("a", "1");
    fixture.delete("a");
    fixture.put("b");
    fixture.compact(3);
    fixture.sweepAll();
    const { revisions } = fixture.store.history.read(asRevision(3), 1_000);
    expect(showChanges(revisions)).toEqual(["3: delete a m3", "4: put b= c4 m4 v1"]);
  });
});

describe("sweep", () => {
  test("looks at so many rows a slice, and says whether more remains", ({ expect }) => {
    const fixture = new TestStore({ replaces: false });
    for (let i = 0; i < 11; i++) fixture.put("a", String(i));
    fixture.compact(fixture.store.revision);
    const left: number[] = [];
    while (fixture.store.sweep(4)) left.push(fixture.rows("old"));
    expect(left).toEqual([6, 2]);
    expect(fixture.rows("old")).toBe(0);
    expect(fixture.database.all("SELECT swept FROM meta")).toEqual([{ swept: 12 }]);
  });

  test("is not pending again after a restart, unless it was not done", ({ expect }) => {
    const fixture = new TestStore({ replaces: false });
    for (let i = 0; i < 5; i++) fixture.put("a", String(i));
    fixture.compact(4);
    fixture.store.sweep(1);
    fixture.restart();
    expect(fixture.store.sweepPending).toBe(true);
    fixture.sweepAll();
    fixture.restart();
    expect(fixture.store.sweepPending).toBe(false);
    expect(fixture.store.sweep(10)).toBe(false);
  });

  test("a compaction during a sweep is swept after it", ({ expect }) => {
    const fixture = new TestStore({ replaces: false });
    for (let i = 0; i < 6; i++) fixture.put("a", String(i));
    fixture.compact(4);
    fixture.store.sweep(1);
    fixture.compact(7);
    fixture.sweepAll();
    expect([fixture.rows("old"), fixture.store.sweepPending]).toEqual([0, false]);
  });
});

test("what a sweep has passed is looked at again after a compaction meanwhile", ({ expect }) => {
  const fixture = new TestStore({ replaces: false });
  for (const key of ["a", "b", "b", "a"]) fixture.put(key);
  fixture.compact(4);
  fixture.store.sweep(1);
  expect(fixture.rows("old")).toBe(2);
  fixture.compact(5);
  fixture.sweepAll(1);
  expect(fixture.rows("old")).toBe(0);
});

describe("dropping segments", () => {
  /** Three segments of history or more. */
  function longHistory(): TestStore {
    const fixture = new TestStore();
    const value = "v".repeat(SEGMENT_BYTES / 4);
    for (let i = 0; i < 10; i++) fixture.put("a", value);
    return fixture;
  }
  const segmentsOf = (fixture: TestStore): unknown[] =>
    fixture.database.all("SELECT number FROM segment").map((row) => row.number);

  test("history is cut into segments of a few megabytes", ({ expect }) => {
    expect(segmentsOf(longHistory())).toEqual([1, 2, 3]);
  });

  test("those wholly before the compacted revision go, one a slice", ({ expect }) => {
    const fixture = longHistory();
    fixture.timeMs += 2 * REQUEST_WINDOW_MS;
    fixture.compact(fixture.store.revision);
    fixture.sweepAll();
    expect(segmentsOf(fixture)).toEqual([3]);
    const tables = fixture.database.all("SELECT name FROM sqlite_master WHERE name LIKE 'rev%'");
    expect(tables).toEqual([{ name: "rev_3" }]);
    fixture.put("b");
    fixture.restart();
    expect(fixture.store.revision).toBe(12);
  });

  test("not while requests in them may be repeated", ({ expect }) => {
    const fixture = longHistory();
    fixture.timeMs += REQUEST_WINDOW_MS;
    fixture.compact(fixture.store.revision);
    fixture.sweepAll();
    expect(segmentsOf(fixture)).toEqual([1, 2, 3]);
    fixture.timeMs += 1;
    fixture.put("b");
    fixture.compact(fixture.store.revision);
    fixture.sweepAll();
    expect(segmentsOf(fixture)).toEqual([3]);
  });

  test("not the one whose last revision is the compacted one", ({ expect }) => {
    const fixture = longHistory();
    fixture.timeMs += 2 * REQUEST_WINDOW_MS;
    const [last] = fixture.database.all<{ r: number }>("SELECT max(revision) AS r FROM rev_1");
    fixture.compact(last!.r);
    fixture.sweepAll();
    expect(segmentsOf(fixture)).toEqual([1, 2, 3]);
    const { revisions } = fixture.store.history.read(asRevision(last!.r), 1);
    expect(revisions[0]?.revision).toBe(last!.r);
  });
});

describe("restart", () => {
  test("a new store on the same database stands where the old one stood", ({ expect }) => {
    const fixture = new TestStore();
    fixture.put("a", "1");
    fixture.timeMs = 2_000;
    fixture.batch((store) => {
      store.txn(txn({ success: [putOp("b"), putOp("c")] }), fixture.leasePort);
      store.put(put("a", "2"), fixture.leasePort);
    });
    fixture.timeMs = 3_000;
    fixture.delete("nothing");
    fixture.compact(2);
    const stateOf = (store: Store): unknown => ({
      revision: store.revision,
      compacted: store.compacted,
      appliedIndex: store.appliedIndex,
      clusterTime: store.clusterTime,
      wall: store.wall,
      changes: showChanges(store.history.read(asRevision(2), 1_000).revisions),
    });
    expect(stateOf(new Store(fixture.database))).toEqual(stateOf(fixture.store));
    expect(stateOf(fixture.store)).toMatchObject({
      revision: 4,
      compacted: 2,
      appliedIndex: 4,
      clusterTime: 3_000,
      wall: 3_005,
    });
  });

  test("a batch that fails leaves nothing behind", ({ expect }) => {
    const fixture = new TestStore();
    fixture.put("a", "1");
    const failing = () =>
      fixture.batch((store) => {
        store.put(put("a", "2"), fixture.leasePort);
        throw new Error("the turn fails");
      });
    expect(failing).toThrow("the turn fails");
    fixture.restart();
    expect(fixture.range("a")).toEqual(["a=1 c2 m2 v1"]);
    expect([fixture.rows("old"), fixture.store.appliedIndex]).toEqual([0, 1]);
  });
});
