// Owns physical compaction on one replica: a slice at a time, with requests in between, and the
// calls that wait for its end.

import { COMPACTION_SLICE_ROWS, SWEEP_PAUSE_MS } from "../base/limits.ts";
import { later, type Milliseconds } from "../base/types.ts";
import type { Store } from "../mvcc/store.ts";

export class Sweeper {
  readonly #store: Store;
  #waiting: number[] = [];
  #due: Milliseconds | null;

  /** What an earlier life of the replica left unswept is swept now. */
  constructor(store: Store, now: Milliseconds) {
    this.#store = store;
    this.#due = store.sweepPending ? now : null;
  }

  /** When the next slice is due; null when there is nothing to sweep. */
  get due(): Milliseconds | null {
    return this.#due;
  }

  /** The store was compacted. */
  start(now: Milliseconds): void {
    this.#due ??= now;
  }

  /** `call` is answered when everything that is compacted now has been deleted. */
  wait(call: number): void {
    this.#waiting.push(call);
  }

  /** Deletes one slice if it is due; returns the calls whose wait has ended. */
  sweep(now: Milliseconds): number[] {
    if (this.#due === null || now < this.#due) return [];
    const hasMore = this.#store.sweep(COMPACTION_SLICE_ROWS);
    this.#due = hasMore ? later(now, SWEEP_PAUSE_MS) : null;
    if (hasMore) return [];
    const done = this.#waiting;
    this.#waiting = [];
    return done;
  }
}
