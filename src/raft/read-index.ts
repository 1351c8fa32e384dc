// Owns the reads that wait for a confirmed index (ReadIndex, Raft thesis §6.4).
//
// One round serves all reads that had arrived when it began, and none that arrived later: an answer
// says "you led when your heartbeat reached me", so it proves nothing about entries that another
// leader may have committed since. Hence:
//
//   add(a) add(b)   begin -> round 7   add(c)   answers to 7: a, b   begin -> round 8 ...
//
// A leader's round is one of heartbeats, a follower's is one question to its leader, whose own
// round begins after the question has arrived. An answer to round 8 also confirms round 7, whose
// reads arrived earlier still. Round numbers never repeat within an incarnation, whatever the role:
// answers to an old one confirm nothing new. How many may wait (READS_WAITING_MAX) is the owner's
// to bound, who can refuse a client.

import { asLogIndex, type LogIndex } from "../base/types.ts";
import type { ReadyRead } from "./ready.ts";

interface RoundRead extends ReadyRead {
  readonly round: number;
}

/** Reads in the order of their arrival. One for the life of a node. */
export class ReadRounds {
  #tokens = 0;
  #round = 0;
  #arrived: number[] = [];
  #underway: RoundRead[] = [];

  /** A new read, which no round covers yet. Returns its token. */
  add(): number {
    this.#arrived.push(++this.#tokens);
    return this.#tokens;
  }

  /** Whether reads wait that the latest round does not cover. */
  get wantsRound(): boolean {
    return this.#arrived.length > 0;
  }

  /** Whether a round with reads is unanswered. */
  get isUnderway(): boolean {
    return this.#underway.length > 0;
  }

  /** Whether any read waits. */
  get isIdle(): boolean {
    return this.#arrived.length + this.#underway.length === 0;
  }

  /** The number of the latest round; 0 before the first. */
  get latest(): number {
    return this.#round;
  }

  /**
   * Begins a round for all reads that have arrived, to be answered at `commit` or later; a follower
   * does not know yet, and learns it with the answer.
   */
  begin(commit: LogIndex = asLogIndex(0)): void {
    this.#round++;
    for (const token of this.#arrived) {
      this.#underway.push({ token, index: commit, round: this.#round });
    }
    this.#arrived = [];
  }

  /** `round` or a later one is answered, for a follower with an index: the reads it confirms. */
  confirm(round: number, index: LogIndex = asLogIndex(0)): ReadyRead[] {
    const confirmed = this.#underway.filter((read) => read.round <= round);
    if (confirmed.length > 0) this.#underway = this.#underway.filter((read) => read.round > round);
    return confirmed.map((read) => ({ token: read.token, index: laterOf(read.index, index) }));
  }

  /** Gives up all reads: whom they were asked of leads no more. Returns their tokens. */
  abandon(): number[] {
    const tokens = [...this.#underway.map((read) => read.token), ...this.#arrived];
    this.#underway = [];
    this.#arrived = [];
    return tokens;
  }
}

const laterOf = (a: LogIndex, b: LogIndex): LogIndex => (a > b ? a : b);
