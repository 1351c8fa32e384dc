// Owns the tables `rev_<number>` as storage: which exist, which one is written, where a revision may
// stand. Each holds a few megabytes of history rows and is dropped whole, since a dropped table
// costs no rows. What a row means is `history-row.ts`'s.

import { assert, present } from "../base/assert.ts";
import { SEGMENT_BYTES } from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import { asClusterTime } from "../base/types.ts";
import type { Bytes, ClusterTime, LogIndex, Milliseconds, Revision } from "../base/types.ts";

/** The columns of a row but its two blobs, as SQLite gives them. */
export type RowHead = {
  readonly revision: number;
  readonly applied: number;
  readonly part: number;
  readonly time: number;
  readonly wall: number;
};

/** One row to store. Rows are ordered by (revision, applied, part). */
export interface HistoryRow {
  readonly revision: Revision;
  readonly applied: LogIndex;
  readonly part: number;
  readonly time: ClusterTime;
  readonly wall: Milliseconds;
  readonly requests: Bytes;
  readonly events: Bytes;
  readonly replaced: Bytes | null;
}

/** The name of a segment's table. */
export const tableOf = (segment: number): string => `rev_${segment}`;

/** Makes a table for history rows, under a segment's name or another. */
export function createHistoryTable(sql: SqlPort, table: string): void {
  sql.run(
    `CREATE TABLE ${table} (
       revision INTEGER NOT NULL,
       applied INTEGER NOT NULL,
       part INTEGER NOT NULL,
       time INTEGER NOT NULL,
       wall INTEGER NOT NULL,
       requests BLOB NOT NULL,
       events BLOB NOT NULL,
       replaced BLOB,
       PRIMARY KEY (revision, applied, part)
     ) WITHOUT ROWID`,
  );
}

/** Segments made by code of a version before 5 have no column for replaced versions. */
function addColumn(sql: SqlPort): void {
  const made = sql.all<{ name: string }>(
    `SELECT name FROM sqlite_master
     WHERE type = 'table' AND name GLOB 'rev_*' AND sql NOT LIKE '%replaced BLOB%'`,
  );
  for (const { name } of made) sql.run(`ALTER TABLE ${name} ADD COLUMN replaced BLOB`);
}

/** The cluster time of the last entry applied, by a database that nobody has opened; 0 of a new one. */
export function clusterTimeOf(sql: SqlPort): ClusterTime {
  const [newest] = sql.all<{ number: number }>(
    "SELECT number FROM segment WHERE kind = 'rev' ORDER BY number DESC LIMIT 1",
  );
  if (newest === undefined) return asClusterTime(0);
  const [row] = sql.all<{ time: number }>(
    `SELECT time FROM ${tableOf(newest.number)}
     ORDER BY revision DESC, applied DESC, part DESC LIMIT 1`,
  );
  return asClusterTime(row?.time ?? 0);
}

export class Segments {
  readonly #sql: SqlPort;
  /** Ascending; their rows follow each other in that order. */
  readonly #numbers: number[];
  /** Of closed segments nothing changes; the first row of the newest never does either. */
  readonly #firstHeads = new Map<number, RowHead>();
  #newestBytes: number;

  constructor(sql: SqlPort) {
    this.#sql = sql;
    addColumn(sql);
    this.#numbers = sql
      .all<{ number: number }>("SELECT number FROM segment WHERE kind = 'rev' ORDER BY number")
      .map((row) => row.number);
    const newest = this.#numbers.at(-1);
    this.#newestBytes = newest === undefined ? 0 : this.#bytesOf(newest);
  }

  /** The numbers of the segments, oldest first. */
  get numbers(): readonly number[] {
    return this.#numbers;
  }

