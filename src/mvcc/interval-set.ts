// Owns sets of keys given as intervals: sorted, disjoint, merged where they touch. A check of many
// puts against many deletions stays far from quadratic that way.

import { compareBytes } from "../base/bytes.ts";
import { containsKey, isEmptyInterval, type Interval } from "../base/interval.ts";
import type { Bytes } from "../base/types.ts";

export class IntervalSet {
  readonly #intervals: Interval[] = [];

  /** Disjoint, in key order. */
  get intervals(): readonly Interval[] {
    return this.#intervals;
  }

  add(interval: Interval): void {
    if (isEmptyInterval(interval)) return;
    const first = this.#firstEndingAtOrAfter(interval.start);
    let last = first;
    let merged = interval;
    while (last < this.#intervals.length && startsWithin(this.#intervals[last]!, merged)) {
      merged = hull(this.#intervals[last]!, merged);
      last += 1;
    }
    this.#intervals.splice(first, last - first, merged);
  }

  addAll(other: IntervalSet): void {
    for (const interval of other.intervals) this.add(interval);
  }

  has(key: Bytes): boolean {
    // If that one ends right at the key, the next starts beyond: they would have been merged.
    const interval = this.#intervals[this.#firstEndingAtOrAfter(key)];
    return interval !== undefined && containsKey(interval, key);
  }

  /** The position of the first interval whose end is `key` or later. */
  #firstEndingAtOrAfter(key: Bytes): number {
    let low = 0;
    let high = this.#intervals.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { end } = this.#intervals[middle]!;
      if (end !== null && compareBytes(end, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Whether `interval` starts inside `earlier` or right at its end. */
const startsWithin = (interval: Interval, earlier: Interval): boolean =>
  earlier.end === null || compareBytes(interval.start, earlier.end) <= 0;

/** The smallest interval that holds both, which touch or overlap. */
function hull(a: Interval, b: Interval): Interval {
  const start = compareBytes(a.start, b.start) <= 0 ? a.start : b.start;
  if (a.end === null || b.end === null) return { start, end: null };
  return { start, end: compareBytes(a.end, b.end) >= 0 ? a.end : b.end };
}
