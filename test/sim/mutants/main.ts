// Owns `npm run sim:mutants`: every planted bug must die within its number of seeds, of a seed that the
// sources as they are survive. Names (or parts of them) as parameters run only those.

import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import type { ChildReport } from "./child.ts";
import type { Mutant } from "./mutant.ts";
import { MUTANTS } from "./table.ts";

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Runs a mutant, or one seed without its bug; null when the process came to no end of its own. */
function run(mutant: Mutant, healthySeed: number | null): Promise<ChildReport | null> {
  const seed = healthySeed === null ? [] : [String(healthySeed)];
  const child = fork(new URL("./child.ts", import.meta.url), [mutant.name, ...seed]);
  return new Promise((resolve) => {
    let heard: ChildReport | null = null;
    child.on("message", (report) => {
      heard = report as ChildReport;
    });
    child.on("exit", () => resolve(heard));
  });
}

async function runAll(mutants: readonly Mutant[]): Promise<number> {
  const waiting = [...mutants];
  let survivors = 0;
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const began = performance.now();
      const report = await run(next, null);
      const failed = report !== null && report.failure !== null;
      const healthy = failed ? await run(next, report.seed) : null;
      const died = failed && healthy !== null && healthy.failure === null;
      if (!died) survivors++;
      const seconds = ((performance.now() - began) / 1_000).toFixed(1).padStart(6);
      const verdict = died ? `seed ${report.seed} of ${next.seeds}` : "SURVIVES";
      const how = died ? firstLine(report.failure) : firstLine(healthy?.failure) || next.models;
      say(`${seconds} s  ${next.name.padEnd(46)} ${verdict.padEnd(18)} ${how}`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return survivors;
}

const firstLine = (text: string | null | undefined): string =>
  (text ?? "").split("\n")[0]!.slice(0, 110);

const wanted = process.argv.slice(2);
const chosen = MUTANTS.filter(
  ({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
);
const survivors = await runAll(chosen);
say(`${chosen.length} mutants, ${survivors} survive`);
process.exitCode = survivors === 0 && chosen.length > 0 ? 0 : 1;
