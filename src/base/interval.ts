// Owns etcd's way of naming keys: (key, range_end) pairs and the half-open interval they mean.

import { compareBytes, equalBytes } from "./bytes.ts";
import type { Bytes } from "./types.ts";

/** The one byte `\0`: as range_end it means "without end", as key "from the first key on". */
export const ZERO_BYTE: Bytes = new Uint8Array([0]);

/** The keys `[start, end)`; `end` null means "all keys from start on". */
export interface Interval {
  readonly start: Bytes;
  readonly end: Bytes | null;
}

/**
 * The interval that etcd means by `key` and `rangeEnd`: an empty `rangeEnd` is the single key, the
 * one byte `\0` is "without end". `rangeEnd <= key` gives an empty interval, not an error.
 */
export function intervalOf(key: Bytes, rangeEnd: Bytes): Interval {
  if (rangeEnd.length === 0) return { start: key, end: successor(key) };
  if (equalBytes(rangeEnd, ZERO_BYTE)) return { start: key, end: null };
  return { start: key, end: rangeEnd };
}

/** The first key after `key`: the key with one `\0` byte appended. */
export function successor(key: Bytes): Bytes {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

/** The range_end that makes `key` a prefix; `\0` (without end) when all bytes are 0xff. */
export function prefixEnd(key: Bytes): Bytes {
  for (let last = key.length - 1; last >= 0; last--) {
    if (key[last]! < 0xff) {
      const end = key.slice(0, last + 1);
      end[last]! += 1;
      return end;
    }
  }
  return ZERO_BYTE;
}

export const containsKey = (interval: Interval, key: Bytes): boolean =>
  compareBytes(interval.start, key) <= 0 &&
  (interval.end === null || compareBytes(key, interval.end) < 0);

/** Whether the interval is that of a single key, by whatever bounds it was named. */
export const isOneKey = ({ start, end }: Interval): boolean =>
  end !== null &&
  end.length === start.length + 1 &&
  end[start.length] === 0 &&
  equalBytes(start, end.subarray(0, start.length));

export const isEmptyInterval = (interval: Interval): boolean =>
  interval.end !== null && compareBytes(interval.end, interval.start) <= 0;