  /** Stores the rows of one batch, all in one segment, whose number it returns. */
  append(rows: readonly HistoryRow[]): number {
    const segment = this.#writable();
    for (const row of rows) {
      this.#sql.run(
        `INSERT INTO ${tableOf(segment)} (revision, applied, part, time, wall, requests, events, replaced)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        row.revision,
        row.applied,
        row.part,
        row.time,
        row.wall,
        row.requests,
        row.events,
        row.replaced,
      );
      this.#newestBytes += row.requests.length + row.events.length + (row.replaced?.length ?? 0);
    }
    return segment;
  }

  /** The head of the newest row; null in a store that never applied anything. */
  lastHead(): RowHead | null {
    const newest = this.#numbers.at(-1);
    return newest === undefined ? null : this.lastHeadOf(newest);
  }

  /** The head of the oldest row that is kept. */
  firstHead(): RowHead | null {
    const oldest = this.#numbers[0];
    return oldest === undefined ? null : this.#firstHeadOf(oldest);
  }

  lastHeadOf(segment: number): RowHead {
    return this.#head(segment, "ORDER BY revision DESC, applied DESC, part DESC");
  }

  /**
   * The segments from the last one that starts "before" on, oldest first: those that can hold a
   * row for which `startsBefore` is false. It must be true of a prefix of the history only.
   */
  since(startsBefore: (first: RowHead) => boolean): readonly number[] {
    let low = 0;
    let high = this.#numbers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (startsBefore(this.#firstHeadOf(this.#numbers[middle]!))) low = middle + 1;
      else high = middle;
    }
    return this.#numbers.slice(Math.max(0, low - 1));
  }

  /** The head of the first row at or above a revision; null when there is none. */
  firstHeadFrom(revision: number): RowHead | null {
    for (const segment of this.since((first) => first.revision < revision)) {
      const order = "WHERE revision >= ? ORDER BY revision, applied, part";
      const head = this.#findHead(segment, order, revision);
      if (head !== null) return head;
    }
    return null;
  }

  /** What the row of the change at `revision` has of replaced versions; null when it is not there. */
  replacedBy(revision: number): { revision: number; replaced: Bytes | null } | null {
    for (const segment of this.since((first) => first.revision < revision)) {
      const [row] = this.#sql.all<{ revision: number; replaced: Bytes | null }>(
        `SELECT revision, replaced FROM ${tableOf(segment)}
         WHERE revision >= ? ORDER BY revision, applied, part LIMIT 1`,
        revision,
      );
      if (row !== undefined) return row;
    }
    return null;
  }

  /** Takes the replaced versions out of all rows. */
  clearReplaced(): void {
    for (const number of this.#numbers) {
      this.#sql.run(`UPDATE ${tableOf(number)} SET replaced = NULL WHERE replaced IS NOT NULL`);
    }
  }

  /** The head of the last row of cluster time `time` or earlier; null when there is none. */
  lastHeadBy(time: number): RowHead | null {
    const [segment] = this.since((first) => first.time <= time);
    const order = "WHERE time <= ? ORDER BY revision DESC, applied DESC, part DESC";
    return segment === undefined ? null : this.#findHead(segment, order, time);
  }

  /** Drops the oldest segment, which must not be the only one. */
  dropOldest(): void {
    assert(this.#numbers.length > 1, "the newest segment is kept");
    const oldest = this.#numbers.shift()!;
    this.#firstHeads.delete(oldest);
    this.#sql.run(`DROP TABLE ${tableOf(oldest)}`);
    this.#sql.run("DELETE FROM segment WHERE kind = 'rev' AND number = ?", oldest);
  }

  /** The newest segment, or the one after it if that is full. */
  #writable(): number {
    const newest = this.#numbers.at(-1);
    if (newest !== undefined && this.#newestBytes < SEGMENT_BYTES) return newest;
    const segment = (newest ?? 0) + 1;
    createHistoryTable(this.#sql, tableOf(segment));
    this.#sql.run("INSERT INTO segment (kind, number) VALUES ('rev', ?)", segment);
    this.#numbers.push(segment);
    this.#newestBytes = 0;
    return segment;
  }

  #firstHeadOf(segment: number): RowHead {
    const known = this.#firstHeads.get(segment);
    if (known !== undefined) return known;
    const head = this.#head(segment, "ORDER BY revision, applied, part");
    this.#firstHeads.set(segment, head);
    return head;
  }

  #head(segment: number, order: string): RowHead {
    return present(this.#findHead(segment, order), `history segment ${segment} has a row`);
  }

  #findHead(segment: number, order: string, ...bounds: readonly number[]): RowHead | null {
    const [head] = this.#sql.all<RowHead>(
      `SELECT revision, applied, part, time, wall FROM ${tableOf(segment)} ${order} LIMIT 1`,
      ...bounds,
    );
    return head ?? null;
  }

  #bytesOf(segment: number): number {
    const [sum] = this.#sql.all<{ bytes: number | null }>(
      `SELECT sum(length(requests) + length(events) + ifnull(length(replaced), 0)) AS bytes FROM ${tableOf(segment)}`,
    );
    return sum?.bytes ?? 0;
  }
}
