// Owns reading the history: the changes since a revision, the version a change replaced, and the
// requests applied of late. Writing it is the store's; where rows stand, `segments.ts`'s.

import { assert, present } from "../base/assert.ts";
import { equalBytes } from "../base/bytes.ts";
import type { KeyEvent, KeyValue, RevisionEvents } from "../base/kv.ts";
import { keyEventBytesMax } from "../base/kv-codec.ts";
import { CATCH_UP_BYTES_MAX } from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import { asClusterTime, asRevision, nextRevision } from "../base/types.ts";
import type { Bytes, ClusterTime, Revision } from "../base/types.ts";
import { lastFitting } from "./fitting.ts";
import {
  unpackEvents,
  unpackReplaced,
  unpackRequests,
  type AppliedRequest,
  type Replaced,
} from "./history-row.ts";
import type { ReplacedVersions } from "./replaced.ts";
import { BARE_COLUMNS, toKeyValue, type VersionRow } from "./rows.ts";
import { tableOf, type Segments } from "./segments.ts";

/** Where a history row stands. Opaque to all but History. */
export interface Place {
  readonly segment: number;
  readonly revision: number;
  readonly applied: number;
  readonly part: number;
}

/** A request as the history remembers it; `answerOf` has the answer. */
export interface RememberedRequest extends Omit<AppliedRequest, "answer"> {
  readonly place: Place;
}

/** What the history must know of the store. */
export interface HistoryBounds {
  readonly revision: Revision;
  readonly compacted: Revision;
}

/** The first revision that can have events: a fresh store is at 1. */
const FIRST_CHANGE = 2;
/** Rows whose sizes are looked at together, before their blobs are read. */
const ROWS_SIZED = 256;

type RowPlace = { readonly revision: number; readonly applied: number; readonly part: number };
type EventsRow = RowPlace & { readonly events: Bytes };
type ReplacedRow = RowPlace & { readonly replaced: Bytes };
type RequestsRow = RowPlace & { readonly requests: Bytes };

export class History {
  readonly #sql: SqlPort;
  readonly #segments: Segments;
  readonly #replaced: ReplacedVersions;
  readonly #bounds: HistoryBounds;

  /** `bounds` is read at each call: hand in the store itself. */
  constructor(
    sql: SqlPort,
    parts: { readonly segments: Segments; readonly replaced: ReplacedVersions },
    bounds: HistoryBounds,
  ) {
    this.#sql = sql;
    this.#segments = parts.segments;
    this.#replaced = parts.replaced;
    this.#bounds = bounds;
  }

