// Owns cluster time: what leases and remembered requests are measured by. Leaders stamp it into
// entries; it advances only by a leader's own elapsed time, never by comparing machines.

import { CLOCK_STEP_MS_MAX } from "../base/limits.ts";
import { asClusterTime, type ClusterTime, type Milliseconds } from "../base/types.ts";

/**
 * The cluster's time as one replica reckons it: the last stamp it has applied plus its own elapsed
 * time since. A follower learns each stamp after it was made, so that as a new leader it is behind
 * the old one and a lease can only end late. While awake, a replica samples its clock many times a
 * second; a sample that moved further than CLOCK_STEP_MS_MAX was a stall or a step of the clock,
 * and counts as that bound at most. A step back counts as no time at all.
 */
export class ClusterClock {
  #time: ClusterTime;
  #sampledAt: Milliseconds;

  /**
   * The clock of a replica that starts: the last stamp that it applied, and the time since then by
   * its own clock (`appliedAt`, 0 if it never applied anything), the time that it was away included.
   * A promise to a client is in real time too. Between the two a machine's clock may step; that it
   * steps ahead by little against the TTLs in use is assumed.
   */
  static resume(options: {
    readonly stamp: ClusterTime;
    readonly appliedAt: Milliseconds;
    readonly now: Milliseconds;
  }): ClusterClock {
    const { stamp, appliedAt, now } = options;
    const away = appliedAt === 0 ? 0 : Math.max(Math.floor(now - appliedAt), 0);
    return new ClusterClock(asClusterTime(stamp + away), now);
  }

  private constructor(time: ClusterTime, now: Milliseconds) {
    this.#time = time;
    this.#sampledAt = now;
  }

  /** A follower takes over the stamp of an entry that it applied. */
  follow(stamp: ClusterTime, now: Milliseconds): void {
    this.#time = stamp;
    this.#sampledAt = now;
  }

  /** A leader is ahead of its own stamps; it only makes up for one that it had not applied. */
  catchUp(stamp: ClusterTime, now: Milliseconds): void {
    if (stamp > this.read(now)) this.#time = stamp;
  }

  /** Counts a rest that has ended: all of it, as `resume` does, for a sleeper takes no samples. */
  rested(now: Milliseconds): void {
    const elapsed = Math.max(Math.floor(now - this.#sampledAt), 0);
    this.#time = asClusterTime(this.#time + elapsed);
    this.#sampledAt = now;
  }

  /** Cluster time at the local moment `now`; never less than it was before, stamps aside. */
  read(now: Milliseconds): ClusterTime {
    const elapsed = Math.min(Math.max(now - this.#sampledAt, 0), CLOCK_STEP_MS_MAX);
    this.#time = asClusterTime(this.#time + Math.floor(elapsed));
    this.#sampledAt = now;
    return this.#time;
  }
}
