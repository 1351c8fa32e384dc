// Owns the newest entries of a log in memory, so that sending and applying what was just appended
// reads no rows.

import { assert } from "../base/assert.ts";
import type { LogIndex } from "../base/types.ts";
import type { Entry } from "./types.ts";

/** 4 MiB: a few seconds of writes; all replicas of an isolate share its 128 MB. */
export const ENTRY_CACHE_BYTES_MAX = 4_194_304;

/** What an entry takes in memory beside its data, roughly. */
const ENTRY_OVERHEAD_BYTES = 100;

/** Consecutive entries up to the end of the log; the oldest make room for the newest. */
export class EntryCache {
  #entries: Entry[] = [];
  /** Entries before this position were evicted and wait to be cut off together. */
  #head = 0;
  #bytes = 0;

  /** The entry at `index`, or null when it must be read from its row. */
  at(index: LogIndex): Entry | null {
    const oldest = this.#entries[this.#head];
    if (oldest === undefined || index < oldest.index) return null;
    return this.#entries[this.#head + index - oldest.index] ?? null;
  }

  /** Takes in entries that follow on those held. */
  push(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const newest = this.#entries.at(-1);
      assert(newest === undefined || entry.index === newest.index + 1, "no gap in the cache");
      this.#entries.push(entry);
      this.#bytes += cost(entry);
    }
    this.#evict();
  }

  /** Forgets all entries from `from` on. */
  truncate(from: LogIndex): void {
    while (this.#entries.length > this.#head && this.#entries.at(-1)!.index >= from) {
      this.#bytes -= cost(this.#entries.pop()!);
    }
    // What was evicted must not be taken for the newest entry.
    if (this.#entries.length === this.#head) this.#cut();
  }

  #evict(): void {
    while (this.#bytes > ENTRY_CACHE_BYTES_MAX) this.#bytes -= cost(this.#entries[this.#head++]!);
    if (this.#head * 2 > this.#entries.length) this.#cut();
  }

  #cut(): void {
    this.#entries.splice(0, this.#head);
    this.#head = 0;
  }
}

const cost = (entry: Entry): number => entry.data.length + ENTRY_OVERHEAD_BYTES;
