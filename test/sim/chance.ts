// Owns the chance of a run: one seed, and a stream of numbers of its own for each concern, so that
// switching one fault off leaves what the others draw as it is.

import { Random } from "../../src/raft/random.ts";

/** One step of FNV-1a over 32-bit words. */
export const mix = (hash: number, value: number): number =>
  Math.imul((hash ^ value) >>> 0, 0x01000193) >>> 0;

/** The hash of a text, to name streams and compare values by. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = mix(hash, text.charCodeAt(at));
  return hash;
}

/** The hash of bytes, going on from `hash`. */
export function hashBytes(bytes: Uint8Array, start = 0x811c9dc5): number {
  let hash = start;
  for (let at = 0; at < bytes.length; at++) hash = mix(hash, bytes[at]!);
  return mix(hash, bytes.length);
}

/** A source of chance with the draws that a simulation wants. */
export class Chance {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
    // Seeds that lie close give first draws that do as well.
    for (let warm = 0; warm < 3; warm++) this.#random.next();
  }

  /** A number in `[0, 1)`. */
  next(): number {
    return this.#random.next();
  }

  /** A whole number in `[low, high)`. */
  between(low: number, high: number): number {
    return this.#random.between(low, high);
  }

  /** True in that share of cases. Draws nothing where the answer is certain. */
  hits(rate: number): boolean {
    return rate > 0 && this.#random.next() < rate;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.#random.between(0, choices.length)]!;
  }

  /** A time around `mean`, at least 1: short ones often, long ones now and then. */
  around(mean: number): number {
    return 1 + Math.floor(-Math.log(1 - this.#random.next()) * mean);
  }
}

/** The streams of one seed. */
export class Streams {
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  stream(name: string): Chance {
    return new Chance(mix(hashText(name), Math.imul(this.#seed, 0x9e3779b1)));
  }
}
