// Goal: every RaftStorage keeps the same contract. Method: one suite over both, the SQL one reopened
// after each step, and random histories compared between them.

import * as fc from "fast-check";
import { describe, it } from "vitest";

import { ENTRY_LEADER } from "../../src/base/entry-kinds.ts";
import { ROW_BYTES_MAX } from "../../src/base/limits.ts";
import { asTerm } from "../../src/base/types.ts";
import { leaderPayload } from "../../src/raft/entry-codec.ts";
import { SqlLog } from "../../src/raft/sql-log.ts";
import type { Entry, RaftStorage } from "../../src/raft/types.ts";
import { insertMeta, openNodeSql } from "../support/node-sql.ts";
import { entriesOf, index, member } from "./bench.ts";
import { MemoryStorage } from "./memory-storage.ts";

interface Subject {
  readonly storage: RaftStorage;
  /** The same storage as a later instance finds it. */
  readonly reopen: () => RaftStorage;
}

const subjects: { name: string; open: () => Subject }[] = [
  {
    name: "MemoryStorage",
    open() {
      const storage = new MemoryStorage();
      return { storage, reopen: () => new MemoryStorage(storage.image) };
    },
  },
  {
    name: "SqlLog",
    open() {
      const sql = openNodeSql();
      insertMeta(sql);
      return { storage: new SqlLog(sql), reopen: () => new SqlLog(sql) };
    },
  },
];

/** The whole log, read one way or another. */
const all = (storage: RaftStorage, bytesMax = Infinity): Entry[] =>
  storage.lastIndex() < storage.firstIndex()
    ? []
    : storage.entries(storage.firstIndex(), index(storage.lastIndex() + 1), bytesMax);

describe.for(subjects)("$name", ({ open }) => {
  it("starts empty: term 0 at index 0, first index behind the last", ({ expect }) => {
    const { storage } = open();
    expect(storage.hardState()).toEqual({ term: 0, vote: null });
    expect([storage.firstIndex(), storage.lastIndex()]).toEqual([1, 0]);
    expect([storage.termAt(index(0)), storage.termAt(index(1))]).toEqual([0, null]);
  });

  it("keeps hard state, 64-bit votes unrounded", ({ expect }) => {
    const { storage, reopen } = open();
    const vote = member(0);
    for (const candidate of [vote, null, (2n ** 64n - 1n) as typeof vote]) {
      const state = { term: asTerm(7), vote: candidate };
      storage.saveHardState(state);
      expect(storage.hardState()).toEqual(state);
      expect(reopen().hardState()).toEqual(state);
    }
  });

  it("returns what was appended, and its terms", ({ expect }) => {
    const { storage, reopen } = open();
    const entries = entriesOf([1, 1, 3, 3, 3, 7]);
    storage.append(entries.slice(0, 2));
    storage.append(entries.slice(2));
    for (const each of [storage, reopen()]) {
      expect(all(each)).toEqual(entries);
      expect(entries.map((entry) => each.termAt(entry.index))).toEqual([1, 1, 3, 3, 3, 7]);
      expect(each.termAt(index(7))).toBeNull();
    }
  });

  it("cuts entries by bytes, but never to none", ({ expect }) => {
    const { storage, reopen } = open();
    const entries = entriesOf([1, 1, 1, 1]);
    storage.append(entries);
    for (const each of [storage, reopen()]) {
      const taken = (bytesMax: number) => each.entries(index(2), index(5), bytesMax).length;
      const [, second, third] = entries.map((entry) => entry.data.length);
      expect(taken(0)).toBe(1);
      expect(taken(second! + third! - 1)).toBe(1);
      expect(taken(second! + third!)).toBe(2);
      expect(taken(1_000)).toBe(3);
    }
  });

  it("drops a conflicting suffix, within an append and across appends", ({ expect }) => {
    for (const from of [1, 2, 4, 5, 6]) {
      const { storage, reopen } = open();
      const entries = entriesOf([1, 1, 1, 2, 2, 2]);
      for (const [start, end] of [
        [0, 2],
        [2, 3],
        [3, 6],
      ] as const) {
        storage.append(entries.slice(start, end));
      }
      const before = entries[from - 2]?.term ?? 0;
      const fresh = entriesOf([4, 4], { first: from, before });
      storage.append(fresh);
      for (const each of [storage, reopen()]) {
        expect(all(each), `from ${from}`).toEqual([...entries.slice(0, from - 1), ...fresh]);
        expect(each.termAt(index(from + 2))).toBeNull();
      }
    }
  });

  it("refuses gaps, terms that fall, and what it does not hold", ({ expect }) => {
    const { storage } = open();
    storage.append(entriesOf([1, 1]));
    expect(() => storage.append(entriesOf([1], { first: 4 }))).toThrow(/gap/);
    const [third, , fifth] = entriesOf([1, 1, 1], { first: 3 });
    expect(() => storage.append([third!, fifth!])).toThrow(/consecutive/);
    expect(() => storage.entries(index(0), index(2), 9)).toThrow(/held/);
    expect(() => storage.entries(index(1), index(9), 9)).toThrow(/exist/);
  });

  it("appends nothing when there is nothing", ({ expect }) => {
    const { storage } = open();
    storage.append([]);
    expect(storage.lastIndex()).toBe(0);
  });
});

