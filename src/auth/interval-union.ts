// Owns unions of key intervals: what several permissions allow together. Intervals that touch are
// one, so that a range is contained in the union exactly when it is contained in one of its parts.

import { compareBytes } from "../base/bytes.ts";
import type { Interval } from "../base/interval.ts";

/** The union of the intervals: in order, apart from each other, none empty. */
export function unite(intervals: readonly Interval[]): readonly Interval[] {
  const sorted = intervals
    .filter((interval) => !isBefore(interval.end, interval.start))
    .toSorted((a, b) => compareBytes(a.start, b.start));
  const union: Interval[] = [];
  for (const interval of sorted) {
    const last = union.at(-1);
    if (last === undefined || isApart(last, interval)) union.push(interval);
    else if (isLonger(interval, last)) union[union.length - 1] = { ...last, end: interval.end };
  }
  return union;
}

/** Whether all of `interval` lies in the union. Logarithmic in the number of its parts. */
export function covers(union: readonly Interval[], interval: Interval): boolean {
  let low = 0;
  let high = union.length;
  // The last part that begins at or before the interval: no other can contain its start.
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes(union[middle]!.start, interval.start) <= 0) low = middle + 1;
    else high = middle;
  }
  const part = union[low - 1];
  if (part === undefined || isBefore(part.end, interval.start)) return false;
  return !isLonger(interval, part);
}

/** Whether an interval that ends at `end` has nothing at or behind `start`. */
const isBefore = (end: Interval["end"], start: Interval["start"]): boolean =>
  end !== null && compareBytes(end, start) <= 0;

const isApart = (a: Interval, b: Interval): boolean =>
  a.end !== null && compareBytes(a.end, b.start) < 0;

/** Whether `a` ends behind `b`. */
function isLonger(a: Interval, b: Interval): boolean {
  if (b.end === null) return false;
  return a.end === null || compareBytes(a.end, b.end) > 0;
}
