// Goal: the layout that makes rows few, and a halt on damage. Method: a real SQLite database, its
// rows counted and altered from outside.

import { describe, it } from "vitest";

import { InvariantError } from "../../src/base/assert.ts";
import { ROW_BYTES_MAX, SEGMENT_BYTES } from "../../src/base/limits.ts";
import { asTerm } from "../../src/base/types.ts";
import { RaftLog } from "../../src/raft/log.ts";
import { resetLog } from "../../src/raft/log-base.ts";
import { ENTRY_CACHE_BYTES_MAX } from "../../src/raft/entry-cache.ts";
import { SqlLog } from "../../src/raft/sql-log.ts";
import type { Entry } from "../../src/raft/types.ts";
import { insertMeta, openNodeSql, type NodeSql } from "../support/node-sql.ts";
import { entriesOf, index, member } from "./bench.ts";

function open(): { sql: NodeSql; log: SqlLog } {
  const sql = openNodeSql();
  insertMeta(sql);
  return { sql, log: new SqlLog(sql) };
}

const rowsWritten = (sql: NodeSql): number =>
  sql.all<{ changes: number }>("SELECT total_changes() AS changes")[0]!.changes;

const segments = (sql: NodeSql): number[] =>
  sql
    .all<{ number: number }>("SELECT number FROM segment WHERE kind = 'log' ORDER BY number")
    .map(({ number }) => number);

const large = (first: number, count: number, size: number): Entry[] =>
  Array.from({ length: count }, (_, n) => ({
    index: index(first + n),
    term: asTerm(1),
    kind: 16,
    data: new Uint8Array(size).fill(first + n),
  }));

describe("rows are money", () => {
  it("a lone append costs one row, and so does a batch", ({ expect }) => {
    const { sql, log } = open();
    log.append(entriesOf([1]));
    const before = rowsWritten(sql);
    log.append(entriesOf([1], { first: 2, before: 1 }));
    expect(rowsWritten(sql) - before).toBe(1);
    log.append(
      entriesOf(
        Array.from({ length: 64 }, () => 1),
        { first: 3, before: 1 },
      ),
    );
    expect(rowsWritten(sql) - before).toBe(2);
    log.append(entriesOf([2, 2, 3], { first: 67, before: 1 }));
    // A row holds entries of one term.
    expect(rowsWritten(sql) - before).toBe(4);
  });

  it("hard state that has not changed costs none", ({ expect }) => {
    const { sql, log } = open();
    log.saveHardState({ term: asTerm(2), vote: member(3) });
    const before = rowsWritten(sql);
    log.saveHardState({ term: asTerm(2), vote: member(3) });
    expect(rowsWritten(sql)).toBe(before);
  });

  it("opening writes nothing", ({ expect }) => {
    const { sql, log } = open();
    log.append(entriesOf([1, 2]));
    const before = rowsWritten(sql);
    expect(new SqlLog(sql).lastIndex()).toBe(2);
    expect(rowsWritten(sql)).toBe(before);
  });

  it("entries beyond a row's size are split", ({ expect }) => {
    const { sql, log } = open();
    log.append(large(1, 5, ROW_BYTES_MAX / 2 - 100));
    const rows = sql.all<{ count: number; size: number }>(
      "SELECT count, LENGTH(body) AS size FROM log_1 ORDER BY first",
    );
    expect(rows.map((row) => row.count)).toEqual([2, 2, 1]);
    expect(Math.max(...rows.map((row) => row.size))).toBeLessThanOrEqual(ROW_BYTES_MAX);
  });
});

describe("segments", () => {
  it("a full table is followed by another, and a conflict drops tables whole", ({ expect }) => {
    const { sql, log } = open();
    const size = SEGMENT_BYTES / 4;
    for (let first = 1; first <= 12; first++) log.append(large(first, 1, size));
    expect(segments(sql)).toEqual([1, 2, 3]);
    const before = rowsWritten(sql);
    log.append(entriesOf([2], { first: 4, before: 1 }));
    // Two segment rows deleted, one log row deleted, one inserted: dropped tables cost none.
    expect(rowsWritten(sql) - before).toBe(4);
    expect(segments(sql)).toEqual([1]);
    expect(new SqlLog(sql).lastIndex()).toBe(4);
    for (let first = 5; first <= 9; first++) {
      log.append([{ ...large(first, 1, size)[0]!, term: asTerm(2) }]);
    }
    expect(new SqlLog(sql).entries(index(1), index(10), Infinity)).toHaveLength(9);
  });

  it("what the cache has let go is read from rows", ({ expect }) => {
    const { log } = open();
    const size = ENTRY_CACHE_BYTES_MAX / 3;
    for (let first = 1; first <= 9; first++) log.append(large(first, 1, size));
    const entries = log.entries(index(1), index(10), Infinity);
    expect(entries.map((entry) => entry.data[0])).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(log.entries(index(9), index(10), 1)).toHaveLength(1);
  });

  it("thousands of small rows are read across statements", ({ expect }) => {
    const { sql, log } = open();
    const entries = entriesOf(Array.from({ length: 1_000 }, () => 1));
    for (const entry of entries) log.append([entry]);
    const reopened = new SqlLog(sql);
    expect(reopened.entries(index(1), index(1_001), Infinity)).toEqual(entries);
    expect(reopened.entries(index(700), index(702), Infinity)).toEqual(entries.slice(699, 701));
  });
});

