// Owns the reads of a follower: it asks its leader for an index, for all reads that wait at once, and
// asks again when no answer comes. What a leader does with the question is `leadership.ts`'s.

import { later, type MemberId, type Milliseconds } from "../base/types.ts";
import type { Core } from "./core.ts";
import type { ReadRounds } from "./read-index.ts";
import type { ReadAnswer } from "./types.ts";

/** Heartbeats after which a question is taken for lost. */
const ASK_AGAIN_HEARTBEATS = 3;

export class ForwardedReads {
  readonly #core: Core;
  readonly #rounds: ReadRounds;
  #askAgainAt = Infinity;

  constructor(core: Core, rounds: ReadRounds) {
    this.#core = core;
    this.#rounds = rounds;
  }

  /** When the question is to be asked again; Infinity while none is open. */
  get due(): number {
    return this.#askAgainAt;
  }

  /** Asks `leader` on behalf of all reads that wait. */
  ask(leader: MemberId, at: Milliseconds): void {
    const { ballot, incarnation, outbox, timing } = this.#core;
    this.#rounds.begin();
    const { latest: round } = this.#rounds;
    outbox.send({ kind: "readRequest", to: leader, term: ballot.term, incarnation, round });
    this.#askAgainAt = later(at, ASK_AGAIN_HEARTBEATS * timing.heartbeatMs);
  }

  /** The answer to the latest question of this instance, or to an earlier one. */
  onAnswer({ from, incarnation, round, index }: ReadAnswer, at: Milliseconds): void {
    if (incarnation !== this.#core.incarnation) return;
    this.#core.outbox.confirmReads(this.#rounds.confirm(round, index));
    this.stop();
    if (!this.#rounds.isIdle) this.ask(from, at);
  }

  /** Asks no more: the reads are answered, or given up. */
  stop(): void {
    this.#askAgainAt = Infinity;
  }
}
