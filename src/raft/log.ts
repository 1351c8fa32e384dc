// Owns the node's view of its log: which entries match another log, what is committed, and what was
// handed out for applying. The entries themselves are storage's.
//
//   first             delivered      commit             last
//     |  applied by owner  |  to apply  |  may be overwritten  |

import { assert, present } from "../base/assert.ts";
import { APPEND_BYTES_MAX, APPLY_BYTES_MAX } from "../base/limits.ts";
import { asLogIndex, nextIndex } from "../base/types.ts";
import type { LogIndex, MemberId, Term } from "../base/types.ts";
import { authorOf } from "./entry-codec.ts";
import { assertKeepsCommitted } from "./invariants.ts";
import type { Entry, Payload, RaftStorage } from "./types.ts";

/** An index and the term of its entry there. */
export interface LogPosition {
  readonly index: LogIndex;
  readonly term: Term;
}

/** Invariant: applied when constructed <= delivered <= commit <= lastIndex. */
export class RaftLog {
  readonly #storage: RaftStorage;
  #commit: LogIndex;
  #delivered: LogIndex;
  /** The first entry of this log that was overwritten, as it was. */
  #overwritten: LogPosition | null = null;

  /** `applied` is what the owner's state machine holds; it was committed, so commit starts there. */
  constructor(storage: RaftStorage, applied: LogIndex) {
    assert(applied <= storage.lastIndex(), "what was applied is in the log");
    assert(nextIndex(applied) >= storage.firstIndex(), "what comes after the applied is held");
    this.#storage = storage;
    this.#commit = applied;
    this.#delivered = applied;
  }

  get commit(): LogIndex {
    return this.#commit;
  }

  /** The last index that was handed out for applying. */
  get delivered(): LogIndex {
    return this.#delivered;
  }

  get firstIndex(): LogIndex {
    return this.#storage.firstIndex();
  }

  get last(): LogPosition {
    const index = this.#storage.lastIndex();
    return { index, term: present(this.termAt(index), "the last entry's term is held") };
  }

  get lastIndex(): LogIndex {
    return this.#storage.lastIndex();
  }

  /** The term at `index`; null when the entry is not held. */
  termAt(index: LogIndex): Term | null {
    return this.#storage.termAt(index);
  }

  /** Whether a log that ends at `other` is at least as up-to-date as this one (Raft §5.4.1). */
  isUpToDate(other: LogPosition): boolean {
    const own = this.last;
    return other.term > own.term || (other.term === own.term && other.index >= own.index);
  }

  /**
   * Whether this log has that entry, and so all before it (Log Matching, Raft §5.3). One that was
   * committed and then trimmed counts as had: every later leader's log has it too (§5.4).
   */
  matches(position: LogPosition): boolean {
    const term = this.termAt(position.index);
    return term === null ? position.index <= this.#commit : term === position.term;
  }

  /** Appends a leader's own entries in `term` and returns the first one's index. */
  append(payloads: readonly Payload[], term: Term): LogIndex {
    const first = nextIndex(this.lastIndex);
    const entries = payloads.map(({ kind, data }, position) => ({
      index: nextIndex(first, position),
      term,
      kind,
      data,
    }));
    this.#storage.append(entries);
    return first;
  }

