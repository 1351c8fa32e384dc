// Owns `npm run sim:mutants`: every planted bug must die within its number of seeds, of a seed that the
// sources as they are survive. Names (or parts of them) as parameters run only those.

import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import type { ChildReport } from "./child.ts";
import type { Mutant } from "./mutant.ts";
import { MUTANTS } from "./table.ts";

/** How often it says what is running. */
const PROGRESS_MS = 15_000;

const NAME_WIDTH = 54;

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

/** How a mutant fared; `died` only of a seed that the sources as they are survive. */
interface Fate {
  readonly died: boolean;
  readonly verdict: string;
  readonly how: string;
}

async function fateOf(mutant: Mutant): Promise<Fate> {
  const report = await run(mutant, null);
  if (report === null) return { died: false, verdict: "DOES NOT RUN", how: "see above" };
  const { seed, failure } = report;
  if (failure === null) return { died: false, verdict: "SURVIVES", how: mutant.models };
  const healthy = await run(mutant, seed);
  const verdict = `seed ${seed} of ${mutant.seeds}`;
  if (healthy?.failure === null) return { died: true, verdict, how: firstLine(failure) };
  return { died: false, verdict: "DIES ANYWAY", how: firstLine(healthy?.failure ?? verdict) };
}

/** Runs all, one on each core; returns the names of those that did not die. */
async function runAll(mutants: readonly Mutant[]): Promise<string[]> {
  const waiting = [...mutants];
  const running = new Set<string>();
  const survivors: string[] = [];
  let done = 0;
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const began = performance.now();
      running.add(next.name);
      const { died, verdict, how } = await fateOf(next);
      running.delete(next.name);
      if (!died) survivors.push(next.name);
      const place = `${++done}/${mutants.length}`.padStart(5);
      const took = secondsSince(began).padStart(6);
      say(`${place} ${took} s  ${next.name.padEnd(NAME_WIDTH)} ${verdict.padEnd(16)} ${how}`);
    }
  };
  const ticker = setInterval(() => say(`      ... ${[...running].join(", ")}`), PROGRESS_MS);
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  clearInterval(ticker);
  return survivors;
}

const secondsSince = (began: number): string => ((performance.now() - began) / 1_000).toFixed(1);

const firstLine = (text: string): string => text.split("\n")[0]!.slice(0, 110);

const began = performance.now();
const wanted = process.argv.slice(2);
const chosen = MUTANTS.filter(
  ({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
);
const survivors = await runAll(chosen);
for (const name of survivors) say(`did not die: ${name}`);
say(`${chosen.length} mutants, ${survivors.length} survive, ${secondsSince(began)} s`);
process.exitCode = survivors.length === 0 && chosen.length > 0 ? 0 : 1;