describe.for(subjects)("$name, trimmed", ({ open }) => {
  /** Entries large enough to fill a table each, so that a trim can be exact. */
  const filling = (terms: readonly number[], options: { first?: number; before?: number } = {}) =>
    entriesOf(terms, options).map((entry) =>
      entry.kind === ENTRY_LEADER ? entry : { ...entry, data: new Uint8Array(ROW_BYTES_MAX - 100) },
    );
  /** Each entry in a row of its own. */
  const appendEach = (storage: RaftStorage, entries: readonly Entry[]): void => {
    for (const entry of entries) storage.append([entry]);
  };

  it("a whole log begins behind index 0 of term 0, which nobody opened", ({ expect }) => {
    expect(open().storage.base()).toEqual({ index: 0, term: 0, author: null });
  });

  it("an emptied log still tells what stood last, and goes on from there", ({ expect }) => {
    const { storage, reopen } = open();
    const entries = filling([1, 1, 1, 1]);
    appendEach(storage, entries);
    storage.trim(index(9));
    const seen = (each: RaftStorage) => [each.firstIndex(), each.lastIndex(), each.base()];
    const expected = [5, 4, { index: 4, term: 1, author: member(2) }];
    for (const each of [storage, reopen()]) {
      expect(seen(each)).toEqual(expected);
      expect([3, 4, 5].map((at) => each.termAt(index(at)))).toEqual([null, 1, null]);
      expect(() => each.entries(index(4), index(5), 1)).toThrow(/held/);
      expect(() => each.append(entriesOf([1], { first: 4 }))).toThrow(/gap/);
    }
    storage.append(entriesOf([1, 3], { first: 5, before: 1 }));
    for (const each of [storage, reopen()]) expect(all(each)).toHaveLength(2);
  });

  it("the base names who opened its term, also when its first entry went before", ({ expect }) => {
    const { storage, reopen } = open();
    // Terms 1 and 4 are opened by member 2, term 6 by member 3, whatever is trimmed when.
    appendEach(storage, filling([1, 1, 1, 1, 4, 4, 4, 4, 4, 4, 4]));
    appendEach(storage, entriesOf([6], { first: 12, before: 4, author: 3 }));
    appendEach(storage, filling([6, 6, 6, 6], { first: 13, before: 6 }));
    for (const upTo of [4, 7, 10, 13, 16]) {
      storage.trim(index(upTo));
      const base = storage.base();
      expect(base.index).toBeGreaterThan(upTo - 4);
      const term = base.index < 5 ? 1 : base.index < 12 ? 4 : 6;
      expect(base).toEqual({ index: base.index, term, author: member(term === 6 ? 3 : 2) });
      expect(reopen().base()).toEqual(base);
    }
    expect(storage.base().term).toBe(6);
  });

  it("trimming what is not there, or was trimmed, does nothing", ({ expect }) => {
    const { storage } = open();
    storage.trim(index(5));
    expect(storage.base().index).toBe(0);
    appendEach(storage, filling([1, 1, 1, 1, 1]));
    storage.trim(index(4));
    const base = storage.base();
    storage.trim(index(2));
    expect(storage.base()).toEqual(base);
  });
});

describe("both", () => {
  it("agree after any history of appends, conflicts, trims and restarts", ({ expect }) => {
    const step = fc.record({
      trims: fc.option(fc.nat({ max: 4 })),
      back: fc.nat({ max: 6 }),
      length: fc.integer({ min: 1, max: 5 }),
      newTerm: fc.boolean(),
      size: fc.constantFrom(0, 10, 1_500_000),
      reopens: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const sql = openNodeSql();
        insertMeta(sql);
        let log = new SqlLog(sql);
        const memory = new MemoryStorage();
        let term = 1;
        for (const { back, length, newTerm, size, reopens, trims } of steps) {
          const isNewTerm = newTerm || back > 0 || term === 1;
          if (isNewTerm) term++;
          const first = Math.max(memory.firstIndex(), memory.lastIndex() + 1 - back);
          const opening = leaderPayload(member(term % 3));
          const entries = Array.from({ length }, (_, n) => ({
            index: index(first + n),
            term: asTerm(term),
            ...(isNewTerm && n === 0
              ? opening
              : { kind: 16, data: new Uint8Array(size).fill(term) }),
          }));
          log.append(entries);
          memory.append(entries);
          if (trims !== null) {
            log.trim(index(Math.max(0, log.lastIndex() - trims)));
            // Tables are dropped whole: the log in memory is told what that came to.
            memory.trim(log.base().index);
          }
          if (reopens) log = new SqlLog(sql);
          expect(log.base()).toEqual(memory.base());
          expect(log.termAt(log.base().index)).toBe(log.base().term);
          expect(log.firstIndex()).toBe(memory.firstIndex());
          const seen = all(log).map((entry) => [entry.index, entry.term, entry.data.length]);
          const expected = all(memory).map((entry) => [entry.index, entry.term, entry.data.length]);
          expect(seen).toEqual(expected);
          const terms = expected.map(([at]) => log.termAt(index(at!)));
          expect(terms).toEqual(expected.map(([, known]) => known));
          expect(all(log, 3_500_000).length).toBe(all(memory, 3_500_000).length);
        }
        sql.close();
      }),
      { numRuns: 40 },
    );
  });
});
