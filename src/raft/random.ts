// Owns the node's small source of chance: mulberry32, seeded from outside, so that the same inputs
// give the same outputs. Good enough to spread election timeouts; nothing else may rest on it.

/** Equal seeds give equal sequences. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A number in `[0, 1)`. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number in `[low, high)`. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low));
  }
}
