// Goal: reads seek instead of scanning, and writes cost the rows that the layout budgets. Method:
// EXPLAIN on every statement that the store runs; SQLite's own count of changes. Rows as workerd
// bills them are measured in `test/workerd`.

import { describe, test } from "vitest";

import type { RangeRequest } from "../../src/base/kv.ts";
import { asRevision } from "../../src/base/types.ts";
import { compare, deleteOp, lease, put, putOp, range, rangeOp, TestStore, txn } from "./fixture.ts";

/** How SQLite goes about each statement that `body` runs. */
function plansOf(fixture: TestStore, body: () => void): string[] {
  fixture.sql.statements.length = 0;
  body();
  return (
    fixture.sql.statements
      .filter(({ statement }) =>
        /^\s*(SELECT|WITH|UPDATE|DELETE|INSERT INTO (old|now))/.test(statement),
      )
      // The first or last row of a segment: SQLite calls it a scan, and stops after one step.
      .filter(({ statement }) => !/FROM rev_\d+ ORDER BY .* LIMIT 1$/.test(statement))
      .flatMap(({ statement, parameters }) =>
        fixture.database.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${statement}`, ...parameters),
      )
      .map(({ detail }) => detail)
  );
}

/** A scan of a whole table, or a sort. `step` is the one-row queue of a loose index scan. */
const isDear = (detail: string): boolean =>
  /TEMP B-TREE/.test(detail) || /^SCAN (now|old|rev_|v\b|seen)/.test(detail);

function someKeys(): TestStore {
  const fixture = new TestStore();
  fixture.leases.add(lease(7));
  for (const key of ["a", "b", "c", "b", "c"]) fixture.put(key, "x", { lease: lease(7) });
  fixture.delete("c");
  return fixture;
}

describe("no key-ordered statement scans a table or sorts", () => {
  const requests: [string, RangeRequest][] = [
    ["a point", range("a")],
    ["an interval", range("a", "c")],
    ["from key on", range("a", "\0")],
    ["a page", range("a", "c", { limit: 1 })],
    ["descending", range("a", "c", { sortOrder: "descend", limit: 1 })],
    ["keys only", range("a", "c", { keysOnly: true })],
    ["a count", range("a", "c", { countOnly: true })],
  ];
  for (const [name, request] of requests) {
    for (const revision of [0, 4]) {
      test(`range: ${name}${revision === 0 ? "" : ", in the past"}`, ({ expect }) => {
        const fixture = someKeys();
        const plans = plansOf(fixture, () => fixture.store.range({ ...request, revision }));
        expect(plans.filter((detail) => detail.startsWith("SEARCH"))).not.toEqual([]);
        expect(plans.filter(isDear)).toEqual([]);
      });
    }
  }

  test("writes, leases, history and sweep", ({ expect }) => {
    const fixture = someKeys();
    const success = [putOp("a"), putOp("d"), deleteOp("x", "z"), rangeOp("a", "\0")];
    const plans = plansOf(fixture, () => {
      fixture.put("b", "y", { prevKv: true });
      fixture.put("plain", "x");
      fixture.put("plain", "y");
      fixture.delete("b", "c");
      fixture.txn({ compare: [compare("a", "mod", "greater", 0, "z")], success });
      fixture.write((store) => store.deleteKeysOfLease(lease(7)));
      fixture.store.keysOfLease(lease(7));
      fixture.store.history.read(asRevision(3), 100);
      fixture.store.history.previousVersion(put("a").key, asRevision(5));
      fixture.compact(5);
      fixture.store.sweep(2);
    });
    expect(plans.filter(isDear)).toEqual([]);
  });
});

describe("a hot key slows nobody", () => {
  const VERSIONS = 100_000;
  /** `hot` with 100,000 versions between `a` and `z`, at revision VERSIONS + 3. */
  function withHotKey(): TestStore {
    const fixture = new TestStore();
    fixture.put("a");
    fixture.database.run(
      `INSERT INTO old (key, until, create_revision, mod_revision, version, lease, value)
       WITH RECURSIVE n (i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n LIMIT ${VERSIONS - 1})
       SELECT CAST('hot' AS BLOB), i + 1, 3, i, i - 2, NULL, CAST(i AS BLOB) FROM n`,
    );
    const last = VERSIONS + 2;
    fixture.database.run(
      `INSERT INTO now VALUES (CAST('hot' AS BLOB), 3, ${last}, ${VERSIONS}, NULL, x'78', 0, NULL)`,
    );
    fixture.database.run(`UPDATE rev_1 SET revision = ${last}`);
    fixture.restart();
    fixture.put("z");
    return fixture;
  }

  test("a past revision costs a few seeks, as a point, in a list, in a count", ({ expect }) => {
    const fixture = withHotKey();
    const revision = 50_000;
    const options = [{ revision }, { revision, countOnly: true }, { revision, limit: 1 }];
    const started = performance.now();
    for (let i = 0; i < 100; i++) {
      const at = revision + i;
      expect(fixture.range("hot", "", { revision: at })).toEqual([
        `hot=${at} c3 m${at} v${at - 2}`,
      ]);
      for (const each of options) fixture.store.range(range("a", "\0", { ...each, revision: at }));
    }
    // A walk over all versions takes about 10 ms: 400 of them, 4 seconds.
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

test("a hot key whose versions stand in the history slows nobody", ({ expect }) => {
  const fixture = new TestStore();
  const BATCHES = 40;
  const BATCH = 500;
  fixture.put("a");
  for (let i = 0; i < BATCHES; i++) {
    fixture.batch((store) => {
      for (let j = 0; j < BATCH; j++) store.put(put("hot", String(j)), fixture.leasePort);
    });
  }
  fixture.restart();
  let rowsRead = 0;
  for (let revision = 3; revision < BATCHES * BATCH; revision += 997) {
    fixture.sql.statements.length = 0;
    const shown = fixture.range("hot", "", { revision });
    expect(shown).toEqual([`hot=${(revision - 3) % BATCH} c3 m${revision} v${revision - 2}`]);
    rowsRead += fixture.sql.statements.length;
    // Two to see what stands in tables; the rest are steps of the trail.
    expect(fixture.sql.statements.length).toBeLessThan(2 + 2 * Math.log2(BATCHES * BATCH));
  }
  expect(rowsRead).toBeGreaterThan(0);
});

describe("a row of the history", () => {
  const KEYS = 1_000;
  const BATCH = 200;

  /** Puts all keys, and then again in another order; more bytes than are kept decoded. */
  function overwritten(): TestStore {
    const fixture = new TestStore();
    const names = Array.from({ length: 2 * KEYS }, (_, n) => `k${(n * 7) % KEYS}`);
    for (let from = 0; from < names.length; from += BATCH) {
      fixture.batch((store) => {
        for (const name of names.slice(from, from + BATCH)) {
          store.put(put(name, "v".repeat(2_000)), fixture.leasePort);
        }
      });
    }
    fixture.restart();
    fixture.sql.statements.length = 0;
    return fixture;
  }

  /** One more for each segment that is looked into in vain. */
  const readings = ({ sql }: TestStore): number =>
    sql.statements.filter(({ statement }) => statement.includes("replaced FROM rev_")).length;

  test("is read once for a list of keys that have all changed since", ({ expect }) => {
    const fixture = overwritten();
    expect(fixture.range("k", "l", { revision: KEYS + 1 })).toHaveLength(KEYS);
    expect(readings(fixture)).toBeLessThanOrEqual(KEYS / BATCH + 2);
  });

  test("is read once for the versions before its events, though most were new", ({ expect }) => {
    const fixture = overwritten();
    const { revisions } = fixture.store.history.read(asRevision(2), 1e9);
    for (const { revision, events } of revisions) {
      fixture.store.history.previousVersion(events[0]!.kv.key, revision);
    }
    expect(readings(fixture)).toBeLessThanOrEqual((2 * KEYS) / BATCH + 2);
  });
});

describe("rows written, but for the log's own", () => {
  /** Rows of tables that a write changed. */
  function rowsOf(fixture: TestStore, body: () => unknown): number {
    const changes = (): number =>
      fixture.database.all<{ n: number }>("SELECT total_changes() AS n")[0]!.n;
    const before = changes();
    body();
    return changes() - before;
  }

  /** Whether a statement that `body` runs names the index of leases. */
  function touchesLeaseIndex(fixture: TestStore, body: () => void): boolean {
    const [index] = fixture.database.all<{ rootpage: number }>(
      "SELECT rootpage FROM sqlite_master WHERE name = 'now_lease'",
    );
    fixture.sql.statements.length = 0;
    body();
    return fixture.sql.statements
      .filter(({ statement }) => /^(UPDATE|INSERT INTO) now/.test(statement))
      .flatMap(({ statement, parameters }) =>
        fixture.database.all<{ opcode: string; p2: number }>(`EXPLAIN ${statement}`, ...parameters),
      )
      .some(({ opcode, p2 }) => opcode === "OpenWrite" && p2 === index!.rootpage);
  }

  test("a put: history and now, whether it creates or overwrites", ({ expect }) => {
    const fixture = someKeys();
    expect(rowsOf(fixture, () => fixture.put("new", "1"))).toBe(2);
    expect(rowsOf(fixture, () => fixture.put("new", "2"))).toBe(2);
  });

  test("one that replaces a large value, a lease, or under a pin: old too", ({ expect }) => {
    const fixture = someKeys();
    fixture.put("large", "v".repeat(4_097));
    expect(rowsOf(fixture, () => fixture.put("large", "1"))).toBe(3);
    fixture.put("leased", "1", { lease: lease(7) });
    // One more is the index of leases, which SQLite does not count here.
    expect(rowsOf(fixture, () => fixture.put("leased", "2"))).toBe(3);
    const pin = fixture.store.pin();
    expect(rowsOf(fixture, () => fixture.put("large", "2"))).toBe(3);
    fixture.store.release(pin);
    expect(rowsOf(fixture, () => fixture.put("large", "3"))).toBe(2);
  });

  test("an overwrite writes the index of leases only if the lease changes", ({ expect }) => {
    const fixture = someKeys();
    const same = () => void fixture.put("a", "y", { lease: lease(7) });
    expect(touchesLeaseIndex(fixture, same)).toBe(false);
    const ignored = () => void fixture.put("a", "y", { ignoreLease: true });
    expect(touchesLeaseIndex(fixture, ignored)).toBe(false);
    expect(touchesLeaseIndex(fixture, () => void fixture.put("a", "y"))).toBe(true);
    const plain = (): number => rowsOf(fixture, () => fixture.put("plain", "x"));
    expect([plain(), plain()]).toEqual([2, 2]);
  });

  test("64 puts in one batch share one row of history", ({ expect }) => {
    const fixture = someKeys();
    const batch = () =>
      fixture.batch((store) => {
        for (let i = 0; i < 64; i++) store.put(put(`k${i}`), fixture.leasePort);
      });
    expect(rowsOf(fixture, batch)).toBe(65);
    expect(rowsOf(fixture, batch)).toBe(65);
  });

  test("64 puts in one batch share their statements", ({ expect }) => {
    const fixture = someKeys();
    const puts = Array.from({ length: 64 }, (_, i) => put(`k${i}`));
    const batch = (): number => {
      fixture.sql.statements.length = 0;
      fixture.batch((store) => {
        store.expect(puts.map((request) => ({ kind: "put", request })));
        for (const request of puts) store.put(request, fixture.leasePort);
      });
      return fixture.sql.statements.length;
    };
    // Keys read: 25 + 25 + 6 + 6 + 1 + 1. Written: 4 x 16. Copied: 50 + 12 + 1 + 1. History: 1.
    const first = batch();
    const inHistory = batch();
    fixture.replaces = false;
    expect([first, inHistory, batch()]).toEqual([6 + 4 + 1, 6 + 4 + 1, 6 + 4 + 4 + 1]);
  });

  test("a deletion: history, and two for each key; a batch of nothing: history", ({ expect }) => {
    const fixture = someKeys();
    expect(rowsOf(fixture, () => fixture.delete("a", "c"))).toBe(5);
    expect(rowsOf(fixture, () => fixture.delete("a", "c"))).toBe(1);
    expect(rowsOf(fixture, () => fixture.store.readTxn(txn({ success: [rangeOp("a")] })))).toBe(0);
  });

  test("a compaction is one row beside the history", ({ expect }) => {
    const fixture = someKeys();
    expect(rowsOf(fixture, () => fixture.compact(3))).toBe(2);
  });
});
