// Owns making a failing run small: with the seed fixed, kinds of faults and operations are switched
// off one by one, and the run is shortened, as long as it still fails.

import { KV_OPERATIONS } from "./clients/kv-client.ts";
import { FAULT_KINDS } from "./faults.ts";
import type { RunOptions } from "./plan.ts";
import { simulate } from "./simulation.ts";

type Run = Omit<RunOptions, "line">;

/** The shortest time in which anything goes that is tried, in virtual milliseconds. */
const FAULTY_MS_MIN = 100;

/** The message of the failure; null when the run keeps every promise. */
export function failureOf(run: RunOptions): string | null {
  try {
    simulate(run);
    return null;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}

/** The smallest run found that still fails, within about `budgetMs` of real time. */
export function shrink(run: Run, budgetMs: number): Run {
  const end = performance.now() + budgetMs;
  const fails = (candidate: Run): boolean =>
    performance.now() < end && failureOf(candidate) !== null;
  let smallest = run;
  for (const kind of [
    ...Object.keys(FAULT_KINDS),
    "lease",
    "watch",
    "members",
    "upgrade",
    "administration",
    ...KV_OPERATIONS,
  ]) {
    const candidate = { ...smallest, off: new Set([...(smallest.off ?? []), kind]) };
    if (fails(candidate)) smallest = candidate;
  }
  return shorten(smallest, fails);
}

/** Bisects how long anything goes. */
function shorten(run: Run, fails: (candidate: Run) => boolean): Run {
  let smallest = run;
  let low = FAULTY_MS_MIN;
  let high = run.faultyMs ?? 12_000;
  while (high - low > 50) {
    const middle = Math.floor((low + high) / 2);
    const candidate = { ...smallest, faultyMs: middle };
    if (fails(candidate)) {
      smallest = candidate;
      high = middle;
    } else low = middle;
  }
  return smallest;
}