describe("trimming", () => {
  const QUARTER = SEGMENT_BYTES / 4;
  const filled = (count: number) => {
    const { sql, log } = open();
    log.append(entriesOf([1]));
    for (let first = 2; first <= count; first++) log.append(large(first, 1, QUARTER));
    return { sql, log };
  };

  it("drops whole tables only, and none that holds a later entry", ({ expect }) => {
    const { sql, log } = filled(12);
    expect(segments(sql)).toEqual([1, 2, 3]);
    const firsts = [2, 3].map(
      (number) => sql.all<{ first: number }>(`SELECT MIN(first) AS first FROM log_${number}`)[0]!,
    );
    const [second, third] = firsts.map(({ first }) => first);
    for (const [upTo, base, held] of [
      [second! - 2, 0, [1, 2, 3]],
      [second! - 1, second! - 1, [2, 3]],
      [third! - 2, second! - 1, [2, 3]],
      [12, third! - 1, [3]],
    ] as const) {
      log.trim(index(upTo));
      expect([log.base().index, segments(sql)], `up to ${upTo}`).toEqual([base, held]);
      expect(new SqlLog(sql).base()).toEqual(log.base());
    }
  });

  it("costs a row for each table, and one for the base", ({ expect }) => {
    const { sql, log } = filled(12);
    const before = rowsWritten(sql);
    log.trim(index(12));
    expect(rowsWritten(sql) - before).toBe(3);
    log.trim(index(12));
    expect(rowsWritten(sql) - before).toBe(3);
  });

  it("the base is lost together with the drop, never apart", ({ expect }) => {
    const { sql, log } = filled(12);
    const crash = () =>
      sql.transaction(() => {
        log.trim(index(12));
        throw new Error("crash");
      });
    expect(crash).toThrow("crash");
    expect([new SqlLog(sql).base().index, segments(sql)]).toEqual([0, [1, 2, 3]]);
  });

  it("a trimmed log takes conflicts down to its base", ({ expect }) => {
    const { sql, log } = filled(12);
    log.trim(index(12));
    const first = log.firstIndex();
    log.append(entriesOf([2, 2], { first, before: 1 }));
    expect(new SqlLog(sql).entries(first, index(first + 2), Infinity)).toHaveLength(2);
    expect(log.termAt(index(first - 1))).toBe(1);
  });

  it("halts when the first row does not follow the base", ({ expect }) => {
    const { sql, log } = filled(12);
    log.trim(index(12));
    const base = log.base().index;
    for (const off of [-1, 1]) {
      sql.run("UPDATE meta SET log_index = ?", base + off);
      expect(() => new SqlLog(sql)).toThrow(InvariantError);
    }
    sql.run("UPDATE meta SET log_index = ?, log_author = 'x'", base);
    expect(() => new SqlLog(sql)).toThrow(InvariantError);
  });
});

describe("resetLog", () => {
  it("puts an empty log behind the snapshot in place of any other", ({ expect }) => {
    const { sql, log } = open();
    log.append(entriesOf([1, 2, 2]));
    resetLog(sql, { index: index(40), term: asTerm(7) });
    const fresh = new SqlLog(sql);
    expect(fresh.base()).toEqual({ index: 40, term: 7, author: null });
    expect([fresh.firstIndex(), fresh.lastIndex(), fresh.termAt(index(40))]).toEqual([41, 40, 7]);
    fresh.append(entriesOf([7], { first: 41, before: 7 }));
    expect(new SqlLog(sql).entries(index(41), index(42), Infinity)).toHaveLength(1);
  });
});

