// Owns making a snapshot: the whole applied state as it was in the turn in which it was pinned, cut
// into parts that are made one by one while writes go on.
//
// What has no versions is copied in the pinning turn. What has is read later, for versions stay:
// with R the pinned revision and C the compacted one, a receiver needs the live versions at R and
// the superseded ones that some revision from C to R shows. `now` is read before `old`, and that
// makes the copy complete although keys move meanwhile. A version that is live at R stands in `now`
// when the pin is taken, and leaves it at most once, for `old` (until > R), where it stays, since
// nothing is swept under a pin. When the walk through `now` comes to its key, it is either still
// there and goes out, or it stands in `old` already, before the walk through `old` has begun, and
// goes out then. One that leaves `now` behind the walk may go out twice: the same version, which the
// receiver takes once. What is made after the pin has a modification above R, and goes out never.
//
//   pinned at 5     now: a mod 2, b mod 5      old: (a until 2)
//   part: a mod 2
//   writes          now: a mod 6, b mod 7      old: (a until 2), a mod 2 until 6, b mod 5 until 7
//   part: nothing   b is above the pin
//   part: a mod 2 again, b mod 5               both as live versions
//
// A snapshot costs its source no rows; nothing of it is held in memory but the unversioned bodies.

import { assert, present } from "../base/assert.ts";
import { EMPTY } from "../base/bytes.ts";
import { Writer } from "../base/codec.ts";
import {
  REQUEST_WINDOW_MS,
  SNAPSHOT_PART_BYTES,
  SNAPSHOT_PART_ROWS_MAX,
  SNAPSHOT_READ_ROWS,
} from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import type { Bytes } from "../base/types.ts";
import type { Unversioned } from "../base/unversioned.ts";
import { lastFitting } from "./fitting.ts";
import { tableOf } from "./segments.ts";
import {
  decodeCursor,
  encodeCursor,
  encodePart,
  encodeStorePin,
  STORE_PIN,
  writeRecord,
  type HistoryRecord,
  type SnapshotPlace,
  type SnapshotRecord,
  type VersionRecord,
} from "./snapshot-part.ts";
import type { Pin, Store } from "./store.ts";
import { liveRun, supersededRun, type RunBounds } from "./version-walk.ts";

/** One part, and the cursor of the one behind it: null after the last. */
export interface SnapshotPart {
  readonly data: Bytes;
  readonly next: Bytes | null;
}

type At<Stage extends SnapshotPlace["stage"]> = Extract<SnapshotPlace, { stage: Stage }>;
type Sized<T> = T & { readonly size: number };

const FIRST_LIVE: At<"live"> = { stage: "live", key: EMPTY };
const FIRST_SUPERSEDED: At<"superseded"> = { stage: "superseded", key: EMPTY, until: 0 };

/** A part in the making. */
class Draft {
  readonly records = new Writer();
  /** Rows looked at, whether or not they went into the part: what bounds the turn. */
  rows = 0;

  get bytesLeft(): number {
    return Math.max(SNAPSHOT_PART_BYTES - this.records.length, 0);
  }

  get isFull(): boolean {
    return this.bytesLeft === 0 || this.rows >= SNAPSHOT_PART_ROWS_MAX;
  }

  /** For the next read. */
  get bounds(): RunBounds {
    return { rowsMax: SNAPSHOT_READ_ROWS, bytesMax: this.bytesLeft };
  }

  add(record: SnapshotRecord): void {
    writeRecord(this.records, record);
  }
}

/** A snapshot that is being sent, to one receiver or several. Release it: it stops the sweep. */
export class SnapshotSource {
  readonly pin: Pin;
  readonly #sql: SqlPort;
  readonly #store: Store;
  readonly #unversioned: readonly { readonly name: string; readonly body: Bytes }[];

