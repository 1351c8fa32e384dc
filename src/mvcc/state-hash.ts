// Owns the hash by which replicas find out that they do not hold the same: over every row that a
// reader or a watcher can be shown at a revision. The history hash (`hash-kv.ts`) is not enough: of what
// was written since the last compaction it looks at the history only, and a row of `now` may be wrong
// unseen.
//
// With R the revision and C the compacted one it has two halves of 32 bits:
//
//   1. of every version that some revision from C to R shows, wherever it stands, a CRC-32C with the
//      revision until which it is shown; summed, so that it does not matter how the walk was cut;
//   2. of the history from C + 1 to R, in order, as in the history hash.
//
// What plain puts have replaced stands in the history, and stays: it is read in order, behind the walk. A
// version that is superseded under the hash's pin moves from `now` to `old`. The walk goes through both tables at once,
// in one order, (key, until), in which the live version of a key comes last: what moves stays behind
// the walk or before it, and is met exactly once.
//
//   old  a until 3, a until 7        walk: a until 3 | a until 7 | a live | b live | c until 9 | ...
//   now  a, b, d                                     ^ a is written: its live version stands now at
//                                                      (a, until 10), still before the walk's end

import { compareBytes, EMPTY } from "../base/bytes.ts";
import { crc32c } from "../base/checksum.ts";
import { Writer } from "../base/codec.ts";
import { CATCH_UP_BYTES_MAX, COMPACTION_SLICE_ROWS } from "../base/limits.ts";
import type { KeyValue } from "../base/kv.ts";
import type { SqlPort } from "../base/ports.ts";
import { nextRevision, type Bytes, type Revision } from "../base/types.ts";
import { HashedHistory } from "./hashed-history.ts";
import type { History } from "./history.ts";
import { bucketBytes } from "./kv-proto.ts";
import { toKeyValue } from "./rows.ts";
import type { VersionRecord } from "./snapshot-part.ts";
import type { Pin, Store } from "./store.ts";
import { liveRun, supersededRun, type SupersededPlace } from "./version-walk.ts";

/** Whoever changes what is hashed, or how, counts on: others would be taken for corrupt. */
export const STATE_HASH_METHOD = 1;

/** What one slice reads: a few milliseconds. */
const SLICE = { rowsMax: COMPACTION_SLICE_ROWS, bytesMax: CATCH_UP_BYTES_MAX };

/** Where a live version stands in the order of the walk: behind all superseded ones of its key. */
const LIVE = Number.MAX_SAFE_INTEGER;

const BEGINNING: SupersededPlace = { key: EMPTY, until: 0 };

/** Whether `a` comes before `b`, or is it. */
const isUpTo = (a: SupersededPlace, b: SupersededPlace | null): boolean => {
  if (b === null) return true;
  const order = compareBytes(a.key, b.key);
  return order < 0 || (order === 0 && a.until <= b.until);
};

const earlier = (a: SupersededPlace | null, b: SupersededPlace | null): SupersededPlace | null => {
  if (a === null || b === null) return a ?? b;
  return isUpTo(a, b) ? a : b;
};

export interface StateHash {
  /** 8 bytes. */
  readonly digest: Bytes;
  /** Rows that were looked at: what it cost. */
  readonly rows: number;
}

/** A hash under way, over the state as it is now. It holds a pin until it is done or released. */
export class StateHashing {
  readonly revision: Revision;
  readonly compacted: Revision;
  readonly #sql: SqlPort;
  readonly #store: Store;
  readonly #pin: Pin;
  /** The walk has come up to here; null at its end. */
  #walked: SupersededPlace | null = BEGINNING;
  /** The last live key that the walk has met. */
  #live: Bytes = EMPTY;
  /** Those in the history have been added up to here; null: all. */
  #replaced: Revision | null;
  #versions = 0;
  readonly #kept: History;
  #history: HashedHistory;
  #rows = 0;

  constructor(sql: SqlPort, store: Store, revision: Revision) {
    this.#sql = sql;
    this.#store = store;
    this.#pin = store.pin();
    this.revision = revision;
    this.compacted = this.#pin.compacted;
    this.#kept = store.historyOf(this.#pin);
    this.#replaced = nextRevision(this.compacted);
    this.#history = new HashedHistory(this.#kept, {
      from: nextRevision(this.compacted),
      to: revision,
      crc: 0,
    });
  }

  /** One slice; the hash with the last. */
  step(): StateHash | null {
    if (this.#walked !== null) this.#walked = this.#walk(this.#walked);
    else if (this.#replaced !== null) this.#replaced = this.#addReplaced(this.#replaced);
    else if (!this.#history.step(SLICE.bytesMax)) {
      this.release();
      const digest = new Writer().uint32(this.#versions).uint32(this.#history.crc).finish();
      return { digest, rows: this.#rows + this.#history.revisions };
    }
    return null;
  }

  /** Gives up, or ends: the sweep may go on. */
  release(): void {
    this.#store.release(this.#pin);
  }

  /** False once it is released, or lost: it comes to nothing then. */
  get isPinned(): boolean {
    return this.#store.holds(this.#pin);
  }

  /** Adds what stands behind a place, up to where both runs reach; null at the end of both. */
  #walk(from: SupersededPlace): SupersededPlace | null {
    const { revision: modMax, compacted: untilMin } = this;
    const live = liveRun(this.#sql, this.#live, { ...SLICE, modMax });
    const old = supersededRun(this.#sql, from, { ...SLICE, modMax, untilMin });
    const liveEnd = live.last === null ? null : { key: live.last, until: LIVE };
    this.#rows += live.looked + old.looked;
    if (liveEnd !== null && isUpTo(liveEnd, from)) {
      // Nothing but keys that were made behind the walk.
      this.#live = liveEnd.key;
      return from;
    }
    const end = earlier(liveEnd, old.last);
    for (const row of live.rows) {
      if (isUpTo({ key: row.key, until: LIVE }, end)) this.#add(toVersion(row), LIVE);
    }
    for (const row of old.rows) {
      if (isUpTo(row, end)) this.#add(toVersion(row), row.until);
    }
    if (end?.until === LIVE) this.#live = end.key;
    else if (end !== null) this.#live = lastBefore(live.rows, end) ?? this.#live;
    return end;
  }

  #addReplaced(from: Revision): Revision | null {
    const { versions, next } = this.#kept.readReplaced(from, SLICE.bytesMax);
    this.#rows += versions.length;
    for (const version of versions) {
      if (version.kv.modRevision <= this.revision) this.#add(version, version.until);
    }
    return next;
  }

  #add({ kv, sub }: Version, until: number): void {
    const bytes = bucketBytes({ main: kv.modRevision, sub }, kv);
    const shownUntil = until > this.revision ? LIVE : until;
    const crc = crc32c(new Writer().uint(shownUntil).finish(), crc32c(bytes));
    this.#versions = (this.#versions + crc) >>> 0;
  }
}

interface Version {
  readonly kv: KeyValue;
  readonly sub: number;
}

const toVersion = (row: VersionRecord): Version => ({ kv: toKeyValue(row), sub: row.sub });

/** The last of `rows` that comes before a place; rows that are passed over need not be met again. */
function lastBefore(rows: readonly VersionRecord[], end: SupersededPlace): Bytes | null {
  const met = rows.filter(({ key }) => isUpTo({ key, until: LIVE }, end));
  return met.at(-1)?.key ?? null;
}
