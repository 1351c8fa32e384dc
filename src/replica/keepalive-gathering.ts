// Owns keepalives that wait a little, so that one round of heartbeats confirms the leader for all of
// them: five hundred clients that each ask every ten seconds would have fifty rounds in a second.

import type { Milliseconds } from "../base/types.ts";

export class KeepaliveGathering {
  #calls: number[] = [];
  #due: Milliseconds | null = null;

  /** When `takeDue` has something; null while nobody waits. */
  get due(): Milliseconds | null {
    return this.#due;
  }

  /** `call` waits until `until` at most. */
  hold(call: number, until: Milliseconds): void {
    this.#calls.push(call);
    if (this.#due === null || until < this.#due) this.#due = until;
  }

  /** Those who wait, if the patience of any of them has ended. */
  takeDue(now: Milliseconds): number[] {
    return this.#due !== null && now >= this.#due ? this.take() : [];
  }

  /** Those who wait: a round begins anyway. */
  take(): number[] {
    const calls = this.#calls;
    this.#calls = [];
    this.#due = null;
    return calls;
  }
}
