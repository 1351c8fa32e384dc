// Owns walking versions in key order, in chunks, at the latest revision or at one of the past.
//
// The past is the merge of two sorted streams: live keys in `now`, superseded versions in `old`.
// With a put at 2, 3 and 5 and b put at 4 and deleted at 6, the tables hold
//
//   now  a mod 5                        old  a mod 2 until 3
//                                            a mod 3 until 5
//                                            b mod 4 until 6
//
// and revision 4 sees, of each key, the row with mod <= 4 < until: a mod 3, b mod 4. A live key
// with mod > 4 hides nothing; at most one row of a key is visible. `old` is walked key by key, not
// row by row: each step is two seeks, however many versions a hot key has.
//
// What plain puts replaced stands in the history instead of `old`. It is sought by the trail of the first
// version after it that stands in a table: the row of `old` with the lowest until > 4, whatever its
// mod, or if there is none, the live one.

import { compareBytes, EMPTY } from "../base/bytes.ts";
import { assert } from "../base/assert.ts";
import { isEmptyInterval, successor, type Interval } from "../base/interval.ts";
import type { KeyValue } from "../base/kv.ts";
import {
  SCAN_CHUNK_BYTES,
  SCAN_CHUNK_ROWS,
  SCAN_CHUNK_ROWS_FIRST,
  SCAN_TRAILS,
} from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import type { Bytes, Revision } from "../base/types.ts";
import type { ReplacedVersions } from "./replaced.ts";
import { BARE_COLUMNS, boundsOf, toKeyValue, type TrailedRow, type VersionRow } from "./rows.ts";

export interface Scan {
  readonly interval: Interval;
  readonly descending: boolean;
  /** False leaves every value empty, and unread. */
  readonly values: boolean;
  /** How many versions the caller will take at most: the first chunk is no larger. */
  readonly rowsMax: number;
}

/** What reads of the past look into. */
export interface Past {
  readonly sql: SqlPort;
  readonly replaced: ReplacedVersions;
}

/** A key that the scan met, with the row that decides whether a version is visible; null if none does. */
interface Candidate {
  readonly key: Bytes;
  readonly row: TrailedRow | null;
}

/** The live keys of the interval, in key order. Nothing may be written while it is consumed. */
export function* latestVersions(sql: SqlPort, scan: Scan): Generator<KeyValue, void> {
  const value = scan.values ? "value" : "x'' AS value";
  const fetch = (rest: Interval, rows: number): VersionRow[] => {
    const { condition, parameters } = boundsOf(rest);
    return sql.all<VersionRow>(
      `SELECT ${BARE_COLUMNS}, ${value} FROM now WHERE ${condition}
       ORDER BY key ${direction(scan)} LIMIT ?`,
      ...parameters,
      rows,
    );
  };
  for (const row of inChunks(scan, fetch)) yield toKeyValue(row);
}

/** The versions of the interval visible at `revision`, in key order. See `latestVersions`. */
export function* versionsAt(past: Past, scan: Scan, revision: Revision): Generator<KeyValue, void> {
  const decided = decidingRows(past.sql, scan, revision);
  const most = Math.min(scan.rowsMax, SCAN_TRAILS);
  for (const rows of inRuns(decided, most)) {
    for (const kv of visibleOf(rows, past.replaced, revision)) {
      yield scan.values ? kv : { ...kv, value: EMPTY };
    }
  }
}

/** Of each key in order the row that decides, if it says that there is a version at `revision`. */
function* decidingRows(sql: SqlPort, scan: Scan, revision: Revision): Generator<TrailedRow, void> {
  const live = liveCandidates(sql, scan, revision);
  const superseded = supersededCandidates(sql, scan, revision);
  let a = live.next();
  let b = superseded.next();
  while (a.done !== true || b.done !== true) {
    const order = a.done === true ? 1 : b.done === true ? -1 : orderOf(scan, a.value, b.value);
    const alive = order <= 0 && a.done !== true ? a.value.row : null;
    const gone = order >= 0 && b.done !== true ? b.value.row : null;
    const isOne = alive === null || gone === null || alive.mod_revision > revision;
    assert(isOne, "one version of a key is visible at a revision");
    const row = gone ?? alive;
    if (row !== null && row.create_revision <= revision) yield row;
    if (order <= 0) a = live.next();
    if (order >= 0) b = superseded.next();
  }
}