  /**
   * Takes over a leader's entries, which follow one that matches. What is already here stays as it
   * is: a late append must not cut off what a later one has brought.
   */
  merge(entries: readonly Entry[]): void {
    const fresh = entries.findIndex((entry) => !this.matches(entry));
    if (fresh === -1) return;
    const from = entries[fresh]!.index;
    const former = this.termAt(from);
    if (former !== null) {
      assertKeepsCommitted(this.#commit, from);
      if (from < (this.#overwritten?.index ?? Infinity)) {
        this.#overwritten = { index: from, term: former };
      }
    }
    this.#storage.append(entries.slice(fresh));
  }

  /**
   * The index from which on former entries of this log can never commit, once that is certain;
   * then null again. It is not certain when they are overwritten here: until what replaced them
   * commits, another replica may still hold them, win an election, and bring them back.
   */
  takeOverwritten(): LogIndex | null {
    const former = this.#overwritten;
    if (former === null || former.index > this.#commit) return null;
    this.#overwritten = null;
    return this.matches(former) ? null : former.index;
  }

  /**
   * Before new entries of one's own: they must not be taken for the former ones. The fate of those
   * shows when something is applied in their place.
   */
  forgetOverwritten(): void {
    this.#overwritten = null;
  }

  /** Raises the commit index to `index`, if that is higher. Returns whether it was. */
  commitTo(index: LogIndex): boolean {
    if (index <= this.#commit) return false;
    assert(index <= this.lastIndex, `committed entry ${index} is in the log`);
    this.#commit = index;
    return true;
  }

  /** Whether `deliver` or `takeOverwritten` may return something. */
  get hasUndelivered(): boolean {
    const settled = this.#overwritten !== null && this.#overwritten.index <= this.#commit;
    return settled || this.#delivered < this.#commit;
  }

  /** The next committed entries to apply, at most about APPLY_BYTES_MAX of them. */
  deliver(): Entry[] {
    if (this.#delivered === this.#commit) return [];
    const end = nextIndex(this.#commit);
    const entries = this.#storage.entries(nextIndex(this.#delivered), end, APPLY_BYTES_MAX);
    this.#delivered = present(entries.at(-1), "committed entries are held").index;
    return entries;
  }

  /** Drops entries up to `index` at most, which the owner has applied and can give as a snapshot. */
  trim(index: LogIndex): void {
    assert(index <= this.#delivered, "only what was applied is trimmed");
    this.#storage.trim(index);
  }

  /** Entries for one append, from `first` to the end of the log or about APPEND_BYTES_MAX. */
  entriesToSend(first: LogIndex): Entry[] {
    if (first > this.lastIndex) return [];
    return this.#storage.entries(first, nextIndex(this.lastIndex), APPEND_BYTES_MAX);
  }

  /**
   * A follower's hint after it refused `refused`: the last of its entries that may agree with the
   * leader's log. Entries of terms above `refused.term` cannot, since there the leader has lower
   * ones (Raft §5.3, end). What is committed does agree, so the search ends there.
   */
  hintFor(refused: LogPosition): LogPosition {
    assert(refused.index > this.#commit, "a leader's log agrees with what is committed");
    const high = asLogIndex(Math.min(refused.index, this.lastIndex));
    const index = this.#lastOfTermAtMost(refused.term, this.#commit, high);
    return { index, term: this.termAt(index) ?? refused.term };
  }

  /**
   * A leader's answer to such a hint: the last index at which both logs may agree. The follower
   * has no term above `hint.term` up to `hint.index`, so entries above it here cannot match.
   */
  agreementWith(hint: LogPosition): LogIndex {
    const low = asLogIndex(this.firstIndex - 1);
    const high = asLogIndex(Math.min(hint.index, this.lastIndex));
    return high <= low ? high : this.#lastOfTermAtMost(hint.term, low, high);
  }

  /** Whom the first entry of `term` names as its leader; null when that is not known here. */
  authorOfTerm(term: Term): MemberId | null {
    if (this.last.term !== term) return null;
    const base = this.#storage.base();
    if (base.term === term) return base.author;
    const low = asLogIndex(this.firstIndex - 1);
    const before = this.#lastOfTermAtMost(term - 1, low, this.lastIndex);
    const first = nextIndex(before);
    const entry = this.#storage.entries(first, nextIndex(first), APPEND_BYTES_MAX)[0];
    return authorOf(present(entry, "the first entry of the last term is held"));
  }

  /** The last index in `[low, high]` whose term is at most `term`; `low` when there is none. */
  #lastOfTermAtMost(term: number, low: LogIndex, high: LogIndex): LogIndex {
    let fits = low;
    let above = nextIndex(high);
    // Terms rise with the index: all up to `fits` are low enough, all from `above` on are not.
    while (above - fits > 1) {
      const middle = asLogIndex(fits + Math.floor((above - fits) / 2));
      if (present(this.termAt(middle), "an entry within the log is held") <= term) fits = middle;
      else above = middle;
    }
    return fits;
  }
}
