// Owns a node's term and vote: the hard state, written when it changes and only then.

import { assert } from "../base/assert.ts";
import type { MemberId, Term } from "../base/types.ts";
import type { HardState, RaftStorage } from "./types.ts";

/** Term and vote, always as they are stored. */
export class Ballot {
  readonly #storage: RaftStorage;
  #state: HardState;

  constructor(storage: RaftStorage) {
    this.#storage = storage;
    this.#state = storage.hardState();
  }

  get term(): Term {
    return this.#state.term;
  }

  /** Whom this node has voted for in its term. */
  get vote(): MemberId | null {
    return this.#state.vote;
  }

  /** Enters a later term, having voted for `vote` in it. */
  enter(term: Term, vote: MemberId | null): void {
    assert(term > this.term, `term ${term} comes after ${this.term}`);
    this.#save({ term, vote });
  }

  /** Votes for `candidate` in this term; a repeated vote writes nothing. */
  cast(candidate: MemberId): void {
    if (this.vote === candidate) return;
    assert(this.vote === null, "a voter votes once in a term (Raft §5.2)");
    this.#save({ term: this.term, vote: candidate });
  }

  #save(state: HardState): void {
    this.#storage.saveHardState(state);
    this.#state = state;
  }
}
