// Owns receiving a snapshot: its parts, one by one, into tables of their own beside those in use,
// and which part is wanted next. Part and progress are stored together, so that a crash loses both
// or neither, and what was received before is not asked for again. Nothing reads these tables until
// `snapshot-install.ts` puts all of them in place at once.
//
// A snapshot costs its receiver one row for each it brings, one more for each live key that has a
// lease (the index), and one for each part; the tables that it replaces go for nothing. A million
// keys are about a dollar: rare, and cheaper than keeping a log from which to catch up.

import { present } from "../base/assert.ts";
import { equalBytes } from "../base/bytes.ts";
import { SEGMENT_BYTES } from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import type { Bytes } from "../base/types.ts";
import { createHistoryTable, tableOf } from "./segments.ts";
import {
  decodePart,
  FIRST_CURSOR,
  type DecodedPart,
  type HistoryRecord,
  type VersionRecord,
} from "./snapshot-part.ts";

/** What a receiver asks for: its answer to every part. */
export interface WantedPart {
  /** Counted from 0. */
  readonly part: number;
  /** Where it begins; null once all parts are here. */
  readonly cursor: Bytes | null;
}

/** The row of `staging`. */
export type Staging = {
  readonly snapshot: string;
  readonly next_part: number;
  readonly cursor: Bytes | null;
  /** Tables of history so far, and the bytes in the newest. */
  readonly history: number;
  readonly history_bytes: number;
};

/** Unversioned bodies, in as many pieces as they came in. */
export const STAGED_UNVERSIONED = "next_unversioned";

/** The tables that are replaced whole. */
export const STAGED_TABLES = ["now", "old"] as const;

/** The name under which a table waits to replace another. */
export const stagedName = (table: string): string => `next_${table}`;

/** The snapshot that is being received or waits to be installed; null when there is none. */
export function readStaging(sql: SqlPort): Staging | null {
  const [staging] = sql.all<Staging>(
    "SELECT snapshot, next_part, cursor, history, history_bytes FROM staging WHERE id = 0",
  );
  return staging ?? null;
}

/** Whether part of a snapshot is here. */
export const hasStaging = (sql: SqlPort): boolean => readStaging(sql) !== null;

/** Forgets a snapshot that was begun. */
export function dropStaging(sql: SqlPort): void {
  const staging = readStaging(sql);
  if (staging === null) return;
  sql.transaction(() => {
    for (const table of STAGED_TABLES) sql.run(`DROP TABLE ${stagedName(table)}`);
    for (let number = 1; number <= staging.history; number++) {
      sql.run(`DROP TABLE ${stagedName(tableOf(number))}`);
    }
    endStaging(sql);
  });
}

/** Drops what is left when the staged tables are gone or in place. */
export function endStaging(sql: SqlPort): void {
  sql.run(`DROP TABLE ${STAGED_UNVERSIONED}`);
  sql.run("DELETE FROM staging");
}

/**
 * Takes a part of the snapshot that is named `snapshot`, if it is the one wanted, and returns which
 * is wanted now. The first part of another snapshot puts an end to the one before. Anything else, a
 * repeat or a part out of order, changes nothing: the sender goes on as the answer says.
 *
 * @throws CodecError when the part was damaged on its way.
 */
export function stagePart(
  sql: SqlPort,
  received: { readonly snapshot: string; readonly part: number; readonly data: Bytes },
): WantedPart {
  const { snapshot, part, data } = received;
  const decoded = decodePart(data);
  return sql.transaction(() => {
    const current = readStaging(sql);
    const isOther = current?.snapshot !== snapshot;
    if (isOther && part !== 0) return { part: 0, cursor: FIRST_CURSOR };
    const staging = isOther ? begin(sql, snapshot) : current;
    if (!isNext(staging, part, decoded)) {
      return { part: staging.next_part, cursor: staging.cursor };
    }
    const next = { ...staging, next_part: part + 1, cursor: decoded.next };
    save(sql, new Stage(sql, next).take(decoded));
    return { part: next.next_part, cursor: next.cursor };
  });
}

/** A part that was made again may begin elsewhere than where the one that is here ends. */
function isNext(staging: Staging, part: number, { from }: DecodedPart): boolean {
  const { next_part, cursor } = staging;
  return part === next_part && cursor !== null && equalBytes(from, cursor);
}

