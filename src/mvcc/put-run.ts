// Owns plain puts that follow one another in a batch: their versions are made in memory, and their rows
// written many to a statement, before anything else looks at the tables. A statement costs more than
// the row it writes.

import { bytesKey } from "../base/bytes.ts";
import type { KeyValue, PutRequest } from "../base/kv.ts";
import type { SqlPort } from "../base/ports.ts";
import { NO_LEASE, type Bytes, type Revision } from "../base/types.ts";
import { ManyRows } from "./many-rows.ts";
import { nextVersion } from "./put.ts";
import { BARE_COLUMNS, toKeyValue, type VersionRow } from "./rows.ts";

const VERSIONS_OF = new ManyRows(
  "?",
  (keys) => `SELECT ${BARE_COLUMNS}, x'' AS value FROM now WHERE key IN (${keys})`,
);

/** Each key with the revision that supersedes its version in `now`. The order of the join is forced. */
const COPY_TO_OLD = new ManyRows(
  "(?, ?)",
  (rows) =>
    `INSERT INTO old (key, until, create_revision, mod_revision, version, lease, value, sub)
     SELECT now.key, put.column2, create_revision, mod_revision, version, lease, value, sub
     FROM (VALUES ${rows}) AS put CROSS JOIN now ON now.key = put.column1`,
);

const INSERT_OLD = new ManyRows(
  "(?, ?, ?, ?, ?, NULL, ?, 0)",
  (rows) =>
    `INSERT INTO old (key, until, create_revision, mod_revision, version, lease, value, sub)
     VALUES ${rows}`,
);

/** The lease is not named for rows that are there: that would write its index. */
const WRITE_NOW = new ManyRows(
  "(?, ?, ?, ?, NULL, ?, 0)",
  (rows) =>
    `INSERT INTO now (key, create_revision, mod_revision, version, lease, value, sub) VALUES ${rows}
     ON CONFLICT (key) DO UPDATE SET mod_revision = excluded.mod_revision,
       version = excluded.version, value = excluded.value, sub = excluded.sub`,
);

/** A key that was looked at. */
interface Place {
  /** Its version in the table, without its value; null when there is none. */
  readonly stored: KeyValue | null;
  /** The revision of the first version made here. */
  until: Revision | null;
  /** The latest version made here. */
  made: KeyValue | null;
}

export class PutRun {
  readonly #sql: SqlPort;
  readonly #places = new Map<string, Place>();
  /** Versions made here and superseded here: they never stood in `now`. */
  readonly #passed: { readonly kv: KeyValue; readonly until: Revision }[] = [];

  constructor(sql: SqlPort) {
    this.#sql = sql;
  }

  /** Reads what will be asked for by puts of these keys, if the run goes on to them. */
  expect(keys: readonly Bytes[]): void {
    const unknown = new Map(keys.map((key) => [bytesKey(key), key]));
    for (const name of this.#places.keys()) unknown.delete(name);
    const rows = VERSIONS_OF.all<VersionRow>(this.#sql, [...unknown.values()]);
    const stored = new Map(rows.map((row) => [bytesKey(row.key), toKeyValue(row)]));
    for (const name of unknown.keys()) {
      this.#places.set(name, { stored: stored.get(name) ?? null, until: null, made: null });
    }
  }

  /**
   * The version that the put makes at `revision`; null when it is not plain: it asks for or keeps
   * something of the version before, or a lease is involved.
   */
  put(request: PutRequest, revision: Revision): KeyValue | null {
    if (!isPlain(request)) return null;
    const place = this.#placeOf(request.key);
    const previous = place.made ?? place.stored;
    if (previous !== null && previous.lease !== NO_LEASE) return null;
    if (place.made !== null) this.#passed.push({ kv: place.made, until: revision });
    place.made = nextVersion(request, previous, revision);
    place.until ??= revision;
    return place.made;
  }

  /** Writes the rows of all puts so far; what was read is forgotten, for it may change now. */
  flush(): void {
    if (this.#places.size === 0) return;
    const made = [...this.#places.values()].filter((place) => place.made !== null);
    const replaced = made.filter(({ stored }) => stored !== null);
    COPY_TO_OLD.run(
      this.#sql,
      replaced.flatMap(({ stored, until }) => [stored!.key, until]),
    );
    INSERT_OLD.run(
      this.#sql,
      this.#passed.flatMap(({ kv, until }) => [kv.key, until, ...columnsOf(kv)]),
    );
    WRITE_NOW.run(
      this.#sql,
      made.flatMap(({ made: kv }) => [kv!.key, ...columnsOf(kv!)]),
    );
    this.#places.clear();
    this.#passed.length = 0;
  }

  #placeOf(key: Bytes): Place {
    const name = bytesKey(key);
    if (!this.#places.has(name)) this.expect([key]);
    return this.#places.get(name)!;
  }
}

/** Whether the put's version depends on the one before by revisions and version alone. */
export const isPlain = ({ prevKv, ignoreValue, ignoreLease, lease }: PutRequest): boolean =>
  !prevKv && !ignoreValue && !ignoreLease && lease === NO_LEASE;

const columnsOf = (kv: KeyValue): [Revision, Revision, number, Bytes] => [
  kv.createRevision,
  kv.modRevision,
  kv.version,
  kv.value,
];
