// Owns the durations that a node runs on, and the steady time it measures them with. Wrong ones cost
// latency or an election; never safety.

import { assert } from "../base/assert.ts";
import { asMilliseconds, later, type Milliseconds } from "../base/types.ts";
import { Random } from "./random.ts";

/** Durations in milliseconds. */
export interface Timing {
  /** A leader is silent towards a peer for no longer than this. About twice the round trip. */
  readonly heartbeatMs: number;
  /**
   * A follower campaigns after a random silence in `[electionMsMin, electionMsMax)`. Until the
   * minimum has passed it denies its vote to others ("leader stickiness", Raft thesis §4.2.3).
   */
  readonly electionMsMin: number;
  /** Also how long a leader goes on without hearing from a quorum (CheckQuorum, thesis §6.2). */
  readonly electionMsMax: number;
  /** With nothing to do for so long, a leader has all clocks stopped; null: never. */
  readonly quiesceMs: number | null;
  /**
   * Whether a leader may answer reads without a round while a quorum denies its vote to others
   * (thesis §6.4.1). It rests on clocks that neither drift by more than LEASE_DRIFT nor are set, and
   * on voters that all have it on; a router's leave to campaign then counts for nothing, so that a
   * lost leader is missed for longer. A leader that has handed over or restarted goes without.
   */
  readonly leaseReads: boolean;
}

/** The part of the minimum election timeout that a read lease leaves unused, for drifting clocks. */
export const LEASE_DRIFT = 0.2;

export const DEFAULT_TIMING: Timing = {
  heartbeatMs: 100,
  electionMsMin: 500,
  electionMsMax: 1_000,
  quiesceMs: 750,
  leaseReads: false,
};

/** Asserts that an election takes longer than a heartbeat, or leaders would never last. */
export function assertTiming(timing: Timing): void {
  const { heartbeatMs, electionMsMin, electionMsMax } = timing;
  assert(heartbeatMs > 0, "a heartbeat takes time");
  assert(heartbeatMs < electionMsMin, "an election timeout exceeds a heartbeat");
  assert(electionMsMin < electionMsMax, "election timeouts have room for chance");
}

/** A node's election timeouts: random, so that not all campaign at once (Raft §5.2). */
export class ElectionTimeouts {
  readonly #timing: Timing;
  readonly #random: Random;

  constructor(timing: Timing, seed: number) {
    this.#timing = timing;
    this.#random = new Random(seed);
  }

  /** When one that begins at `at` ends; `patience` times later than usual. */
  from(at: Milliseconds, patience = 1): Milliseconds {
    const { electionMsMin, electionMsMax } = this.#timing;
    return later(at, patience * this.#random.between(electionMsMin, electionMsMax));
  }
}

/**
 * Turns the owner's clock, which may be set back, into one that never falls: otherwise a step of
 * an hour backwards would put off the next election by an hour. A step forwards only makes
 * timers fire early, which costs an election at most.
 */
export class SteadyClock {
  #now: Milliseconds;
  #offset = 0;

  constructor(now: Milliseconds) {
    this.#now = now;
  }

  /** Steady time as last read. */
  get now(): Milliseconds {
    return this.#now;
  }

  /** Steady time when the owner's clock shows `now`. */
  read(now: Milliseconds): Milliseconds {
    const steady = now + this.#offset;
    if (steady < this.#now) this.#offset += this.#now - steady;
    else this.#now = asMilliseconds(steady);
    return this.#now;
  }

  /** What the owner's clock will show at steady time `at`. */
  ownerTime(at: Milliseconds): Milliseconds {
    return asMilliseconds(at - this.#offset);
  }
}
