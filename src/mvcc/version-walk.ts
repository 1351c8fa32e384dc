// Owns walking all versions in slices, with writes in between: a place to begin behind, a run of rows
// that fits a bound, and a place to go on. What makes such a walk complete is told in
// `snapshot-source.ts`: `now` first, then `old`, under a pin.

import type { SqlPort } from "../base/ports.ts";
import type { Bytes } from "../base/types.ts";
import { lastFitting } from "./fitting.ts";
import type { VersionRecord } from "./snapshot-part.ts";

/** How much one run may hold. One row is read in any case. */
export interface RunBounds {
  readonly rowsMax: number;
  readonly bytesMax: number;
}

/** A run of rows. `looked` counts those that were passed over too. */
export interface Run<Row, Place> {
  readonly rows: readonly Row[];
  /** Where the run ends; null when there was nothing more. */
  readonly last: Place | null;
  readonly looked: number;
}

/** A place in `old`, whose rows are ordered by (key, until). */
export interface SupersededPlace {
  readonly key: Bytes;
  readonly until: number;
}

type Sized<T> = T & { readonly size: number };
type SupersededRecord = VersionRecord & { readonly until: number };

const COLUMNS = "key, create_revision, mod_revision, version, sub, lease, trail, value";

/** The rows of `now` behind a key that were made at `modMax` or before. */
export function liveRun(
  sql: SqlPort,
  after: Bytes,
  { modMax, rowsMax, bytesMax }: RunBounds & { readonly modMax: number },
): Run<VersionRecord, Bytes> {
  const sizes = sql.all<Sized<{ readonly key: Bytes }>>(
    `SELECT key, CASE WHEN mod_revision <= ? THEN length(key) + length(value) ELSE 0 END AS size
     FROM now WHERE key > ? ORDER BY key LIMIT ?`,
    modMax,
    after,
    rowsMax,
  );
  const last = lastFitting(sizes, bytesMax);
  if (last === undefined) return { rows: [], last: null, looked: 0 };
  const rows = sql.all<VersionRecord>(
    `SELECT ${COLUMNS} FROM now WHERE key > ? AND key <= ? AND mod_revision <= ? ORDER BY key`,
    after,
    last.key,
    modMax,
  );
  return { rows, last: last.key, looked: sizes.length };
}

/** The rows of `old` behind a place, made at `modMax` or before, visible beyond `untilMin`. */
export function supersededRun(
  sql: SqlPort,
  after: SupersededPlace,
  options: RunBounds & { readonly modMax: number; readonly untilMin: number },
): Run<SupersededRecord, SupersededPlace> {
  const { modMax, untilMin, rowsMax, bytesMax } = options;
  const isWanted = "mod_revision <= ? AND until > ?";
  const sizes = sql.all<Sized<SupersededPlace & Record<string, Bytes | number>>>(
    `SELECT key, until, CASE WHEN ${isWanted} THEN length(key) + length(value) ELSE 0 END AS size
     FROM old WHERE (key, until) > (?, ?) ORDER BY key, until LIMIT ?`,
    modMax,
    untilMin,
    after.key,
    after.until,
    rowsMax,
  );
  const last = lastFitting(sizes, bytesMax);
  if (last === undefined) return { rows: [], last: null, looked: 0 };
  const rows = sql.all<SupersededRecord>(
    `SELECT until, ${COLUMNS} FROM old WHERE (key, until) > (?, ?) AND (key, until) <= (?, ?)
     AND ${isWanted} ORDER BY key, until`,
    after.key,
    after.until,
    last.key,
    last.until,
    modMax,
    untilMin,
  );
  return { rows, last: { key: last.key, until: last.until }, looked: sizes.length };
}
