// Owns remembered counts: how many keys an interval has at a revision. Counting a million keys
// takes a few hundred milliseconds, and a list in pages would pay that for each page. What a
// revision shows never changes, so a count stays true for as long as it is kept.

import { bytesKey } from "../base/bytes.ts";
import type { Interval } from "../base/interval.ts";
import { COUNT_BOUND_BYTES_MAX, COUNTS_REMEMBERED_MAX } from "../base/limits.ts";
import type { Revision } from "../base/types.ts";

export class CountMemory {
  /** The oldest first, as a Map keeps them. */
  readonly #counts = new Map<string, number>();

  recall(revision: Revision, interval: Interval): number | undefined {
    const name = nameOf(revision, interval);
    return name === null ? undefined : this.#counts.get(name);
  }

  remember(revision: Revision, interval: Interval, count: number): void {
    const name = nameOf(revision, interval);
    if (name === null) return;
    this.#counts.delete(name);
    this.#counts.set(name, count);
    if (this.#counts.size <= COUNTS_REMEMBERED_MAX) return;
    for (const oldest of this.#counts.keys()) {
      this.#counts.delete(oldest);
      return;
    }
  }
}

/** Null when a bound is too long to be worth its memory. */
function nameOf(revision: Revision, { start, end }: Interval): string | null {
  if (start.length > COUNT_BOUND_BYTES_MAX) return null;
  if (end !== null && end.length > COUNT_BOUND_BYTES_MAX) return null;
  return `${revision}/${start.length}/${bytesKey(start)}/${end === null ? "" : bytesKey(end)}`;
}
