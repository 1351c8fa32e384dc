// Owns plain puts that follow one another in a batch: their versions are made in memory, and their rows
// written many to a statement, before anything else looks at the tables. A statement costs more than
// the row it writes.

import { bytesKey, EMPTY } from "../base/bytes.ts";
import type { KeyValue, PutRequest } from "../base/kv.ts";
import type { SqlPort } from "../base/ports.ts";
import { NO_LEASE, type Bytes, type Revision } from "../base/types.ts";
import { ManyRows } from "./many-rows.ts";
import { nextVersion } from "./put.ts";
import { BARE_COLUMNS, toKeyValue, type VersionRow } from "./rows.ts";

/** Values that are read beforehand, for many puts at once; etcd's clients seldom store larger ones. */
const PREVIOUS_VALUE_BYTES_MAX = 4_096;

const VERSIONS_OF = new ManyRows(
  "?",
  (keys) => `SELECT ${BARE_COLUMNS}, x'' AS value FROM now WHERE key IN (${keys})`,
);

const WHOLE_VERSIONS_OF = new ManyRows(
  "?",
  (keys) =>
    `SELECT ${BARE_COLUMNS}, CASE WHEN length(value) <= ${PREVIOUS_VALUE_BYTES_MAX} THEN value END AS value
     FROM now WHERE key IN (${keys})`,
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
  /** Its version in the table; null when there is none. */
  readonly stored: KeyValue | null;
  /** Whether the stored version is here with its value. */
  readonly isWhole: boolean;
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

  /** Reads what these puts, of which the plain ones matter, will ask for if the run gets to them. */
  expect(requests: readonly PutRequest[]): void {
    const plain = requests.filter((request) => isPlain(request) && !this.#hasPlaceFor(request));
    const whole = keysOf(plain.filter(({ prevKv }) => prevKv));
    const bare = keysOf(plain);
    for (const name of whole.keys()) bare.delete(name);
    this.#look(VERSIONS_OF, bare, { isWhole: false });
    this.#look(WHOLE_VERSIONS_OF, whole, { isWhole: true });
  }

  /**
   * Makes a version at `revision`. Null when the put is not plain: it keeps something of the version
   * before, or asks for a large one, or a lease is involved.
   */
  put(request: PutRequest, revision: Revision): Put | null {
    if (!isPlain(request)) return null;
    if (!this.#hasPlaceFor(request)) this.expect([request]);
    const place = this.#places.get(bytesKey(request.key))!;
    const previous = place.made ?? place.stored;
    if (previous !== null && previous.lease !== NO_LEASE) return null;
    const isHere = place.made !== null || place.isWhole;
    if (request.prevKv && previous !== null && !isHere) return null;
    if (place.made !== null) this.#passed.push({ kv: place.made, until: revision });
    place.made = nextVersion(request, previous, revision);
    place.until ??= revision;
    return { kv: place.made, previous };
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

  #hasPlaceFor({ key }: PutRequest): boolean {
    return this.#places.has(bytesKey(key));
  }

  #look(
    versionsOf: ManyRows,
    keys: ReadonlyMap<string, Bytes>,
    { isWhole }: { readonly isWhole: boolean },
  ): void {
    for (const name of keys.keys()) {
      this.#places.set(name, { stored: null, isWhole, until: null, made: null });
    }
    for (const row of versionsOf.all<LookedAt>(this.#sql, [...keys.values()])) {
      const { value } = row;
      const stored = toKeyValue({ ...row, value: value ?? EMPTY });
      const place = { stored, isWhole: isWhole && value !== null, until: null, made: null };
      this.#places.set(bytesKey(row.key), place);
    }
  }
}

/** A row of `now`; the value is null if it is too large to be read beforehand. */
type LookedAt = Omit<VersionRow, "value"> & { readonly value: Bytes | null };

/** What a put has made, and of what; without its value unless the put asks for it. */
export interface Put {
  readonly kv: KeyValue;
  readonly previous: KeyValue | null;
}

/** Whether no lease is named, and nothing of the version before is kept. */
const isPlain = ({ ignoreValue, ignoreLease, lease }: PutRequest): boolean =>
  !ignoreValue && !ignoreLease && lease === NO_LEASE;

const keysOf = (requests: readonly PutRequest[]): Map<string, Bytes> =>
  new Map(requests.map(({ key }) => [bytesKey(key), key]));

const columnsOf = (kv: KeyValue): [Revision, Revision, number, Bytes] => [
  kv.createRevision,
  kv.modRevision,
  kv.version,
  kv.value,
];