  /**
   * The changes from revision `from` on, whole revisions only, up to `bytesMax` of events; but one
   * revision at least if there is any, even if it is larger. `next` is where to go on: one beyond
   * the last revision read, or `from` itself when it lies in the future.
   *
   * @throws InvariantError when `from` is below the compacted revision, where history may be gone
   * (the caller refuses such a watch), and when a row is damaged or missing.
   */
  read(from: Revision, bytesMax: number): { revisions: RevisionEvents[]; next: Revision } {
    assert(from >= this.#bounds.compacted, `revision ${from} is not compacted`);
    const revisions: RevisionEvents[] = [];
    let bytes = 0;
    let next = from;
    for (const change of this.#changes(Math.max(from, FIRST_CHANGE), bytesMax)) {
      bytes += bytesOf(change);
      if (revisions.length > 0 && bytes > bytesMax) return { revisions, next };
      revisions.push(change);
      next = nextRevision(change.revision);
    }
    return { revisions, next: asRevision(Math.max(from, this.#bounds.revision + 1)) };
  }

  /**
   * The version of `key` that a change at `revision` replaced: null when the key was new, or when
   * the revision before is compacted, however far the sweep has come.
   */
  previousVersion(key: Bytes, revision: Revision): KeyValue | null {
    if (revision <= this.#bounds.compacted) return null;
    const replaced = this.#replaced.find(key, revision);
    if (replaced !== null) return replaced.kv;
    const [row] = this.#sql.all<VersionRow>(
      `SELECT ${BARE_COLUMNS}, value FROM old WHERE key = ? AND until = ?`,
      key,
      revision,
    );
    return row === undefined ? null : toKeyValue(row);
  }

  /**
   * The versions in the history that are visible until `from` or later, in order: the next run of
   * `bytesMax` bytes of them, or one row. `next` is where to go on, null at the end.
   */
  readReplaced(
    from: Revision,
    bytesMax: number,
  ): { readonly versions: readonly Replaced[]; readonly next: Revision | null } {
    const versions: Replaced[] = [];
    let bytes = 0;
    for (const row of this.#rowsFrom<ReplacedRow>("replaced", from, bytesMax)) {
      for (const each of unpackReplaced(row.replaced)) if (each.until >= from) versions.push(each);
      bytes += row.replaced.length;
      if (bytes >= bytesMax) return { versions, next: asRevision(row.revision + 1) };
    }
    return { versions, next: null };
  }

  /** The cluster time at which the batch of `revision`, which is there and not compacted, was applied. */
  timeOf(revision: Revision): ClusterTime {
    const head = present(this.#segments.firstHeadFrom(revision), `revision ${revision} is there`);
    return asClusterTime(head.time);
  }

  /** The latest revision at cluster time `time`; null before the first batch that is left. */
  revisionAt(time: ClusterTime): Revision | null {
    const head = this.#segments.lastHeadBy(time);
    return head === null ? null : asRevision(head.revision);
  }

  /** The requests applied at cluster time `since` or later, in the order of application. */
  *requestsSince(since: ClusterTime): Generator<RememberedRequest, void> {
    for (const segment of this.#segments.since((first) => first.time < since)) {
      const rows = this.#rows<RequestsRow>(segment, {
        blob: "requests",
        after: { revision: 0, applied: -1, part: -1 },
        since,
        bytesMax: CATCH_UP_BYTES_MAX,
      });
      for (const { requests, ...row } of rows) {
        const place: Place = { segment, ...row };
        for (const { id, revision, time } of unpackRequests(requests)) {
          if (time >= since) yield { id, revision, time, place };
        }
      }
    }
  }

  /** The answer kept for a request; null if none was kept or its row is gone. */
  answerOf(place: Place, id: Bytes): Bytes | null {
    if (!this.#segments.numbers.includes(place.segment)) return null;
    const [row] = this.#sql.all<{ requests: Bytes }>(
      `SELECT requests FROM ${tableOf(place.segment)}
       WHERE revision = ? AND applied = ? AND part = ?`,
      place.revision,
      place.applied,
      place.part,
    );
    if (row === undefined) return null;
    // An id that came again after the window was applied again: the last answer is the valid one.
    const request = unpackRequests(row.requests).findLast((each) => equalBytes(each.id, id));
    return request === undefined || request.answer.length === 0 ? null : request.answer;
  }

  /** Whole revisions from `from` on. Revisions are dense: a gap is damage. */
  *#changes(from: number, bytesMax: number): Generator<RevisionEvents, void> {
    if (from > this.#bounds.revision) return;
    let expected = from;
    let events: KeyEvent[] = [];
    for (const event of this.#eventsSince(from, bytesMax)) {
      const revision = event.kv.modRevision;
      if (revision === expected + 1 && events.length > 0) {
        yield { revision: asRevision(expected), events };
        events = [];
        expected = revision;
      }
      assert(revision === expected, `the history has revision ${expected} next, not ${revision}`);
      events.push(event);
    }
    assert(
      expected === this.#bounds.revision && events.length > 0,
      `the history ends with the store's revision ${this.#bounds.revision}, not ${expected}`,
    );
    yield { revision: asRevision(expected), events };
  }

  *#eventsSince(from: number, bytesMax: number): Generator<KeyEvent, void> {
    for (const row of this.#rowsFrom<EventsRow>("events", from, bytesMax)) {
      for (const event of unpackEvents(row.events)) {
        if (event.kv.modRevision >= from) yield event;
      }
    }
  }

  /** The rows from that of revision `from` on whose `blob` is not empty; see `#rows`. */
  *#rowsFrom<Row extends EventsRow | ReplacedRow>(
    blob: "events" | "replaced",
    from: number,
    bytesMax: number,
  ): Generator<Row, void> {
    const after = { revision: from, applied: -1, part: -1 };
    for (const segment of this.#segments.since((first) => first.revision < from)) {
      yield* this.#rows<Row>(segment, { blob, after, since: 0, bytesMax });
    }
  }

  /**
   * The rows of a segment after a place, of a time or later, whose `blob` is not empty. They are
   * fetched in runs of at most `bytesMax` blob bytes (or one row), since a row may have megabytes
   * and a segment thousands of rows.
   */
  *#rows<Row extends EventsRow | ReplacedRow | RequestsRow>(
    segment: number,
    read: {
      readonly blob: "events" | "replaced" | "requests";
      readonly after: RowPlace;
      readonly since: number;
      readonly bytesMax: number;
    },
  ): Generator<Row, void> {
    const from = `FROM ${tableOf(segment)} WHERE length(${read.blob}) > 0 AND time >= ?
      AND (revision, applied, part) > (?, ?, ?)`;
    let { after } = read;
    for (;;) {
      const sizes = this.#sql.all<RowPlace & { readonly size: number }>(
        `SELECT revision, applied, part, length(${read.blob}) AS size ${from}
         ORDER BY revision, applied, part LIMIT ?`,
        read.since,
        ...columnsOf(after),
        ROWS_SIZED,
      );
      const last = lastFitting(sizes, read.bytesMax);
      if (last === undefined) return;
      yield* this.#sql.all<Row>(
        `SELECT revision, applied, part, ${read.blob} ${from}
         AND (revision, applied, part) <= (?, ?, ?) ORDER BY revision, applied, part`,
        read.since,
        ...columnsOf(after),
        ...columnsOf(last),
      );
      after = last;
    }
  }
}

const columnsOf = (place: RowPlace): readonly [number, number, number] => [
  place.revision,
  place.applied,
  place.part,
];

const bytesOf = (change: RevisionEvents): number =>
  change.events.reduce((bytes, event) => bytes + keyEventBytesMax(event), 0);
