// Owns a replica's Raft log and hard state in its database.
//
// An append is one row, whatever it holds, unless it is too large or spans terms:
//
//   log_1:  first  count  term  body                       segment:  ('log', 1)
//               1      1     1  [leader]                             ('log', 2)
//               2     64     1  [put, put, ...]
//   log_2:     66      3     4  [leader, put, put]
//
// Rows follow one another without gaps, within a table and from table to table. Anything else is
// damage, and damage is never repaired by guessing: an entry that was acknowledged and is gone may
// have been committed. The replica halts, and comes back as a new learner.
//
// Trimming drops whole tables at the front, which costs a row each, and one for the base: index and
// term of the last entry dropped, since `termAt` is asked for the index before the first entry, and
// who opened that term, since a leader may resume in it (`log-base.ts`). The first row follows the
// base exactly.

import { assert, InvariantError, present } from "../base/assert.ts";
import { CodecError } from "../base/codec.ts";
import { ROW_BYTES_MAX, SEGMENT_BYTES } from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import { asLogIndex, asMemberId, asTerm, nextIndex } from "../base/types.ts";
import type { Bytes, LogIndex, MemberId, Term } from "../base/types.ts";
import { EntryCache } from "./entry-cache.ts";
import { authorOf, decodePayloads, encodePayloads, PAYLOAD_OVERHEAD_BYTES } from "./entry-codec.ts";
import { dropLogTable, readBase, writeBase } from "./log-base.ts";
import { surveyLogTable } from "./log-survey.ts";
import { TermRuns } from "./term-runs.ts";
import type { Entry, HardState, LogBase, Payload, RaftStorage } from "./types.ts";

/** Rows read by one statement: bounds memory, as a segment's size does. */
const ROWS_PER_READ = 256;

interface Segment {
  readonly number: number;
  readonly first: LogIndex;
  bytes: number;
}

type RowHead = { first: number; count: number; term: number };

/**
 * Storage over the tables of `migrations/`; the row of `meta` must exist. When a
 * call throws, the database may have moved on without this object: drop it.
 *
 * @throws InvariantError on damage: a missing row, a count that is wrong, a body that does not decode.
 */
export class SqlLog implements RaftStorage {
  readonly #sql: SqlPort;
  readonly #runs = new TermRuns();
  readonly #cache = new EntryCache();
  readonly #segments: Segment[] = [];
  #hardState: HardState;
  #base: LogBase;
  #last: LogIndex;

  constructor(sql: SqlPort) {
    this.#sql = sql;
    this.#hardState = readHardState(sql);
    this.#base = readBase(sql);
    this.#last = this.#base.index;
    this.#runs.push(this.#base.index, this.#base.term);
    const numbers = sql.all<{ number: number }>(
      "SELECT number FROM segment WHERE kind = 'log' ORDER BY number",
    );
    for (const { number } of numbers) {
      this.#load(number, { isWritten: number === numbers.at(-1)?.number });
    }
  }

  hardState(): HardState {
    return this.#hardState;
  }

