// Owns reads on their way: first an index is confirmed, by a quorum or by the leader, then it is
// applied (Raft thesis §6.4). A read that is content with less may be answered before.

import type { Freshness } from "../api/replica.ts";
import { READS_WAITING_MAX } from "../base/limits.ts";
import type { LogIndex, Milliseconds, Revision } from "../base/types.ts";
import type { ReadyRead } from "../raft/ready.ts";

interface Waiting {
  readonly call: number;
  readonly askedAt: Milliseconds;
}

/** What a replica has at a moment. */
export interface Moment {
  readonly revision: Revision;
  readonly now: Milliseconds;
}

export class Reads {
  readonly #waiting = new Map<number, Waiting>();
  readonly #bounded = new Map<number, Freshness>();
  #confirmed: ReadyRead[] = [];
  /** When the latest index was asked for that has been confirmed and applied here. */
  #currentAt = -Infinity;

  get isFull(): boolean {
    return this.#waiting.size >= READS_WAITING_MAX;
  }

  /** `freshness` is what the read is content with; null if only with the confirmed index. */
  start(token: number, waiting: Waiting, freshness: Freshness | null): void {
    this.#waiting.set(token, waiting);
    if (freshness !== null) this.#bounded.set(waiting.call, freshness);
  }

  /**
   * Whether what is applied is recent enough. How old it is counts from when an index was asked
   * for: the answer shows everything that was acknowledged before that moment.
   */
  isFresh({ minRevision, maxStalenessMs }: Freshness, { revision, now }: Moment): boolean {
    if (minRevision !== null && revision < minRevision) return false;
    if (maxStalenessMs !== null) return now - this.#currentAt <= maxStalenessMs;
    return minRevision !== null;
  }

  confirm(reads: readonly ReadyRead[]): void {
    this.#confirmed.push(...reads);
  }

  /** Removes and returns the calls whose index is applied. */
  takeApplied(applied: LogIndex): number[] {
    if (this.#confirmed.length === 0) return [];
    const ready = this.#confirmed.filter((read) => read.index <= applied);
    this.#confirmed = this.#confirmed.filter((read) => read.index > applied);
    for (const { token } of ready) {
      const askedAt = this.#waiting.get(token)?.askedAt ?? -Infinity;
      this.#currentAt = Math.max(this.#currentAt, askedAt);
    }
    return this.take(ready.map((read) => read.token));
  }

  /** Removes and returns the calls that are content with what is applied now. */
  takeFresh(moment: Moment): number[] {
    if (this.#bounded.size === 0) return [];
    const fresh = [...this.#bounded].filter(([, freshness]) => this.isFresh(freshness, moment));
    for (const [call] of fresh) this.#bounded.delete(call);
    return fresh.map(([call]) => call);
  }

  /** Removes and returns the calls of `tokens`. */
  take(tokens: readonly number[]): number[] {
    return tokens.flatMap((token) => {
      const waiting = this.#waiting.get(token);
      this.#waiting.delete(token);
      if (waiting === undefined) return [];
      this.#bounded.delete(waiting.call);
      return [waiting.call];
    });
  }
}
