// Goal: the history gives back exactly the changes that were made, whole revision by whole
// revision, and stops at damage. Method: batches of several shapes; damage by SQL.

import { describe, test } from "vitest";

import { encodeUtf8 } from "../../src/base/bytes.ts";
import { ROW_BYTES_MAX, SEGMENT_BYTES } from "../../src/base/limits.ts";
import { asClusterTime, asRevision } from "../../src/base/types.ts";
import type { AppliedRequest } from "../../src/mvcc/history-row.ts";
import {
  bytesOf,
  deleteOp,
  put,
  putOp,
  show,
  showChanges,
  TestStore,
  txn,
  txnOp,
} from "./fixture.ts";

const read = (fixture: TestStore, from: number, bytesMax = 1_000_000) =>
  fixture.store.history.read(asRevision(from), bytesMax);

/** Revisions 2 to 6, in batches of one, of three, of none and of one. */
function fiveRevisions(): TestStore {
  const fixture = new TestStore();
  fixture.put("a", "1");
  fixture.batch((store) => {
    store.put(put("b", "2"), fixture.leasePort);
    store.txn(txn({ success: [putOp("c", "3"), deleteOp("a")] }), fixture.leasePort);
    store.put(put("b", "4"), fixture.leasePort);
  });
  fixture.delete("nothing");
  fixture.put("d", "5");
  return fixture;
}

describe("read", () => {
  test("gives the changes from a revision on, in order", ({ expect }) => {
    const fixture = fiveRevisions();
    expect(showChanges(read(fixture, 2).revisions)).toEqual([
      "2: put a=1 c2 m2 v1",
      "3: put b=2 c3 m3 v1",
      "4: put c=3 c4 m4 v1",
      "4: delete a m4",
      "5: put b=4 c3 m5 v2",
      "6: put d=5 c6 m6 v1",
    ]);
    expect(showChanges(read(fixture, 5).revisions)).toHaveLength(2);
  });

  test("is the same as what commit returned", ({ expect }) => {
    const fixture = new TestStore();
    const { changes } = fixture.batch((store) => {
      store.put(put("a", "1"), fixture.leasePort);
      store.txn(txn({ success: [putOp("b"), putOp("c")] }), fixture.leasePort);
    });
    expect(read(fixture, 2).revisions).toEqual(changes);
  });

  test("next is one beyond what was read, or from itself in the future", ({ expect }) => {
    const fixture = fiveRevisions();
    const nexts = [2, 6, 7, 100].map((from) => read(fixture, from).next);
    expect(nexts).toEqual([7, 7, 7, 100]);
    expect(read(new TestStore(), 1)).toEqual({ revisions: [], next: 2 });
  });

  test("stops before a revision that would exceed bytesMax, but gives one", ({ expect }) => {
    const fixture = fiveRevisions();
    for (const bytesMax of [0, 1, 60, 120, 150, 10_000]) {
      const seen: string[] = [];
      let from = 2;
      while (from <= 6) {
        const { revisions, next } = read(fixture, from, bytesMax);
        expect(next).toBe(revisions.at(-1)!.revision + 1);
        if (bytesMax <= 1) expect(revisions).toHaveLength(1);
        seen.push(...showChanges(revisions));
        from = next;
      }
      expect(seen).toEqual(showChanges(read(fixture, 2).revisions));
    }
    expect(read(fixture, 2, 120).revisions.map(({ revision }) => revision)).toEqual([2, 3]);
  });

  test("a revision larger than a row is cut into parts and read whole", ({ expect }) => {
    const fixture = new TestStore();
    const large = "x".repeat(ROW_BYTES_MAX / 3);
    fixture.put("before");
    fixture.batch((store) => {
      store.put(put("small"), fixture.leasePort);
      store.txn(
        txn({ success: ["a", "b", "c", "d", "e"].map((key) => putOp(key, large)) }),
        fixture.leasePort,
      );
      store.put(put("after"), fixture.leasePort);
    });
    const parts = fixture.database.all<{ revision: number; part: number; size: number }>(
      "SELECT revision, part, length(events) AS size FROM rev_1 WHERE applied = 2 ORDER BY part",
    );
    expect(parts.map(({ revision, part }) => [revision, part])).toEqual([
      [4, 0],
      [4, 1],
      [5, 2],
    ]);
    expect(parts.every(({ size }) => size <= ROW_BYTES_MAX)).toBe(true);
    for (const from of [2, 3, 4, 5]) {
      const keys = read(fixture, from, 10_000_000).revisions.map(
        ({ revision, events }) => `${revision}:${events.map(({ kv }) => show(kv)[0]).join("")}`,
      );
      expect(keys).toEqual(["2:b", "3:s", "4:abcde", "5:a"].slice(from - 2));
    }
    const whole = read(fixture, 4, 10);
    expect(whole.revisions[0]?.events).toHaveLength(5);
    expect(whole.next).toBe(5);
    fixture.restart();
    expect(fixture.store.revision).toBe(5);
  });
});

