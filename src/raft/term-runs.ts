// Owns the terms of a log in memory: one run per term, since terms rise with the index.
//
// A log of 1,000,000 entries in terms 1, 1, ..., 4, 4, ... is two runs: (1 from 1), (4 from 700001).

import { assert } from "../base/assert.ts";
import type { LogIndex, Term } from "../base/types.ts";

interface Run {
  readonly term: Term;
  /** The first index of the term; it lasts until the next run's. */
  readonly first: LogIndex;
}

/** Which term each index has. Knows nothing of where the log ends: its owner asks within it. */
export class TermRuns {
  #runs: Run[] = [];

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

  /** The term at `index`, which must not lie before the first run. */
  termAt(index: LogIndex): Term {
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
    return run.term;
  }
}
