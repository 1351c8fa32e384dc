// Owns those who wait to be assured that what is applied here shows everything that was committed when
// they asked: reads like those of calls, but for a decision instead of an answer.

import type { Milliseconds } from "../base/types.ts";

/** Told once; not assured: that could not be found out. */
export type Settle = (isAssured: boolean, now: Milliseconds) => void;

/** They have numbers below zero, among the calls of `Reads`, whose numbers lie above. */
export class Assurances {
  readonly #waiting = new Map<number, Settle>();
  #last = 0;

  /** The number under which `settle` waits. */
  add(settle: Settle): number {
    this.#last--;
    this.#waiting.set(this.#last, settle);
    return this.#last;
  }

  /** Whether the number was one of these, and has been told. */
  settle(number: number, isAssured: boolean, now: Milliseconds): boolean {
    const settle = this.#waiting.get(number);
    this.#waiting.delete(number);
    settle?.(isAssured, now);
    return number < 0;
  }
}