  saveHardState(state: HardState): void {
    const { term, vote } = this.#hardState;
    if (state.term === term && state.vote === vote) return;
    this.#sql.run(
      "UPDATE meta SET term = ?, vote = ? WHERE id = 0",
      state.term,
      state.vote === null ? null : state.vote.toString(),
    );
    this.#hardState = state;
  }

  firstIndex(): LogIndex {
    return nextIndex(this.#base.index);
  }

  base(): LogBase {
    return this.#base;
  }

  lastIndex(): LogIndex {
    return this.#last;
  }

  termAt(index: LogIndex): Term | null {
    if (index < this.#base.index || index > this.#last) return null;
    return this.#runs.termAt(index);
  }

  entries(first: LogIndex, end: LogIndex, bytesMax: number): Entry[] {
    assert(first >= this.firstIndex() && first < end, "entries that are asked for are held");
    assert(end <= this.#last + 1, "entries that are asked for exist");
    const entries: Entry[] = [];
    let bytes = 0;
    for (const entry of this.#walk(first)) {
      bytes += entry.data.length;
      if (entry.index >= end || (entries.length > 0 && bytes > bytesMax)) break;
      entries.push(entry);
    }
    return entries;
  }

  append(entries: readonly Entry[]): void {
    const first = entries[0]?.index;
    if (first === undefined) return;
    assert(first >= this.firstIndex() && first <= this.#last + 1, "an append leaves no gap");
    const consecutive = entries.every((entry, position) => entry.index === first + position);
    assert(consecutive, "entries of an append are consecutive");
    this.#sql.transaction(() => {
      if (first <= this.#last) this.#truncate(first);
      for (const batch of rowBatches(entries)) this.#insert(batch);
    });
  }

  /** The newest table stays, unless it is full and all of it is dropped: it is written further. */
  trim(index: LogIndex): void {
    const covered = this.#segments.filter((segment, position) => {
      const next = this.#segments[position + 1];
      const isClosed = next !== undefined || segment.bytes >= SEGMENT_BYTES;
      return isClosed && (next?.first ?? nextIndex(this.#last)) <= nextIndex(index);
    });
    if (covered.length === 0) return;
    const first = this.#segments[covered.length]?.first ?? nextIndex(this.#last);
    const base = this.#baseAt(asLogIndex(first - 1));
    this.#sql.transaction(() => {
      for (const { number } of covered) dropLogTable(this.#sql, number);
      writeBase(this.#sql, base);
    });
    this.#segments.splice(0, covered.length);
    this.#runs.forgetBefore(base.index);
    this.#base = base;
  }

  /** The base as it is when `index` is the last entry dropped, while that is still held. */
  #baseAt(index: LogIndex): LogBase {
    const run = this.#runs.at(index);
    return { index, term: run.term, author: this.#authorOf(run) };
  }

  /** Who opened a term: its first entry says so, or the base if that was dropped before. */
  #authorOf(run: { readonly term: Term; readonly first: LogIndex }): MemberId | null {
    if (run.term === this.#base.term) return this.#base.author;
    return authorOf(present(this.#read(run.first, 1)[0], "the first entry of a term is held"));
  }

  /** Takes up a table of the log, reading no bodies. */
  #load(number: number, options: { readonly isWritten: boolean }): void {
    const { first, end, bytes, runs } = surveyLogTable(this.#sql, number, options);
    assert(first === this.#last + 1, `log table ${number} begins behind ${this.#last}`);
    this.#segments.push({ number, first: asLogIndex(first), bytes });
    for (const run of runs) this.#runs.push(asLogIndex(run.first), asTerm(run.term));
    this.#last = asLogIndex(end - 1);
  }

  /** Entries from `first` to the end of the log, from memory as far as they are there. */
  *#walk(first: LogIndex): Generator<Entry> {
    let index = first;
    while (index <= this.#last) {
      const cached = this.#cache.at(index);
      const read = cached === null ? this.#read(index) : [cached];
      yield* read;
      index = nextIndex(index, read.length);
    }
  }

  /** Entries from `index` on out of the rows of its segment, of so many rows at most. */
  #read(index: LogIndex, rowsMax = ROWS_PER_READ): Entry[] {
    const segment = present(
      this.#segments.findLast(({ first }) => first <= index),
      `entry ${index} has a segment`,
    );
    const table = `log_${segment.number}`;
    const rows = this.#sql.all<RowHead & { body: Bytes }>(
      `SELECT first, count, term, body FROM ${table}
       WHERE first >= (SELECT MAX(first) FROM ${table} WHERE first <= ?)
       ORDER BY first LIMIT ?`,
      index,
      rowsMax,
    );
    const entries = rows.flatMap((row) => this.#decode(row));
    const from = index - (entries[0]?.index ?? 0);
    const wanted = entries.slice(from);
    const consecutive = wanted.every((entry, position) => entry.index === index + position);
    assert(wanted.length > 0 && consecutive, `log rows from ${index} on are there`);
    return wanted;
  }

  #decode(row: RowHead & { body: Bytes }): Entry[] {
    const first = asLogIndex(row.first);
    const payloads = decodeBody(row.body, first);
    assert(payloads.length === row.count, `log row ${first} holds what its count says`);
    assert(this.termAt(first) === row.term, `log row ${first} has its term`);
    const term = asTerm(row.term);
    return payloads.map((payload, position) => ({
      index: nextIndex(first, position),
      term,
      ...payload,
    }));
  }

  #insert(batch: readonly Entry[]): void {
    const { index: first, term } = batch[0]!;
    const body = encodePayloads(batch);
    assert(body.length <= ROW_BYTES_MAX, `log row ${first} fits a row`);
    const segment = this.#segmentForRow(first);
    this.#sql.run(
      `INSERT INTO log_${segment.number} (first, count, term, body) VALUES (?, ?, ?, ?)`,
      first,
      batch.length,
      term,
      body,
    );
    segment.bytes += body.length;
    this.#runs.push(first, term);
    this.#cache.push(batch);
    this.#last = batch.at(-1)!.index;
  }

  /** The last table, or a new one where that is full. */
  #segmentForRow(first: LogIndex): Segment {
    const last = this.#segments.at(-1);
    if (last !== undefined && last.bytes < SEGMENT_BYTES) return last;
    const segment = { number: (last?.number ?? 0) + 1, first, bytes: 0 };
    this.#sql.run(
      `CREATE TABLE log_${segment.number} (
         first INTEGER PRIMARY KEY, count INTEGER NOT NULL, term INTEGER NOT NULL, body BLOB NOT NULL
       )`,
    );
    this.#sql.run("INSERT INTO segment (kind, number) VALUES ('log', ?)", segment.number);
    this.#segments.push(segment);
    return segment;
  }

  /** Removes all entries from `from` on: tables whole, then rows, then the end of a row. */
  #truncate(from: LogIndex): void {
    while ((this.#segments.at(-1)?.first ?? -1) >= from) {
      dropLogTable(this.#sql, this.#segments.pop()!.number);
    }
    const segment = this.#segments.at(-1);
    if (segment !== undefined) this.#truncateRows(segment, from);
    this.#runs.truncate(from);
    this.#cache.truncate(from);
    this.#last = asLogIndex(from - 1);
  }

  #truncateRows(segment: Segment, from: LogIndex): void {
    const table = `log_${segment.number}`;
    this.#sql.run(`DELETE FROM ${table} WHERE first >= ?`, from);
    const [row] = this.#sql.all<RowHead & { body: Bytes }>(
      `SELECT first, count, term, body FROM ${table} ORDER BY first DESC LIMIT 1`,
    );
    assert(row !== undefined && row.first + row.count >= from, `log row before ${from} is there`);
    const kept = from - row.first;
    if (kept < row.count) {
      const body = encodePayloads(this.#decode(row).slice(0, kept));
      this.#sql.run(
        `UPDATE ${table} SET count = ?, body = ? WHERE first = ?`,
        kept,
        body,
        row.first,
      );
    }
    const [total] = this.#sql.all<{ bytes: number }>(
      `SELECT SUM(LENGTH(body)) AS bytes FROM ${table}`,
    );
    segment.bytes = present(total, "a sum is one row").bytes;
  }
}

