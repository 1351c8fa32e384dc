// Owns the versions that stand in the history: those that plain puts replaced. Each stands beside the
// event that replaced it, in the row of its batch, so that it costs no row and no page of its own. Those
// that anything else superseded stand in `old`, in the order of keys: what deletions leave must be
// found by key, and what is large must not pass through memory.

import { assert, present } from "../base/assert.ts";
import { equalBytes } from "../base/bytes.ts";
import type { KeyValue } from "../base/kv.ts";
import { REPLACED_KNOWN_BYTES_MAX } from "../base/limits.ts";
import type { Bytes, Revision } from "../base/types.ts";
import { unpackReplaced, type Replaced } from "./history-row.ts";
import type { Segments } from "./segments.ts";
import { firstChangeAfter } from "./trail.ts";

/** A key, and the trail of a version of it. */
interface Trailed {
  readonly key: Bytes;
  readonly trail: Bytes;
}

/** Where the way to a version goes on: the change at `until` replaced the next to look at. */
interface Step {
  readonly index: number;
  readonly key: Bytes;
  readonly until: Revision;
}

/** None when the trail names nothing after the revision. */
function stepOf(way: Omit<Step, "until">, trail: Bytes | null, revision: Revision): Step[] {
  const until = trail === null ? null : firstChangeAfter(trail, revision);
  return until === null ? [] : [{ ...way, until }];
}

export class ReplacedVersions {
  readonly #segments: Segments;
  /** Of the batch under way. Like the others by the revision that replaced them, at which one is. */
  #pending = new Map<number, Replaced>();
  /** Of the rows read last, which never change. */
  readonly #known = new Map<number, Replaced>();
  #knownBytes = 0;
  /** The revisions of the row read last, as far as is known; they may have replaced nothing. */
  #lastRead = { from: 0, to: -1 };

  constructor(segments: Segments) {
    this.#segments = segments;
  }

  /** A put of the batch under way has replaced it. */
  add(replaced: Replaced): void {
    this.#pending.set(replaced.until, replaced);
  }

  /** Those of the batch under way, which ends with that. */
  take(): ReadonlyMap<number, Replaced> {
    const taken = this.#pending;
    this.#pending = new Map();
    return taken;
  }

  /** The version of the key that the change at `until` replaced; null when it is not here. */
  find(key: Bytes, until: Revision): Replaced | null {
    const here = this.#pending.get(until) ?? this.#known.get(until) ?? this.#readOnce(until);
    return here !== undefined && equalBytes(here.kv.key, key) ? here : null;
  }

  /**
   * Of each of these trails' keys the version that is visible at `revision`, which is readable; null when
   * there is none on the way that the trail shows. All go a step together, those whose next lie in one row
   * one after another: it is read once for them.
   */
  visibleAt(trailed: readonly Trailed[], revision: Revision): (KeyValue | null)[] {
    const visible: (KeyValue | null)[] = trailed.map(() => null);
    let steps = trailed.flatMap(({ key, trail }, index) => stepOf({ index, key }, trail, revision));
    while (steps.length > 0) {
      steps.sort((a, b) => a.until - b.until);
      steps = steps.flatMap(({ index, key, until }) => {
        const replaced = present(this.find(key, until), `what revision ${until} replaced is there`);
        const { kv, trail } = replaced;
        if (kv.modRevision <= revision) visible[index] = kv;
        assert(kv.modRevision < until, "a trail leads back");
        return visible[index] === null ? stepOf({ index, key }, trail, revision) : [];
      });
    }
    return visible;
  }

  /** Forgets all rows' and takes those of the batch under way: none is found in the history any more. */
  clear(): readonly Replaced[] {
    this.#known.clear();
    this.#knownBytes = 0;
    this.#lastRead = { from: 0, to: -1 };
    this.#segments.clearReplaced();
    return [...this.take().values()];
  }

  /** What it replaced is not known: nothing, if its row was read last. */
  #readOnce(until: Revision): Replaced | undefined {
    const { from, to } = this.#lastRead;
    return until >= from && until <= to ? undefined : this.#read(until);
  }

  /** Reads the row of the batch that `until` was in. */
  #read(until: Revision): Replaced | undefined {
    const row = this.#segments.replacedBy(until);
    if (row === null) return undefined;
    this.#lastRead = { from: until, to: row.revision };
    const { replaced: packed } = row;
    if (packed === null) return undefined;
    if (this.#knownBytes + packed.length > REPLACED_KNOWN_BYTES_MAX) {
      this.#known.clear();
      this.#knownBytes = 0;
    }
    this.#knownBytes += packed.length;
    for (const replaced of unpackReplaced(packed)) this.#known.set(replaced.until, replaced);
    return this.#known.get(until);
  }
}
