// Owns one planted bug in a process of its own: it patches the sources as they load, and runs seeds
// until one fails. With a seed as second parameter it runs that one seed of the sources as they are.

import { registerPatches, SMALL_LIMITS } from "../patches.ts";
import { MUTANTS } from "./table.ts";

/** What the parent hears: each seed, and at the end how the mutant died, if it did. */
export interface ChildReport {
  readonly seed: number;
  readonly failure: string | null;
}

async function main(name: string, healthySeed: number | null): Promise<void> {
  const mutant = MUTANTS.find((each) => each.name === name)!;
  const bug = healthySeed === null ? mutant.patches : [];
  registerPatches([...bug, ...(mutant.isSmall === true ? SMALL_LIMITS : [])]);
  const { failureOf } = await import("../shrink.ts");
  for (let seed = healthySeed ?? 1; seed <= (healthySeed ?? mutant.seeds); seed++) {
    const failure = failureOf({ ...mutant.run, seed });
    if (failure !== null) return tell({ seed, failure });
  }
  tell({ seed: mutant.seeds, failure: null });
}

const tell = (report: ChildReport): void => void process.send!(report);

const [, , name, healthySeed] = process.argv;
await main(name!, healthySeed === undefined ? null : Number(healthySeed));
process.disconnect();