/** Cuts an append into rows: entries of one term, at most ROW_BYTES_MAX. */
function rowBatches(entries: readonly Entry[]): Entry[][] {
  const batches: Entry[][] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = entry.data.length + PAYLOAD_OVERHEAD_BYTES;
    const batch = batches.at(-1);
    // The count before the payloads takes a few bytes too.
    const fits = bytes + size + PAYLOAD_OVERHEAD_BYTES <= ROW_BYTES_MAX;
    if (batch !== undefined && batch[0]!.term === entry.term && fits) {
      batch.push(entry);
      bytes += size;
    } else {
      batches.push([entry]);
      bytes = size;
    }
  }
  return batches;
}

function decodeBody(body: Bytes, first: LogIndex): Payload[] {
  assert(body instanceof Uint8Array, `log row ${first} has bytes for a body`);
  try {
    return decodePayloads(body);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new InvariantError(`log row ${first} does not decode: ${error.message}`);
  }
}

function readHardState(sql: SqlPort): HardState {
  const [row] = sql.all<{ term: number; vote: string | null }>(
    "SELECT term, vote FROM meta WHERE id = 0",
  );
  assert(row !== undefined, "a replica's database has its row of meta");
  assert(row.vote === null || /^\d{1,20}$/.test(row.vote), "a vote is a decimal member id");
  const vote = row.vote === null ? null : asMemberId(BigInt(row.vote));
  return { term: asTerm(row.term), vote };
}