describe("previousVersion", () => {
  test("is the version that a change replaced; null for a creation", ({ expect }) => {
    const { store } = fiveRevisions();
    const previous = (key: string, revision: number): string =>
      show(store.history.previousVersion(encodeUtf8(key), asRevision(revision)));
    expect(previous("b", 5)).toBe("b=2 c3 m3 v1");
    expect(previous("a", 4)).toBe("a=1 c2 m2 v1");
    expect(previous("b", 3)).toBe("none");
  });

  test("is null when the revision before is compacted, swept or not", ({ expect }) => {
    const fixture = fiveRevisions();
    const previous = (): string =>
      show(fixture.store.history.previousVersion(encodeUtf8("b"), asRevision(5)));
    fixture.compact(4);
    expect(previous()).toBe("b=2 c3 m3 v1");
    fixture.sweepAll();
    expect(previous()).toBe("b=2 c3 m3 v1");
    fixture.compact(5);
    expect(previous()).toBe("none");
  });

  test("of a key that changes twice in a revision is the version before both", ({ expect }) => {
    const fixture = new TestStore();
    fixture.put("a", "1");
    const nested = [txnOp({ success: [putOp("a", "2")] }), txnOp({ success: [deleteOp("a")] })];
    fixture.txn({ success: nested });
    const { history } = fixture.store;
    expect(show(history.previousVersion(encodeUtf8("a"), asRevision(3)))).toBe("a=1 c2 m2 v1");
  });
});

describe("requests", () => {
  const request = (id: number, timeMs: number, answer = bytesOf()): AppliedRequest => ({
    id: new Uint8Array(16).fill(id),
    revision: asRevision(2),
    time: asClusterTime(timeMs),
    answer,
  });
  function withRequests(): TestStore {
    const fixture = new TestStore();
    for (const [timeMs, ids] of [
      [1_000, [1]],
      [2_000, []],
      [3_000, [2, 3]],
      [4_000, [4]],
    ] as const) {
      fixture.timeMs = timeMs;
      fixture.batch(
        (store) => store.put(put("a"), fixture.leasePort),
        ids.map((id) => request(id, timeMs - id, bytesOf(id, id))),
      );
    }
    return fixture;
  }

  test("since a time are those of entries at it or later, in order", ({ expect }) => {
    const { store } = withRequests();
    const idsSince = (time: number) =>
      [...store.history.requestsSince(asClusterTime(time))].map(({ id }) => id[0]);
    expect([0, 2_998, 2_999, 4_000].map(idsSince)).toEqual([[1, 2, 3, 4], [2, 4], [4], []]);
  });

  test("have their answers at their place, after a restart too", ({ expect }) => {
    const fixture = withRequests();
    fixture.restart();
    const { history } = fixture.store;
    for (const { id, place } of history.requestsSince(asClusterTime(0))) {
      expect(history.answerOf(place, id)).toEqual(bytesOf(id[0]!, id[0]!));
    }
  });

  test("have none if it was not kept, or the id or the row is not there", ({ expect }) => {
    const fixture = new TestStore();
    fixture.batch(() => null, [request(1, 900)]);
    const { history } = fixture.store;
    const [{ id, place }] = [...history.requestsSince(asClusterTime(0))] as [never];
    expect(history.answerOf(place, id)).toBeNull();
    expect(history.answerOf(place, new Uint8Array(16))).toBeNull();
    expect(history.answerOf({ ...(place as object), segment: 9 } as never, id)).toBeNull();
    expect(history.answerOf({ ...(place as object), applied: 9 } as never, id)).toBeNull();
  });

  test("too large for one row are spread over parts", ({ expect }) => {
    const fixture = new TestStore();
    const answer = new Uint8Array(ROW_BYTES_MAX / 30).fill(7);
    const requests = Array.from({ length: 70 }, (_, i) => request(i, 1_000, answer));
    fixture.batch((store) => store.put(put("a"), fixture.leasePort), requests);
    const remembered = [...fixture.store.history.requestsSince(asClusterTime(0))];
    expect(remembered.map(({ id }) => id[0])).toEqual(requests.map(({ id }) => id[0]));
    expect(new Set(remembered.map(({ place }) => place.part))).toEqual(new Set([0, 1, 2]));
    expect(remembered.every(({ id, place }) => fixture.store.history.answerOf(place, id))).toBe(
      true,
    );
    expect(showChanges(read(fixture, 2).revisions)).toEqual(["2: put a= c2 m2 v1"]);
  });
});

