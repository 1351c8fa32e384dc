// Owns the simplest RaftStorage: arrays in memory. Its state is one immutable image, so that a
// simulated crash can go back to what was confirmed.

import { assert } from "../../src/base/assert.ts";
import { asLogIndex, asTerm } from "../../src/base/types.ts";
import type { LogIndex, MemberId, Term } from "../../src/base/types.ts";
import { authorOf } from "../../src/raft/entry-codec.ts";
import type { Entry, HardState, LogBase, RaftStorage } from "../../src/raft/types.ts";

export interface StorageImage {
  readonly hardState: HardState;
  /** The entry before the first one held, when the log was trimmed; its term may be unknown. */
  readonly trimmed: {
    readonly index: LogIndex;
    readonly term: Term | null;
    /** Who opened that term; unknown when left out. */
    readonly author?: MemberId | null;
  };
  readonly entries: readonly Entry[];
}

export const EMPTY_IMAGE: StorageImage = {
  hardState: { term: asTerm(0), vote: null },
  trimmed: { index: asLogIndex(0), term: asTerm(0) },
  entries: [],
};

/** A log of entries from `trimmed.index + 1` on. */
export class MemoryStorage implements RaftStorage {
  #image: StorageImage;
  /** Calls that wrote something. */
  writes = 0;

  constructor(image: StorageImage = EMPTY_IMAGE) {
    this.#image = image;
  }

  get image(): StorageImage {
    return this.#image;
  }

  hardState(): HardState {
    return this.#image.hardState;
  }

  saveHardState(hardState: HardState): void {
    this.#image = { ...this.#image, hardState };
    this.writes++;
  }

  firstIndex(): LogIndex {
    return asLogIndex(this.#image.trimmed.index + 1);
  }

  base(): LogBase {
    const { index, term, author = null } = this.#image.trimmed;
    return { index, term: term ?? asTerm(0), author };
  }

  /** Drops exactly what it is told to, where a log of tables drops less. */
  trim(index: LogIndex): void {
    const last = this.#at(asLogIndex(Math.min(index, this.lastIndex())));
    if (last === undefined) return;
    const { trimmed, entries } = this.#image;
    const first = entries.find((entry) => entry.term === last.term)!;
    const author = last.term === trimmed.term ? (trimmed.author ?? null) : authorOf(first);
    this.#image = {
      ...this.#image,
      trimmed: { index: last.index, term: last.term, author },
      entries: entries.slice(last.index - trimmed.index),
    };
    this.writes++;
  }

  lastIndex(): LogIndex {
    return asLogIndex(this.#image.trimmed.index + this.#image.entries.length);
  }

  termAt(index: LogIndex): Term | null {
    const { trimmed } = this.#image;
    return index === trimmed.index ? trimmed.term : (this.#at(index)?.term ?? null);
  }

  entries(first: LogIndex, end: LogIndex, bytesMax: number): Entry[] {
    assert(first >= this.firstIndex() && first < end, "entries that are asked for are held");
    assert(end <= this.lastIndex() + 1, "entries that are asked for exist");
    const taken: Entry[] = [];
    let bytes = 0;
    for (let index = first; index < end; index = asLogIndex(index + 1)) {
      const entry = this.#at(index)!;
      bytes += entry.data.length;
      if (taken.length > 0 && bytes > bytesMax) break;
      taken.push(entry);
    }
    return taken;
  }

  append(entries: readonly Entry[]): void {
    const first = entries[0]?.index;
    if (first === undefined) return;
    assert(first >= this.firstIndex() && first <= this.lastIndex() + 1, "an append leaves no gap");
    const kept = this.#image.entries.slice(0, first - this.firstIndex());
    const joined = [...kept, ...entries];
    assert(
      joined.every((entry, position) => entry.index === this.firstIndex() + position),
      "entries of an append are consecutive",
    );
    this.#image = { ...this.#image, entries: joined };
    this.writes++;
  }

  #at(index: LogIndex): Entry | undefined {
    return this.#image.entries[index - this.#image.trimmed.index - 1];
  }
}
