// Owns copying what a replica knows into another database: every table that entries have filled, row
// by row, and the tail of its log. It is for the day on which a majority is lost, so it leaves out
// nothing that it does not know, and asks for nothing but the rows: the replica may be unable to run.
//
// The copy is of one moment if nothing was applied or logged while it was made, which its position
// shows. That is the rule, for without a majority nothing is.

import { assert, present } from "../base/assert.ts";
import type { SqlPort, SqlRow, SqlValue } from "../base/ports.ts";
import { nextIndex, type LogIndex, type Term } from "../base/types.ts";
import { COPY_BYTES, COPY_ROWS_MAX } from "../base/limits.ts";
import { Store } from "../mvcc/store.ts";
import { SqlLog } from "../raft/sql-log.ts";
import type { Entry } from "../raft/types.ts";

/** Columns of `meta` that are a replica's own. All others are of the state, or of the log. */
const OWN_COLUMNS = [
  "id",
  "birth_nonce",
  "cluster_id",
  "member_id",
  "directory",
  "configuration",
  "membership",
  "vote",
  "incarnation",
  "isolated",
  "removed",
  "log_index",
  "log_term",
  "log_author",
];

/** Tables that are not copied: the log is, entry by entry, and a snapshot half received is nothing. */
const isCopied = (table: string): boolean =>
  !/^(_cf_|sqlite_|next_|log_\d+$)/.test(table) &&
  !["meta", "migration", "staging"].includes(table);

/** Where a replica stands. While two looks give the same, nothing has happened in between. */
export interface CopyPosition {
  readonly applied: LogIndex;
  readonly appliedTerm: Term;
  readonly last: LogIndex;
  readonly lastTerm: Term;
}

/** What there is to copy. */
export interface CopyOutline {
  readonly position: CopyPosition;
  /** Each with the statement that creates it. */
  readonly tables: readonly { readonly name: string; readonly creation: string }[];
  readonly meta: SqlRow;
}

/** Rows of a table, in the order of its primary key. */
export interface CopyPart {
  readonly rows: readonly SqlRow[];
  /** The key of the last one, to go on behind; null when there are no more rows. */
  readonly next: readonly SqlValue[] | null;
}

/** A replica that is copied, near or far. */
export interface CopySource {
  copyOutline(): Promise<CopyOutline>;
  /** The rows of `table` behind the key `after`, or from the first on. */
  copyRows(table: string, after: readonly SqlValue[] | null): Promise<CopyPart>;
  /** Log entries from `first` on; none when there are no more. */
  copyTail(first: LogIndex): Promise<readonly Entry[]>;
}

/** @throws InvariantError when the database is damaged. */
export function outlineCopy(sql: SqlPort): CopyOutline {
  const log = new SqlLog(sql);
  const applied = new Store(sql).appliedIndex;
  const last = log.lastIndex();
  const termAt = (index: LogIndex): Term =>
    present(log.termAt(index), "a log reaches back to what is applied");
  const tables = sql
    .all<{ name: string; creation: string }>(
      "SELECT name, sql AS creation FROM sqlite_master WHERE type = 'table' ORDER BY name",
    )
    .filter(({ name }) => isCopied(name));
  const [meta] = sql.all("SELECT * FROM meta");
  const shared = Object.entries(present(meta, "a replica has its meta row")).filter(
    ([column]) => !OWN_COLUMNS.includes(column),
  );
  return {
    position: { applied, appliedTerm: termAt(applied), last, lastTerm: termAt(last) },
    tables,
    meta: Object.fromEntries(shared),
  };
}

/** As many rows as COPY_BYTES hold, one at least. */
export function copyRows(sql: SqlPort, table: string, after: readonly SqlValue[] | null): CopyPart {
  assert(isCopied(table), "a table of the state is copied");
  const columns = sql.all<{ name: string; pk: number }>(`PRAGMA table_info(${table})`);
  const keys = columns.filter(({ pk }) => pk > 0).toSorted((a, b) => a.pk - b.pk);
  const key = keys.map(({ name }) => name).join(", ");
  const behind = after === null ? "" : `WHERE (${key}) > (${after.map(() => "?").join(", ")})`;
  const size = columns.map(({ name }) => `ifnull(length("${name}"), 0)`).join(" + ");
  const order = `${behind} ORDER BY ${key} LIMIT ?`;
  const sizes = sql.all<{ size: number }>(
    `SELECT ${size} AS size FROM ${table} ${order}`,
    ...(after ?? []),
    COPY_ROWS_MAX,
  );
  const rows = sql.all(
    `SELECT * FROM ${table} ${order}`,
    ...(after ?? []),
    fitting(sizes.map((row) => row.size)),
  );
  const last = rows.at(-1);
  return { rows, next: last === undefined ? null : keys.map(({ name }) => last[name]!) };
}

export function copyTail(sql: SqlPort, first: LogIndex): Entry[] {
  const log = new SqlLog(sql);
  const end = nextIndex(log.lastIndex());
  return first === end ? [] : log.entries(first, end, COPY_BYTES);
}

/**
 * Copies all tables of `source` into the database behind `sql`, fresh from its migrations, and returns
 * where the source stood and its log entries that were not applied. The log of the copy is empty.
 *
 * @throws Error when the source has moved meanwhile, or is of another version of the code.
 */
export async function copyDatabase(
  sql: SqlPort,
  source: CopySource,
): Promise<{ readonly position: CopyPosition; readonly tail: readonly Entry[] }> {
  const outline = await source.copyOutline();
  for (const table of outline.tables) await copyTable(sql, source, table);
  sql.run("DELETE FROM segment WHERE kind = 'log'");
  const columns = Object.keys(outline.meta);
  const assignments = columns.map((column) => `"${column}" = ?`).join(", ");
  sql.run(`UPDATE meta SET ${assignments}`, ...Object.values(outline.meta));
  const tail = await copyEntries(source, nextIndex(outline.position.applied));
  const { position } = await source.copyOutline();
  if (JSON.stringify(position) !== JSON.stringify(outline.position)) {
    throw new Error("the replica has moved while it was copied: is there a majority?");
  }
  return { position, tail };
}

async function copyTable(
  sql: SqlPort,
  source: CopySource,
  { name, creation }: CopyOutline["tables"][number],
): Promise<void> {
  const [own] = sql.all<{ sql: string }>("SELECT sql FROM sqlite_master WHERE name = ?", name);
  if (own === undefined) sql.run(creation);
  else if (own.sql !== creation) {
    throw new Error("the two replicas run different versions of the code: try again later");
  }
  let after: readonly SqlValue[] | null = null;
  do {
    const part: CopyPart = await source.copyRows(name, after);
    sql.transaction(() => {
      for (const row of part.rows) insert(sql, name, row);
    });
    after = part.next;
  } while (after !== null);
}

async function copyEntries(source: CopySource, first: LogIndex): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (;;) {
    const more = await source.copyTail(nextIndex(first, entries.length));
    if (more.length === 0) return entries;
    entries.push(...more);
  }
}

function insert(sql: SqlPort, table: string, row: SqlRow): void {
  const columns = Object.keys(row)
    .map((column) => `"${column}"`)
    .join(", ");
  const places = Object.keys(row)
    .map(() => "?")
    .join(", ");
  sql.run(`INSERT INTO ${table} (${columns}) VALUES (${places})`, ...Object.values(row));
}

/** How many of the first sizes fit; one at least. */
function fitting(sizes: readonly number[]): number {
  let bytes = 0;
  const excess = sizes.findIndex((size) => (bytes += size) > COPY_BYTES);
  return Math.max(excess === -1 ? sizes.length : excess, 1);
}
