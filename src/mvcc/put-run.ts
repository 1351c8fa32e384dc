// Owns plain puts that follow one another in a batch, those on conditions too: their versions are made
// in memory, and their rows written many to a statement, before anything else looks at the tables. A
// statement costs more than the row it writes. What they replace goes to the history (`replaced.ts`);
// large versions, which are not read, go to `old`, and so do all while the store does not want them in
// the history (see `Store.replaces`).

import { bytesKey, EMPTY, equalBytes } from "../base/bytes.ts";
import type { KeyValue, PutAnswer, PutRequest, TxnOp, TxnRequest } from "../base/kv.ts";
import type { SqlPort } from "../base/ports.ts";
import { NO_LEASE, type Bytes, type Revision } from "../base/types.ts";
import { holdsForKey } from "./compare.ts";
import { ManyRows } from "./many-rows.ts";
import { nextVersion } from "./put.ts";
import type { ReplacedVersions } from "./replaced.ts";
import { BARE_COLUMNS, toKeyValue, type TrailedRow } from "./rows.ts";
import { extendTrail } from "./trail.ts";

/**
 * Values that are read beforehand, for many puts at once, and may stand in the history twice; etcd's
 * clients seldom store larger ones.
 */
const PREVIOUS_VALUE_BYTES_MAX = 4_096;

const VERSIONS_OF = new ManyRows(
  "?",
  (keys) => `SELECT ${BARE_COLUMNS}, x'' AS value, sub, trail FROM now WHERE key IN (${keys})`,
);

const WHOLE_VERSIONS_OF = new ManyRows(
  "?",
  (keys) =>
    `SELECT ${BARE_COLUMNS}, CASE WHEN length(value) <= ${PREVIOUS_VALUE_BYTES_MAX} THEN value END AS value,
       sub, trail
     FROM now WHERE key IN (${keys})`,
);

/** Each key with the revision that supersedes its version in `now`. The order of the join is forced. */
const COPY_TO_OLD = new ManyRows(
  "(?, ?)",
  (rows) =>
    `INSERT INTO old (key, until, create_revision, mod_revision, version, lease, value, sub, trail)
     SELECT now.key, put.column2, create_revision, mod_revision, version, lease, value, sub, trail
     FROM (VALUES ${rows}) AS put CROSS JOIN now ON now.key = put.column1`,
);

const INSERT_OLD = new ManyRows(
  "(?, ?, ?, ?, ?, NULL, ?, ?, 0)",
  (rows) =>
    `INSERT INTO old (key, until, create_revision, mod_revision, version, lease, value, trail, sub)
     VALUES ${rows}`,
);

/** The lease is not named for rows that are there: that would write its index. */
const WRITE_NOW = new ManyRows(
  "(?, ?, ?, ?, NULL, ?, ?, 0)",
  (rows) =>
    `INSERT INTO now (key, create_revision, mod_revision, version, lease, value, trail, sub)
     VALUES ${rows}
     ON CONFLICT (key) DO UPDATE SET mod_revision = excluded.mod_revision,
       version = excluded.version, value = excluded.value, sub = excluded.sub, trail = excluded.trail`,
);

/** A key that was looked at. */
interface Place {
  /** Its version in the table; null when there is none. */
  readonly stored: KeyValue | null;
  /** Which change of its revision made the stored version. */
  readonly sub: number;
  /** Whether the stored version is here with its value. */
  readonly isWhole: boolean;
  /** The revision until which the stored version is to stand in `old`; null when it is not. */
  until: Revision | null;
  /** The latest version made here. */
  made: KeyValue | null;
  /** Of the version made last, or else of the stored one. */
  trail: Bytes | null;
}

/** What a run must know of the store. */
interface RunBounds {
  readonly compacted: Revision;
  /** Whether replaced versions may go to the history now. */
  readonly replaces: boolean;
}

export class PutRun {
  readonly #sql: SqlPort;
  readonly #replaced: ReplacedVersions;
  readonly #bounds: RunBounds;
  readonly #places = new Map<string, Place>();
  /** Versions made here that `old` is to hold: they never stood in `now`. */
  readonly #passed: Passed[] = [];

  /** `bounds` is read at each call: hand in the store itself. */
  constructor(sql: SqlPort, replaced: ReplacedVersions, bounds: RunBounds) {
    this.#sql = sql;
    this.#replaced = replaced;
    this.#bounds = bounds;
  }