function begin(sql: SqlPort, snapshot: string): Staging {
  dropStaging(sql);
  for (const table of STAGED_TABLES) createLike(sql, table);
  sql.run(
    `CREATE TABLE ${STAGED_UNVERSIONED} (
       name TEXT NOT NULL, piece INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (name, piece)
     ) WITHOUT ROWID`,
  );
  const staging = { snapshot, next_part: 0, cursor: FIRST_CURSOR, history: 0, history_bytes: 0 };
  sql.run(
    `INSERT INTO staging (id, snapshot, next_part, cursor, history, history_bytes)
     VALUES (0, ?, 0, ?, 0, 0)`,
    snapshot,
    FIRST_CURSOR,
  );
  return staging;
}

/** A table with the columns that `table` has now, whichever migrations made them. */
function createLike(sql: SqlPort, table: string): void {
  const [made] = sql.all<{ sql: string }>(
    "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?",
    table,
  );
  const { sql: statement } = present(made, `table ${table} is there`);
  // A table that was renamed into place stands in quotes.
  sql.run(statement.replace(/^CREATE TABLE "?\w+"?/, `CREATE TABLE ${stagedName(table)}`));
}

function save(sql: SqlPort, staging: Staging): void {
  sql.run(
    "UPDATE staging SET next_part = ?, cursor = ?, history = ?, history_bytes = ? WHERE id = 0",
    staging.next_part,
    staging.cursor,
    staging.history,
    staging.history_bytes,
  );
}

/** The records of one part on their way into the staged tables. */
class Stage {
  readonly #sql: SqlPort;
  #staging: Staging;

  constructor(sql: SqlPort, staging: Staging) {
    this.#sql = sql;
    this.#staging = staging;
  }

  /** Inserts all records; returns the staging with the tables that were made for them. */
  take({ records }: DecodedPart): Staging {
    for (const record of records) {
      if (record.kind === "unversioned") this.#takePiece(record.name, record.bytes);
      else if (record.kind === "history") this.#takeHistory(record.row);
      else if (record.kind === "live") this.#takeLive(record.row);
      else this.#takeSuperseded(record.until, record.row);
    }
    return this.#staging;
  }

  #takePiece(name: string, bytes: Bytes): void {
    this.#sql.run(
      `INSERT INTO ${STAGED_UNVERSIONED} (name, piece, bytes) VALUES (
         ?, (SELECT count(*) FROM ${STAGED_UNVERSIONED} WHERE name = ?), ?
       )`,
      name,
      name,
      bytes,
    );
  }

  #takeHistory(row: HistoryRecord): void {
    const size = row.requests.length + row.events.length + (row.replaced?.length ?? 0);
    const { history, history_bytes: bytes } = this.#staging;
    // The rows of one batch stand in one table, as they do where they were written.
    const opens = history === 0 || (bytes >= SEGMENT_BYTES && row.part === 0);
    const number = opens ? history + 1 : history;
    if (opens) createHistoryTable(this.#sql, stagedName(tableOf(number)));
    this.#sql.run(
      `INSERT INTO ${stagedName(tableOf(number))}
         (revision, applied, part, time, wall, requests, events, replaced)
       VALUES (?, ?, ?, ?, 0, ?, ?, ?)`,
      row.revision,
      row.applied,
      row.part,
      row.time,
      row.requests,
      row.events,
      row.replaced,
    );
    const history_bytes = opens ? size : bytes + size;
    this.#staging = { ...this.#staging, history: number, history_bytes };
  }

  /** A version that comes again, having moved at the source, is the same. */
  #takeLive(row: VersionRecord): void {
    this.#sql.run(
      `INSERT OR IGNORE INTO next_now
         (key, create_revision, mod_revision, version, lease, value, sub, trail)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      ...columnsOf(row),
    );
  }

  #takeSuperseded(until: number, row: VersionRecord): void {
    this.#sql.run(
      `INSERT INTO next_old
         (until, key, create_revision, mod_revision, version, lease, value, sub, trail)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      until,
      ...columnsOf(row),
    );
  }
}

const columnsOf = (row: VersionRecord) =>
  [
    row.key,
    row.create_revision,
    row.mod_revision,
    row.version,
    row.lease,
    row.value,
    row.sub,
    row.trail,
  ] as const;