/** How many keys live in the interval, counted up to `countMax` only if that is given. */
export function countLatest(sql: SqlPort, interval: Interval, countMax?: number): number {
  const { condition, parameters } = boundsOf(interval);
  if (countMax === undefined) {
    return countOf(sql, `SELECT count(*) AS count FROM now WHERE ${condition}`, parameters);
  }
  return countOf(
    sql,
    `SELECT count(*) AS count FROM (SELECT 1 FROM now WHERE ${condition} LIMIT ?)`,
    [...parameters, countMax],
  );
}

/** The bytes of keys and values that live in the interval. Reads no values. */
export function liveBytes(sql: SqlPort, interval: Interval): number {
  const { condition, parameters } = boundsOf(interval);
  const [row] = sql.all<{ bytes: number | null }>(
    `SELECT sum(length(key) + length(value)) AS bytes FROM now WHERE ${condition}`,
    ...parameters,
  );
  return row?.bytes ?? 0;
}

/**
 * How many keys of the interval have a version visible at `revision`: those whose row that decides was
 * created by then, for all versions since its creation stand without a gap.
 */
export function countAt(sql: SqlPort, interval: Interval, revision: Revision): number {
  const { condition, parameters } = boundsOf(interval);
  const live = countOf(
    sql,
    `SELECT count(*) AS count FROM now WHERE ${condition} AND create_revision <= ? AND (
       mod_revision <= ? OR NOT EXISTS (SELECT 1 FROM old WHERE old.key = now.key AND until > ?)
     )`,
    [...parameters, revision, revision, revision],
  );
  const { step, stepParameters } = keySteps(interval, { descending: false, limited: false });
  const superseded = countOf(
    sql,
    `${step}
     SELECT count(*) AS count FROM step WHERE step.key IS NOT NULL AND (
       SELECT create_revision FROM old WHERE key = step.key AND until > ? ORDER BY until LIMIT 1
     ) <= ?`,
    [...stepParameters, revision, revision],
  );
  return live + superseded;
}

function liveCandidates(sql: SqlPort, scan: Scan, revision: Revision): Generator<Candidate, void> {
  const value = scan.values ? "CASE WHEN mod_revision <= ? THEN value END" : "x''";
  const valueParameters = scan.values ? [revision] : [];
  const fetch = (rest: Interval, rows: number): TrailedRow[] => {
    const { condition, parameters } = boundsOf(rest);
    return sql.all<TrailedRow>(
      `SELECT ${BARE_COLUMNS}, trail, ${value} AS value FROM now WHERE ${condition}
       ORDER BY key ${direction(scan)} LIMIT ?`,
      ...valueParameters,
      ...parameters,
      rows,
    );
  };
  return candidates(inChunks(scan, fetch));
}

function supersededCandidates(
  sql: SqlPort,
  scan: Scan,
  revision: Revision,
): Generator<Candidate, void> {
  const value = scan.values ? "CASE WHEN seen.mod_revision <= ? THEN seen.value END" : "x''";
  const valueParameters = scan.values ? [revision] : [];
  const fetch = (rest: Interval, rows: number): TrailedRow[] => {
    const { step, stepParameters } = keySteps(rest, { ...scan, limited: true });
    return sql.all<TrailedRow>(
      `${step}
       SELECT step.key AS key, seen.create_revision AS create_revision,
         seen.mod_revision AS mod_revision, seen.version AS version, seen.lease AS lease,
         seen.trail AS trail, ${value} AS value
       FROM step LEFT JOIN old AS seen ON seen.key = step.key AND seen.until = (
         SELECT until FROM old WHERE key = step.key AND until > ? ORDER BY until LIMIT 1
       )
       WHERE step.key IS NOT NULL`,
      ...stepParameters,
      rows,
      ...valueParameters,
      revision,
    );
  };
  return candidates(inChunks(scan, fetch));
}

/** Where no row decides, the outer join gives nulls. */
function* candidates(rows: Iterable<TrailedRow>): Generator<Candidate, void> {
  for (const row of rows) yield { key: row.key, row: row.version === null ? null : row };
}

