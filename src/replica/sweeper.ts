// Owns physical compaction on one replica: a slice at a time, with requests in between, and the
// calls that wait for its end.

import { COMPACTION_SLICE_ROWS, SWEEP_PAUSE_MS } from "../base/limits.ts";
import { later, type Milliseconds } from "../base/types.ts";
import type { Store } from "../mvcc/store.ts";

export class Sweeper {
  readonly #store: Store;
  #waiting: number[] = [];
  #due: Milliseconds | null = null;

  constructor(store: Store) {
    this.#store = store;
  }

  /** When the next slice is due; null when there is nothing to sweep. */
  get due(): Milliseconds | null {
    return this.#due;
  }

  /** Begins if there is something to sweep: the store was compacted, or a pin was released. */
  follow(now: Milliseconds): void {
    if (this.#store.sweepPending) this.#due ??= now;
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
    // Under a pin there is more, which waits for its release.
    if (!this.#store.isSwept) return [];
    const done = this.#waiting;
    this.#waiting = [];
    return done;
  }
}
