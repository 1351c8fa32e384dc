// Owns the versions that stand in the history: those that plain puts replaced. Each stands beside the
// event that replaced it, in the row of its batch, so that it costs no row and no page of its own. Those
// that anything else superseded stand in `old`, in the order of keys: what deletions leave must be
// found by key, and what is large must not pass through memory.

import { assert, present } from "../base/assert.ts";
import { equalBytes } from "../base/bytes.ts";
import { REPLACED_KNOWN_BYTES_MAX } from "../base/limits.ts";
import type { Bytes, Revision } from "../base/types.ts";
import { unpackReplaced, type Replaced } from "./history-row.ts";
import type { Segments } from "./segments.ts";
import { firstChangeAfter } from "./trail.ts";

export class ReplacedVersions {
  readonly #segments: Segments;
  /** Of the batch under way. Like the others by the revision that replaced them, at which one is. */
  #pending = new Map<number, Replaced>();
  /** Of the rows read last, which never change. */
  readonly #known = new Map<number, Replaced>();
  #knownBytes = 0;

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
    const here = this.#pending.get(until) ?? this.#known.get(until) ?? this.#read(until);
    return here !== undefined && equalBytes(here.kv.key, key) ? here : null;
  }

  /**
   * The version of the key that is visible at `revision`, which is readable, among those on the way that
   * the trail shows; null when there is none.
   */
  visibleAt(key: Bytes, trail: Bytes, revision: Revision): Replaced | null {
    for (let rest: Bytes | null = trail; rest !== null;) {
      const until = firstChangeAfter(rest, revision);
      if (until === null) return null;
      const replaced = present(this.find(key, until), `what revision ${until} replaced is there`);
      if (replaced.kv.modRevision <= revision) return replaced;
      assert(replaced.kv.modRevision < until, "a trail leads back");
      rest = replaced.trail;
    }
    return null;
  }

  /** Forgets all rows' and takes those of the batch under way: none is found in the history any more. */
  clear(): readonly Replaced[] {
    this.#known.clear();
    this.#knownBytes = 0;
    this.#segments.clearReplaced();
    return [...this.take().values()];
  }

  /** Reads the row of the batch that `until` was in. */
  #read(until: Revision): Replaced | undefined {
    const packed = this.#segments.replacedBy(until);
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