/** The versions visible at a revision, of keys for which `rows` decide. */
function visibleOf(
  rows: readonly TrailedRow[],
  replaced: ReplacedVersions,
  revision: Revision,
): KeyValue[] {
  const sought = rows.flatMap(({ key, trail, mod_revision }, index) =>
    mod_revision > revision && trail !== null ? [{ index, key, trail }] : [],
  );
  const found = replaced.visibleAt(sought, revision);
  const seen = rows.map((row) => (row.mod_revision <= revision ? toKeyValue(row) : null));
  for (const [at, { index }] of sought.entries()) seen[index] = found[at]!;
  return seen.filter((kv) => kv !== null);
}

/** Rows of at most `most`, or SCAN_CHUNK_BYTES of values and one row more. */
function* inRuns(rows: Iterable<TrailedRow>, most: number): Generator<readonly TrailedRow[], void> {
  let run: TrailedRow[] = [];
  let bytes = 0;
  for (const row of rows) {
    run.push(row);
    // Null where the version lies after the revision.
    bytes += (row.value as Bytes | null)?.length ?? 0;
    if (run.length < most && bytes < SCAN_CHUNK_BYTES) continue;
    yield run;
    run = [];
    bytes = 0;
  }
  yield run;
}

/**
 * A common table expression `step(key)`: the distinct keys of `old` in the interval, found by
 * seeking from each to the next (a loose index scan), then one null. `limited` adds a parameter.
 */
function keySteps(
  interval: Interval,
  options: { readonly descending: boolean; readonly limited: boolean },
): { readonly step: string; readonly stepParameters: readonly Bytes[] } {
  const { condition, parameters } = boundsOf(interval);
  const { start, end } = interval;
  const order = options.descending ? "ORDER BY key DESC" : "ORDER BY key";
  const onward = options.descending
    ? { beyond: "key < step.key AND key >= ?", parameters: [start] }
    : end === null
      ? { beyond: "key > step.key", parameters: [] }
      : { beyond: "key > step.key AND key < ?", parameters: [end] };
  const step = `WITH RECURSIVE step (key) AS (
       SELECT (SELECT key FROM old WHERE ${condition} ${order} LIMIT 1)
       UNION ALL
       SELECT (SELECT key FROM old WHERE ${onward.beyond} ${order} LIMIT 1)
       FROM step WHERE step.key IS NOT NULL ${options.limited ? "LIMIT ?" : ""}
     )`;
  return { step, stepParameters: [...parameters, ...onward.parameters] };
}

/** Rows of the interval chunk by chunk; `fetch` gives the first `rows` of what is left. */
function* inChunks<Row extends { readonly key: Bytes; readonly value: Bytes | null }>(
  scan: Scan,
  fetch: (rest: Interval, rows: number) => readonly Row[],
): Generator<Row, void> {
  let rest = scan.interval;
  let rowsMax = Math.min(scan.rowsMax, SCAN_CHUNK_ROWS_FIRST);
  while (!isEmptyInterval(rest)) {
    const rows = fetch(rest, rowsMax);
    const bytes = rows.reduce((sum, row) => sum + (row.value?.length ?? 0), 0);
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < rowsMax) return;
    rest = scan.descending
      ? { start: rest.start, end: last.key }
      : { start: successor(last.key), end: rest.end };
    // As many as make a megabyte, by the size of those just seen, but only a few times more.
    const fitting = Math.floor((SCAN_CHUNK_BYTES * rows.length) / Math.max(bytes, 1));
    rowsMax = Math.max(1, Math.min(fitting, rowsMax * 8, SCAN_CHUNK_ROWS));
  }
}

const direction = (scan: Scan): string => (scan.descending ? "DESC" : "ASC");

function orderOf(scan: Scan, a: Candidate, b: Candidate): number {
  const order = compareBytes(a.key, b.key);
  return scan.descending ? -order : order;
}

function countOf(sql: SqlPort, statement: string, parameters: readonly (Bytes | number)[]): number {
  return sql.all<{ count: number }>(statement, ...parameters)[0]!.count;
}