  /** Reads what these writes, of which the plain ones matter, will ask for if the run gets to them. */
  expect(writes: readonly TxnOp[]): void {
    const wants = writes.flatMap((write) => wantsOf(write) ?? []);
    const unknown = wants.filter(({ key }) => !this.#places.has(bytesKey(key)));
    const whole = keysOf(unknown.filter(({ value }) => value || this.#bounds.replaces));
    const bare = keysOf(unknown);
    for (const name of whole.keys()) bare.delete(name);
    this.#look(VERSIONS_OF, bare, { isWhole: false });
    this.#look(WHOLE_VERSIONS_OF, whole, { isWhole: true });
  }

  /**
   * Makes a version at `revision`. Null when the put is not plain: it keeps something of the version
   * before, or asks for a large one, or a lease is involved.
   */
  put(request: PutRequest, revision: Revision): Put | null {
    const place = this.#placeFor({ kind: "put", request });
    return place === null ? null : this.#make(place, request, revision);
  }

  /**
   * The same, if the txn's conditions hold. Null when the txn is more than a plain put on conditions
   * that its key is to fulfil, or does something else when they do not hold.
   */
  swap(request: TxnRequest, revision: Revision): Swap | null {
    const place = this.#placeFor({ kind: "txn", request });
    if (place === null) return null;
    const previous = place.made ?? place.stored;
    if (request.compare.every((compare) => holdsForKey(compare, previous))) {
      return this.#make(place, swapOf(request)!, revision);
    }
    return request.failure.length === 0 ? "not held" : null;
  }

  /** Writes the rows of all puts so far; what was read is forgotten, for it may change now. */
  flush(): void {
    if (this.#places.size === 0) return;
    const made = [...this.#places.values()].filter((place) => place.made !== null);
    const superseded = made.filter(({ until }) => until !== null);
    COPY_TO_OLD.run(
      this.#sql,
      superseded.flatMap(({ stored, until }) => [stored!.key, until]),
    );
    INSERT_OLD.run(
      this.#sql,
      this.#passed.flatMap(({ kv, until, trail }) => [kv.key, until, ...columnsOf(kv, trail)]),
    );
    WRITE_NOW.run(
      this.#sql,
      made.flatMap(({ made: kv, trail }) => [kv!.key, ...columnsOf(kv!, trail)]),
    );
    this.#places.clear();
    this.#passed.length = 0;
  }

  /** What is known of the key; null when that is not enough. */
  #placeFor(write: TxnOp): Place | null {
    const wants = wantsOf(write);
    if (wants === null) return null;
    this.expect([write]);
    const place = this.#places.get(bytesKey(wants.key))!;
    const previous = place.made ?? place.stored;
    if (previous === null) return place;
    const isHere = !wants.value || place.made !== null || place.isWhole;
    return isHere && previous.lease === NO_LEASE ? place : null;
  }

  #make(place: Place, request: PutRequest, revision: Revision): Put {
    const previous = place.made ?? place.stored;
    if (previous !== null) this.#supersede(place, previous, revision);
    place.made = nextVersion(request, previous, revision);
    return { kv: place.made, answer: { prevKv: request.prevKv ? previous : null } };
  }

  #supersede(place: Place, previous: KeyValue, until: Revision): void {
    const { compacted, replaces } = this.#bounds;
    const { made, sub, trail, isWhole } = place;
    const isWithValue = made !== null || isWhole;
    if (replaces && isWithValue && isSmall(previous)) {
      this.#replaced.add({ until, kv: previous, sub: made === null ? sub : 0, trail });
      place.trail = extendTrail(trail, until, compacted);
      return;
    }
    if (made === null) place.until = until;
    else this.#passed.push({ kv: made, until, trail });
    place.trail = null;
  }

  #look(
    versionsOf: ManyRows,
    keys: ReadonlyMap<string, Bytes>,
    { isWhole }: { readonly isWhole: boolean },
  ): void {
    for (const name of keys.keys()) {
      this.#places.set(name, { ...NOTHING_STORED, isWhole });
    }
    for (const row of versionsOf.all<LookedAt>(this.#sql, [...keys.values()])) {
      const { value, sub, trail } = row;
      const stored = toKeyValue({ ...row, value: value ?? EMPTY });
      const known = { stored, sub, trail, isWhole: isWhole && value !== null };
      this.#places.set(bytesKey(row.key), { ...NOTHING_STORED, ...known });
    }
  }
}

/** So that it fits a row beside the largest event. A key may be as large as a value. */
const isSmall = ({ key, value }: KeyValue): boolean =>
  key.length + value.length <= PREVIOUS_VALUE_BYTES_MAX;

const NOTHING_STORED = { stored: null, sub: 0, until: null, made: null, trail: null } as const;

interface Passed {
  readonly kv: KeyValue;
  readonly until: Revision;
  readonly trail: Bytes | null;
}

/** A row of `now`; the value is null if it is too large to be read beforehand. */
type LookedAt = Omit<TrailedRow, "value"> & {
  readonly value: Bytes | null;
  readonly sub: number;
};

/** What a put has made, and its answer. */
export interface Put {
  readonly kv: KeyValue;
  readonly answer: PutAnswer;
}

/** A txn's put, or that its conditions do not hold. */
export type Swap = Put | "not held";

/** What a write has to know of the version before: of which key, and whether its value. */
interface Wants {
  readonly key: Bytes;
  readonly value: boolean;
}

/** Null for writes that are not plain. */
function wantsOf(write: TxnOp): Wants | null {
  const put = write.kind === "put" ? write.request : write.kind === "txn" && swapOf(write.request);
  if (!put || put.ignoreValue || put.ignoreLease || put.lease !== NO_LEASE) return null;
  const comparesValue =
    write.kind === "txn" && write.request.compare.some(({ target }) => target === "value");
  return { key: put.key, value: put.prevKv || comparesValue };
}

/** The put of a txn that does nothing else if conditions on that very key hold. */
function swapOf({ compare, success }: TxnRequest): PutRequest | null {
  const [op] = success;
  if (success.length !== 1 || op?.kind !== "put") return null;
  const { key } = op.request;
  const isOnKey = compare.every((one) => one.rangeEnd.length === 0 && equalBytes(one.key, key));
  return isOnKey ? op.request : null;
}

const keysOf = (wants: readonly Wants[]): Map<string, Bytes> =>
  new Map(wants.map(({ key }) => [bytesKey(key), key]));

const columnsOf = (kv: KeyValue, trail: Bytes | null) =>
  [kv.createRevision, kv.modRevision, kv.version, kv.value, trail] as const;
