// Owns completion in shells: the script that a shell loads, and the words that it asks for, which are
// made of the declarations of the commands.

import shells from "@bomb.sh/tab";
import words from "@bomb.sh/tab/commander";
import type { Command } from "commander";
import type { Call } from "./declare.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";

const NAME = "edgekeeper";

/** Prints the script of a shell. */
export async function runCompletion({ args: [shell = ""] }: Call<object>): Promise<ExitCode> {
  shells.setup(NAME, NAME, shell);
  return EXIT.ok;
}

/** Prints what may stand in the place of the last of `typed`, after `edgekeeper`. */
export function printCompletions(program: Command, typed: readonly string[]): void {
  // It adds the command that prints the scripts, under the name that it has here as well.
  words(program, { completionCommandName: "completion" }).parse([...typed]);
}
