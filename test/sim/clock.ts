// Owns a machine's clock as an object reads it: it has an offset, runs fast or slow, stands still for
// a while and steps. Bounds on all of it are what promises about leases are measured against.

import type { Schedule } from "./schedule.ts";

/** Where all clocks begin: some moment well after 1970. */
const EPOCH = 1_700_000_000_000;

export class MachineClock {
  readonly #schedule: Schedule;
  readonly #rate: number;
  #shown: number;
  #since = 0;
  #isFrozen = false;

  /** `drift` is by how much it runs faster than time, as a share. */
  constructor(schedule: Schedule, options: { readonly offsetMs: number; readonly drift: number }) {
    this.#schedule = schedule;
    this.#rate = 1 + options.drift;
    this.#shown = EPOCH + options.offsetMs;
  }

  /** Whole milliseconds, as `Date.now()`. */
  now(): number {
    return Math.floor(this.#exact());
  }

  step(ms: number): void {
    this.#shown = this.#exact() + ms;
    this.#since = this.#schedule.now;
  }

  freeze(): void {
    this.#shown = this.#exact();
    this.#since = this.#schedule.now;
    this.#isFrozen = true;
  }

  /** Goes on, and shows the time that has passed meanwhile. */
  thaw(): void {
    if (!this.#isFrozen) return;
    this.#shown += this.#schedule.now - this.#since;
    this.#since = this.#schedule.now;
    this.#isFrozen = false;
  }

  #exact(): number {
    if (this.#isFrozen) return this.#shown;
    return this.#shown + (this.#schedule.now - this.#since) * this.#rate;
  }
}
