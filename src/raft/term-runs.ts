// Owns the terms of a log in memory: one run per term, since terms rise with the index.
//
// A log of 1,000,000 entries in terms 1, 1, ..., 4, 4, ... is two runs: (1 from 1), (4 from 700001).
// What lies before the log, of which the term is known too, is a run from its index on: (0 from 0)
// in a whole log.

import { assert } from "../base/assert.ts";
import type { LogIndex, Term } from "../base/types.ts";

export interface TermRun {
  readonly term: Term;
  /** The first index of the term; it lasts until the next run's. */
  readonly first: LogIndex;
}

/** Which term each index has. Knows nothing of where the log ends: its owner asks within it. */
export class TermRuns {
  #runs: TermRun[] = [];

  /** Entries from `first` on, behind all others, have `term`. */
  push(first: LogIndex, term: Term): void {
    const last = this.#runs.at(-1);
    if (last?.term === term) return;
    assert(last === undefined || last.term < term, "terms rise with the index");
    this.#runs.push({ term, first });
  }

  /** Forgets all entries from `from` on. */
  truncate(from: LogIndex): void {
    while ((this.#runs.at(-1)?.first ?? -1) >= from) this.#runs.pop();
  }

  /** Forgets what is known of the indexes before `index` only. */
  forgetBefore(index: LogIndex): void {
    const kept = this.#runs.findLastIndex((run) => run.first <= index);
    this.#runs.splice(0, Math.max(kept, 0));
  }

  /** The term at `index`, which must not lie before the first run. */
  termAt(index: LogIndex): Term {
    return this.at(index).term;
  }

  /** The run that `index` belongs to; it must not lie before the first. */
  at(index: LogIndex): TermRun {
    let low = 0;
    let high = this.#runs.length;
    // Runs before `low` start at or before `index`, runs from `high` on start after it.
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#runs[middle]!.first <= index) low = middle + 1;
      else high = middle;
    }
    const run = this.#runs[low - 1];
    assert(run !== undefined, `the term at ${index} is known`);
    return run;
  }
}
