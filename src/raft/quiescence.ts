// Owns the sleep of an idle cluster (design: an idle cluster costs nothing): when a leader stops all
// clocks, how it looks after a peer that is away meanwhile, and how often a lonely member may rouse
// the sleepers.
//
//   busy ---nothing to do for quiesceMs, all caught up or away---> asleep: no heartbeats, no timers
//     ^                                                              |
//     +---- a proposal, a read, a question, a peer that is back -----+

import { AWAY_PROBE_MS_MAX, AWAY_PROBE_MS_MIN } from "../base/limits.ts";
import { later, type MemberId, type Milliseconds } from "../base/types.ts";

/** A pause that doubles each time, from AWAY_PROBE_MS_MIN to AWAY_PROBE_MS_MAX. */
class Backoff {
  #pauseMs = AWAY_PROBE_MS_MIN;
  #due: Milliseconds;

  constructor(now: Milliseconds) {
    this.#due = now;
  }

  get due(): Milliseconds {
    return this.#due;
  }

  next(now: Milliseconds): void {
    this.#due = later(now, this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, AWAY_PROBE_MS_MAX);
  }
}

/**
 * Whom a member may wake, and how often. One that cannot hear its leader, though others can, asks
 * for votes for ever: each of its questions wakes the others more seldom.
 */
export class Doorbell {
  readonly #rings = new Map<MemberId, Backoff>();

  /** Whether `caller` may rouse this node now. */
  ring(caller: MemberId, now: Milliseconds): boolean {
    const backoff = this.#rings.get(caller) ?? new Backoff(now);
    this.#rings.set(caller, backoff);
    if (now < backoff.due) return false;
    backoff.next(now);
    return true;
  }

  /** There was work: whoever rings now may have missed it. */
  reset(): void {
    this.#rings.clear();
  }
}

/** A leader's state of rest. */
export class Quiescence {
  #busyAt: Milliseconds;
  #isAsleep = false;
  /** When each peer that is away is probed next. */
  readonly #away = new Map<MemberId, Backoff>();

  constructor(now: Milliseconds) {
    this.#busyAt = now;
  }

  get isAsleep(): boolean {
    return this.#isAsleep;
  }

  /** There is something to do. Returns whether this ended a sleep. */
  stir(now: Milliseconds): boolean {
    const wasAsleep = this.#isAsleep;
    this.#isAsleep = false;
    this.#busyAt = now;
    return wasAsleep;
  }

  /** When nothing will have been to do for `quietMs`. */
  quietAt(quietMs: number): Milliseconds {
    return later(this.#busyAt, quietMs);
  }

  /** Falls asleep, though `away` cannot be told; they are probed from time to time. */
  sleep(away: readonly MemberId[], now: Milliseconds): void {
    this.#isAsleep = true;
    for (const peer of this.#away.keys()) if (!away.includes(peer)) this.#away.delete(peer);
    for (const peer of away) {
      if (this.#away.has(peer)) continue;
      const backoff = new Backoff(now);
      backoff.next(now);
      this.#away.set(peer, backoff);
    }
  }

  isAway(peer: MemberId): boolean {
    return this.#away.has(peer);
  }

  /** The peers to probe now. */
  takeProbes(now: Milliseconds): MemberId[] {
    const due = [...this.#away].filter(([, backoff]) => backoff.due <= now);
    for (const [, backoff] of due) backoff.next(now);
    return due.map(([peer]) => peer);
  }

  /** When the next probe is due; Infinity when nobody is away. */
  nextProbe(): number {
    return Math.min(...[...this.#away.values()].map(({ due }) => due), Infinity);
  }
}
