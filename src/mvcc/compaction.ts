// Owns compaction: the logical step, one row, after which older revisions cannot be read; and the
// sweep, which frees what no readable revision shows, in slices that hold no request up.
//
// Nothing a reader can tell depends on how far a sweep has come, so replicas sweep when they like.

import { present } from "../base/assert.ts";
import { EMPTY } from "../base/bytes.ts";
import { REQUEST_WINDOW_MS } from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import type { Refusal } from "../base/refusal.ts";
import { accept, refuse, type Result } from "../base/result.ts";
import { asRevision, type Bytes, type ClusterTime, type Revision } from "../base/types.ts";
import type { RowHead, Segments } from "./segments.ts";

/** A place in `old`, whose rows are ordered by (key, until). */
interface OldPlace {
  readonly key: Bytes;
  readonly until: number;
}

/** Before every row: no key is empty. */
const BEGINNING: OldPlace = { key: EMPTY, until: 0 };

/** A walk through `old` under way. Its target stands still while compaction goes on. */
interface Walk {
  readonly target: Revision;
  readonly after: OldPlace;
}

export class Compaction {
  readonly #sql: SqlPort;
  readonly #segments: Segments;
  #compacted: Revision;
  #swept: Revision;
  /** In memory only: a snapshot that is being sent ends with the life of its sender. */
  readonly #pins = new Set<object>();
  /** In memory only: after a restart the walk begins anew and finds little left. */
  #walk: Walk | null = null;
  /** The oldest segment, of several, and its last row: it is written no more. */
  #oldest: { readonly segment: number; readonly last: RowHead } | null = null;

  constructor(sql: SqlPort, segments: Segments) {
    this.#sql = sql;
    this.#segments = segments;
    const [row] = sql.all<{ compacted: number; swept: number }>(
      "SELECT compacted, swept FROM meta WHERE id = 0",
    );
    const { compacted, swept } = present(row, "meta has its row");
    this.#compacted = asRevision(compacted);
    this.#swept = asRevision(swept);
  }

  /** The lowest revision that can be read; -1 when never compacted. */
  get compacted(): Revision {
    return this.#compacted;
  }

  /** Whether all that was compacted has been deleted. */
  get isSwept(): boolean {
    return this.#swept >= this.#compacted;
  }

  /** False under a pin: what it shows may stand in any row. */
  get sweepPending(): boolean {
    return !this.isSwept && this.#pins.size === 0;
  }

  /**
   * From when on `dropLeftover` has something to do: a segment that the sweep had to leave, since its
   * requests could be repeated. Null when it has left none.
   */
  get leftoverDue(): number | null {
    const [oldest] = this.#segments.numbers;
    if (oldest === undefined || this.#segments.numbers.length === 1) return null;
    if (this.#oldest?.segment !== oldest) {
      this.#oldest = { segment: oldest, last: this.#segments.lastHeadOf(oldest) };
    }
    const { last } = this.#oldest;
    return last.revision < this.#swept && this.#pins.size === 0
      ? last.time + REQUEST_WINDOW_MS + 1
      : null;
  }

  /** Drops the oldest segment if that is due at cluster time `time`. */
  dropLeftover(time: ClusterTime): void {
    const due = this.leftoverDue;
    if (due !== null && due <= time) this.#dropSegment(this.#swept, time);
  }

  /** Whether there is a pin. */
  get isHeld(): boolean {
    return this.#pins.size > 0;
  }

  /** Nothing is freed until `pin` is released. */
  hold(pin: object): void {
    this.#pins.add(pin);
  }

  release(pin: object): void {
    this.#pins.delete(pin);
  }

  /** Whether `pin` stands. */
  holds(pin: object): boolean {
    return this.#pins.has(pin);
  }

  /** Ends all pins. */
  releaseAll(): void {
    this.#pins.clear();
  }

  /** Compacts logically; `latest` is the store's revision, which may be compacted itself. */
  compact(revision: number, latest: Revision): Result<null, Refusal> {
    if (revision <= this.#compacted) return refuse("compacted");
    if (revision > latest) return refuse("futureRevision");
    this.#compacted = asRevision(revision);
    this.#sql.run("UPDATE meta SET compacted = ? WHERE id = 0", revision);
    return accept(null);
  }

  /**
   * One slice: looks at `rowsMax` superseded versions, or drops one segment. Returns whether more
   * remains. `time` is the present cluster time: requests applied of late are kept.
   */
  sweep(rowsMax: number, time: ClusterTime): boolean {
    if (!this.sweepPending) return false;
    const walk = this.#walk ?? { target: this.#compacted, after: BEGINNING };
    const reached = this.#placeAfter(walk.after, rowsMax);
    this.#deleteSuperseded(walk, reached);
    if (reached !== null) {
      this.#walk = { target: walk.target, after: reached };
      return true;
    }
    if (this.#dropSegment(walk.target, time)) {
      this.#walk = walk;
      return true;
    }
    this.#walk = null;
    this.#swept = walk.target;
    this.#sql.run("UPDATE meta SET swept = ? WHERE id = 0", walk.target);
    return this.sweepPending;
  }

  /** The place of the `rows`-th row after another; null when fewer are left. */
  #placeAfter(after: OldPlace, rows: number): OldPlace | null {
    const [place] = this.#sql.all<{ key: Bytes; until: number }>(
      `SELECT key, until FROM old WHERE (key, until) > (?, ?)
       ORDER BY key, until LIMIT 1 OFFSET ?`,
      after.key,
      after.until,
      rows - 1,
    );
    return place ?? null;
  }

  /** Deletes the versions after a place, up to another or to the end, that nobody can read. */
  #deleteSuperseded({ target, after }: Walk, upTo: OldPlace | null): void {
    const end = upTo === null ? "" : "AND (key, until) <= (?, ?)";
    this.#sql.run(
      `DELETE FROM old WHERE (key, until) > (?, ?) ${end} AND until <= ?`,
      after.key,
      after.until,
      ...(upTo === null ? [] : [upTo.key, upTo.until]),
      target,
    );
  }

  /**
   * Drops the oldest segment if all of it lies before the target (whose own events are still
   * watched) and its requests are past being repeated. Never the newest: it is the applied index.
   */
  #dropSegment(target: Revision, time: ClusterTime): boolean {
    const [oldest] = this.#segments.numbers;
    if (oldest === undefined || this.#segments.numbers.length === 1) return false;
    const last = this.#segments.lastHeadOf(oldest);
    if (last.revision >= target || last.time >= time - REQUEST_WINDOW_MS) return false;
    this.#segments.dropOldest();
    return true;
  }
}