describe("who opened the last term", () => {
  it("is told by its first entry, then by the base, and unknown after a snapshot", ({ expect }) => {
    const { sql, log } = open();
    log.append(entriesOf([1, 1, 3], { author: 9 }));
    const authorOf = (storage: SqlLog, term: number) =>
      new RaftLog(storage, storage.base().index).authorOfTerm(asTerm(term));
    expect([authorOf(log, 1), authorOf(log, 3), authorOf(log, 4)]).toEqual([null, 9n, null]);
    for (let first = 4; first <= 8; first++) {
      log.append([{ ...large(first, 1, SEGMENT_BYTES / 4)[0]!, term: asTerm(3) }]);
    }
    log.trim(index(8));
    expect(log.base().index).toBeGreaterThan(3);
    expect(authorOf(log, 3)).toBe(9n);
    resetLog(sql, { index: index(40), term: asTerm(7) });
    const fresh = new SqlLog(sql);
    expect(authorOf(fresh, 7)).toBeNull();
    fresh.append(entriesOf([8], { first: 41, before: 7, author: 5 }));
    expect(authorOf(fresh, 8)).toBe(5n);
  });
});

describe("damage", () => {
  const damages = [
    { name: "a row in the middle is gone", sql: "DELETE FROM log_1 WHERE first = 3" },
    { name: "the first row is gone", sql: "DELETE FROM log_1 WHERE first = 1" },
    { name: "a table is empty", sql: "DELETE FROM log_1" },
    { name: "a count is too high", sql: "UPDATE log_1 SET count = 3 WHERE first = 1" },
    { name: "a count is too low", sql: "UPDATE log_1 SET count = 1 WHERE first = 3" },
    { name: "the last count is off", sql: "UPDATE log_1 SET count = 9 WHERE first = 5" },
    { name: "a count is zero", sql: "UPDATE log_1 SET count = 0 WHERE first = 5" },
    { name: "terms fall", sql: "UPDATE log_1 SET term = 1 WHERE first = 5" },
    { name: "a body is cut short", sql: "UPDATE log_1 SET body = x'02' WHERE first = 3" },
    { name: "a body is text", sql: "UPDATE log_1 SET body = body || x'00' WHERE first = 3" },
    {
      name: "a body has more",
      sql: "UPDATE log_1 SET body = CAST(body || x'00' AS BLOB) WHERE first = 3",
    },
    { name: "meta is gone", sql: "DELETE FROM meta" },
    { name: "the vote is no id", sql: "UPDATE meta SET vote = 'x'" },
  ];

  for (const { name, sql: damage } of damages) {
    it(`halts when ${name}`, ({ expect }) => {
      const { sql, log } = open();
      const entries = entriesOf([1, 1, 2, 2, 3, 3]);
      for (const start of [0, 2, 4]) log.append(entries.slice(start, start + 2));
      expect(new SqlLog(sql).entries(index(1), index(7), Infinity)).toEqual(entries);
      sql.run(damage);
      expect(() => {
        const reopened = new SqlLog(sql);
        reopened.entries(index(1), index(reopened.lastIndex() + 1), Infinity);
      }).toThrow(InvariantError);
    });
  }

  it("halts at a row whose count is off, though what is asked for is there", ({ expect }) => {
    const { sql, log } = open();
    log.append(entriesOf([1, 1]));
    sql.run("UPDATE log_1 SET count = 3");
    const reopened = new SqlLog(sql);
    expect(() => reopened.entries(index(1), index(2), Infinity)).toThrow(/what its count says/);
  });

  it("finds a hole in the table that is written before anything is read", ({ expect }) => {
    for (const terms of [
      [1, 1, 1, 1],
      [1, 1, 2, 2],
    ]) {
      const { sql, log } = open();
      for (const entry of entriesOf(terms)) log.append([entry]);
      sql.run("DELETE FROM log_1 WHERE first = 2");
      expect(() => new SqlLog(sql)).toThrow(/follow one another/);
    }
  });

  it("halts when a table that is no longer written is damaged between its ends", ({ expect }) => {
    for (const damage of [
      "DELETE FROM log_1 WHERE first = 3",
      "UPDATE log_1 SET count = 2 WHERE first = 3",
      "UPDATE log_1 SET term = 2 WHERE first = 3",
    ]) {
      const { sql, log } = open();
      for (let first = 1; first <= 6; first++) log.append(large(first, 1, SEGMENT_BYTES / 4));
      expect(segments(sql)).toEqual([1, 2]);
      sql.run(damage);
      const reopened = new SqlLog(sql);
      expect(() => reopened.entries(index(1), index(5), Infinity), damage).toThrow(InvariantError);
    }
  });

  it("halts when a row vanishes under a running instance", ({ expect }) => {
    const { sql, log } = open();
    for (const entry of entriesOf([1, 1, 1])) log.append([entry]);
    const reopened = new SqlLog(sql);
    sql.run("DELETE FROM log_1 WHERE first = 2");
    expect(() => reopened.entries(index(1), index(4), Infinity)).toThrow(InvariantError);
  });
});