test("a segment that begins with a batch of nothing hides no revision or request", ({ expect }) => {
  const fixture = new TestStore();
  const answered = (id: number): AppliedRequest => ({
    id: new Uint8Array(16).fill(id),
    revision: asRevision(1),
    time: asClusterTime(1_000),
    answer: bytesOf(),
  });
  const value = "v".repeat(SEGMENT_BYTES / 3);
  for (let i = 1; i <= 3; i++) {
    fixture.batch((store) => store.put(put("a", value), fixture.leasePort), [answered(i)]);
  }
  for (let i = 4; i <= 5; i++) fixture.batch(() => null, [answered(i)]);
  expect([fixture.rows("rev_1"), fixture.rows("rev_2")]).toEqual([3, 2]);
  expect(read(fixture, 4).revisions.map(({ revision }) => revision)).toEqual([4]);
  const requests = [...fixture.store.history.requestsSince(asClusterTime(1_000))];
  expect(requests.map(({ id }) => id[0])).toEqual([1, 2, 3, 4, 5]);
});

describe("damage halts", () => {
  const table: [string, string, RegExp][] = [
    [
      "events cut short",
      "UPDATE rev_1 SET events = substr(events, 1, 5) WHERE length(events) > 5",
      /damaged/,
    ],
    ["events of no kind", "UPDATE rev_1 SET events = x'ff' WHERE revision = 5", /damaged/],
    ["a missing row", "DELETE FROM rev_1 WHERE revision = 5", /next, not 6/],
    ["a missing last row", "DELETE FROM rev_1 WHERE revision = 6", /ends with/],
    [
      "events out of order",
      "UPDATE rev_1 SET events = (SELECT events FROM rev_1 WHERE revision = 2) WHERE revision = 6",
      /next|ends/,
    ],
  ];
  for (const [name, damage, message] of table) {
    test(`damage: ${name}`, ({ expect }) => {
      const fixture = fiveRevisions();
      fixture.database.run(damage);
      expect(() => read(fixture, 2)).toThrow(message);
    });
  }

  test("reading below the compacted revision is the caller's mistake", ({ expect }) => {
    const fixture = fiveRevisions();
    fixture.compact(4);
    expect(() => read(fixture, 3)).toThrow("is not compacted");
    expect(read(fixture, 4).revisions).toHaveLength(3);
  });

  test("an index or a time that falls back is refused", ({ expect }) => {
    const fixture = fiveRevisions();
    fixture.timeMs -= 1;
    expect(() => fixture.put("x")).toThrow("cluster time never falls");
  });
});
