// Owns what `npm run sim` does: replaying a seed, searching fresh ones, shrinking what fails, and
// measuring speed.

import { commandLine, type Command } from "./options.ts";
import { search } from "./search.ts";
import { failureOf, shrink } from "./shrink.ts";
import { simulate } from "./simulation.ts";
import { measure } from "./speed.ts";

/** Lines of a failing run that are shown, and how long it may be shrunk. */
const TAIL_LINES = 40;
const SHRINK_MS = 60_000;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function replay({ run, isTraced, isSmall }: Command): boolean {
  try {
    const began = performance.now();
    const result = simulate(isTraced ? { ...run, line: say } : run);
    const marks = [...result.marks].map(([name, count]) => `${name} ${count}`).toSorted();
    say(`marks: ${marks.join(", ")}`);
    say(
      `seed ${run.seed}: ${result.answered} answers, ${result.heard} events heard, ` +
        `${result.revisions} revisions, ${result.terms} terms, ` +
        `${(result.virtualMs / 1_000).toFixed(1)} virtual s in ` +
        `${Math.round(performance.now() - began)} ms`,
    );
    say(`trace hash ${result.hash.toString(16).padStart(8, "0")}, ${result.events} events`);
    return true;
  } catch (error) {
    say(`seed ${run.seed}: ${String(error)}`);
    explain(run, isSmall);
    return false;
  }
}

/** Says how a failing run is run again, as small as it can be made, and how it ended. */
function explain(run: Command["run"], isSmall: boolean): void {
  say(`run it again: ${commandLine(run, isSmall)}`);
  say("shrinking ...");
  const smallest = shrink(run, SHRINK_MS);
  const lines: string[] = [];
  const failure = failureOf({ ...smallest, line: (line) => lines.push(line) });
  say(lines.slice(-TAIL_LINES).join("\n"));
  say(`shrunk: ${commandLine(smallest, isSmall)} --trace`);
  say(String(failure));
}

/** Does what was asked; false when something failed. */
export async function perform(command: Command): Promise<boolean> {
  if (command.hoursIdle !== null || command.rate !== null) {
    say(measure(command));
    return true;
  }
  if (command.minutes === null) return replay(command);
  const found = await search(command, command.minutes, say);
  say(`${found.seeds} seeds, ${found.virtualHours.toFixed(1)} virtual hours`);
  say(`marks: ${[...found.marks].toSorted().join(", ")}`);
  if (found.failing === null) return true;
  explain({ ...command.run, seed: found.failing }, command.isSmall);
  return false;
}
