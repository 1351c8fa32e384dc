// Owns making a failing history short: parts are left out as long as it still fails.

import type { Step } from "../sequence.ts";

/** Attempts, each of which takes two fresh servers. */
const ATTEMPTS_MAX = 150;

/** The fewest steps found with which `fails` still holds. */
export async function shrink(
  steps: readonly Step[],
  fails: (steps: readonly Step[]) => Promise<boolean>,
): Promise<readonly Step[]> {
  let shortest = steps;
  let attempts = 0;
  for (
    let size = Math.ceil(steps.length / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let from = shortest.length - size; from > -size && attempts < ATTEMPTS_MAX; from -= size) {
      const shorter = shortest.filter((_, n) => n < from || n >= from + size);
      attempts++;
      if (await fails(shorter)) shortest = shorter;
    }
  }
  return shortest;
}