  /** Pins the state as it is, between two applied batches. */
  constructor(options: {
    readonly sql: SqlPort;
    readonly store: Store;
    readonly unversioned: readonly Unversioned[];
  }) {
    this.#sql = options.sql;
    this.#store = options.store;
    assert(options.store.appliedIndex > 0, "a store that never applied anything is not sent");
    this.pin = options.store.pin();
    this.#unversioned = [
      { name: STORE_PIN, body: encodeStorePin(this.pin) },
      ...options.unversioned.flatMap(({ name, copy }) => {
        const body = copy(options.sql);
        return body === null ? [] : [{ name, body }];
      }),
    ];
  }

  /** Ends it; the sweep may go on once no other pin is left (see `Store.sweepPending`). */
  release(): void {
    this.#store.release(this.pin);
  }

  /** False once it is released, or lost: then another is to be begun. */
  get isPinned(): boolean {
    return this.#store.holds(this.pin);
  }

  /**
   * The part at a cursor: FIRST_CURSOR, then what the part before named, or better, what the receiver
   * asks for. A part has SNAPSHOT_PART_BYTES and at most one row more. One that is made again may end
   * elsewhere, since keys have moved meanwhile; both are right, but only the one that was taken tells
   * where to go on.
   *
   * @throws CodecError on anything that is no cursor.
   */
  part(cursor: Bytes): SnapshotPart {
    assert(this.isPinned, "a snapshot is read while it is pinned");
    const draft = new Draft();
    let place: SnapshotPlace | null = decodeCursor(cursor);
    while (place !== null && !draft.isFull) place = this.#advance(place, draft);
    const next = place === null ? null : encodeCursor(place);
    return { data: encodePart(cursor, next, draft.records), next };
  }

  /** Adds what comes next, as much as one read takes; null at the end. */
  #advance(place: SnapshotPlace, draft: Draft): SnapshotPlace | null {
    switch (place.stage) {
      case "unversioned":
        return this.#addUnversioned(place, draft);
      case "history":
        return this.#addHistory(place, draft);
      case "live":
        return this.#addLive(place, draft);
      case "superseded":
        return this.#addSuperseded(place, draft);
      default:
        return place satisfies never;
    }
  }

  /** A piece at least, though it be empty: the receiver must see every name. */
  #addUnversioned({ item, offset }: At<"unversioned">, draft: Draft): SnapshotPlace {
    const { name, body } = present(this.#unversioned[item], "a cursor names an item");
    const end = Math.min(offset + draft.bytesLeft, body.length);
    draft.add({ kind: "unversioned", name, bytes: body.subarray(offset, end) });
    if (end < body.length) return { stage: "unversioned", item, offset: end };
    if (item + 1 < this.#unversioned.length) {
      return { stage: "unversioned", item: item + 1, offset: 0 };
    }
    return this.#beginningOf(this.#segmentAfter(0));
  }

  /**
   * History rows, of the pinned batches only: those from the compacted revision on, whose own events
   * are still watched, and those whose requests may be repeated.
   */
  #addHistory(place: At<"history">, draft: Draft): SnapshotPlace {
    const { index, compacted, time } = this.pin;
    const range = `FROM ${tableOf(place.segment)} WHERE (revision, applied, part) > (?, ?, ?)
      AND applied <= ? AND (revision >= ? OR time >= ?)`;
    const bounds = [
      ...columnsOf(place),
      index,
      Math.max(compacted, 0),
      time - REQUEST_WINDOW_MS,
    ] as const;
    const sizes = this.#sql.all<Sized<Omit<At<"history">, "stage" | "segment">>>(
      `SELECT revision, applied, part, length(requests) + length(events) + ifnull(length(replaced), 0) AS size ${range}
       ORDER BY revision, applied, part LIMIT ?`,
      ...bounds,
      SNAPSHOT_READ_ROWS,
    );
    const last = lastFitting(sizes, draft.bytesLeft);
    // A segment of nothing but rows that are not needed was looked through, too.
    draft.rows += Math.max(sizes.length, SNAPSHOT_READ_ROWS / 2);
    if (last === undefined) return this.#beginningOf(this.#segmentAfter(place.segment));
    const rows = this.#sql.all<HistoryRecord>(
      `SELECT revision, applied, part, time, requests, events, replaced ${range}
       AND (revision, applied, part) <= (?, ?, ?) ORDER BY revision, applied, part`,
      ...bounds,
      ...columnsOf(last),
    );
    for (const row of rows) draft.add({ kind: "history", row });
    const { revision, applied, part } = last;
    return { stage: "history", segment: place.segment, revision, applied, part };
  }

  #addLive(place: At<"live">, draft: Draft): SnapshotPlace {
    const run = liveRun(this.#sql, place.key, { ...draft.bounds, modMax: this.pin.revision });
    draft.rows += run.looked;
    for (const row of run.rows) draft.add({ kind: "live", row: this.#known(row) });
    return run.last === null ? FIRST_SUPERSEDED : { stage: "live", key: run.last };
  }

  /** Of what was superseded after the pin, the pin saw the version live. */
  #addSuperseded(place: At<"superseded">, draft: Draft): SnapshotPlace | null {
    const { revision, compacted } = this.pin;
    const which = { modMax: revision, untilMin: compacted };
    const run = supersededRun(this.#sql, place, { ...draft.bounds, ...which });
    draft.rows += run.looked;
    for (const { until, ...each } of run.rows) {
      const row = this.#known(each);
      draft.add(until <= revision ? { kind: "superseded", until, row } : { kind: "live", row });
    }
    return run.last === null ? null : { stage: "superseded", ...run.last };
  }

  /** As all replicas know it: a trail that is left from a version that was lowered leads nowhere. */
  #known(row: VersionRecord): VersionRecord {
    return this.#store.mayReplace() ? row : { ...row, trail: null };
  }

  /** Before the rows of a segment; null stands for the end of the history. */
  #beginningOf(segment: number | null): SnapshotPlace {
    if (segment === null) return FIRST_LIVE;
    return { stage: "history", segment, revision: 0, applied: -1, part: -1 };
  }

  /** Segments that are added meanwhile are looked into, and hold nothing that was pinned. */
  #segmentAfter(segment: number): number | null {
    const [next] = this.#sql.all<{ number: number }>(
      "SELECT number FROM segment WHERE kind = 'rev' AND number > ? ORDER BY number LIMIT 1",
      segment,
    );
    return next?.number ?? null;
  }
}

const columnsOf = (place: {
  readonly revision: number;
  readonly applied: number;
  readonly part: number;
}): readonly [number, number, number] => [place.revision, place.applied, place.part];
