// Owns the reads that wait for a leader's confirmation (ReadIndex, Raft thesis §6.4).
//
// One round of heartbeats serves all reads that had arrived when it left, and none that arrived
// later: an answer says "you led when your heartbeat reached me", so it proves nothing about
// entries that another leader may have committed since. Hence:
//
//   add(a) add(b)   begin -> round 7   add(c)   answers to 7: a, b   begin -> round 8 ...
//
// An answer to round 8 also confirms round 7, whose reads arrived earlier still. Round numbers never
// repeat within an incarnation, even across leaderships: answers to an old one confirm nothing new.
// How many may wait (READS_WAITING_MAX) is the owner's to bound, who can refuse a client.

import type { LogIndex } from "../base/types.ts";
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

  /** The number of the latest round; 0 before the first. */
  get latest(): number {
    return this.#round;
  }

  /** Begins a round for all reads that have arrived, to be answered at `commit` or later. */
  begin(commit: LogIndex): void {
    this.#round++;
    for (const token of this.#arrived) {
      this.#underway.push({ token, index: commit, round: this.#round });
    }
    this.#arrived = [];
  }

  /** A quorum has answered `round` or a later one: the reads that this confirms. */
  confirm(round: number): ReadyRead[] {
    const confirmed = this.#underway.filter((read) => read.round <= round);
    if (confirmed.length > 0) this.#underway = this.#underway.filter((read) => read.round > round);
    return confirmed.map(({ token, index }) => ({ token, index }));
  }

  /** Gives up all reads, since this node no longer leads. Returns their tokens. */
  abandon(): number[] {
    const tokens = [...this.#underway.map((read) => read.token), ...this.#arrived];
    this.#underway = [];
    this.#arrived = [];
    return tokens;
  }
}
