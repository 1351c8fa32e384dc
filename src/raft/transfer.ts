// Owns a transfer of leadership under way (Raft thesis §3.10): to whom, and until when. While it
// lasts the leader takes no proposals, so that the target can catch up; a target that does not win
// in time leaves the leader as it was.

import { later, type MemberId, type Milliseconds } from "../base/types.ts";

export class Transfer {
  readonly target: MemberId;
  readonly #due: Milliseconds;

  /** Given up after `patienceMs`: an election timeout, in which a target that is there has won. */
  constructor(target: MemberId, patienceMs: number, now: Milliseconds) {
    this.target = target;
    this.#due = later(now, patienceMs);
  }

  /** When it is given up. */
  get due(): Milliseconds {
    return this.#due;
  }
}
