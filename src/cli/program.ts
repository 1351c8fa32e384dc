// Owns the command `edgekeeper` as a whole: which commands there are, and what a command line ends
// with.

import { Command, CommanderError } from "commander";
import type { Declaring } from "./declare.ts";
import { declareKeys } from "./declare-keys.ts";
import { declareLeases } from "./declare-leases.ts";
import { declareOperations } from "./declare-operations.ts";
import { declareCompletion, declareServers, runServer } from "./declare-servers.ts";
import { OptionError } from "./dev-options.ts";
import { CommandError, EXIT, type ExitCode } from "./exit-codes.ts";
import { painterFor, showsColour, type Terminal } from "./terminal.ts";
import { VERSION } from "./version.ts";

const EXIT_HELP = `
Exit codes: 0 done; 1 failed; 2 not understood; 3 not there, or comparisons did not hold;
4 nobody answered, or nobody leads; 5 denied; 6 a lock or lease was lost; 130 interrupted.

Colours are for terminals only; NO_COLOR turns them off.`;

/** All commands; `ended` is told how the one that ran has ended. */
export function createProgram(terminal: Terminal, ended: (code: ExitCode) => void): Command {
  const program = new Command("edgekeeper");
  program
    .description("A coordination store for the edge: etcd v3 in behaviour.")
    .version(VERSION, "-V, --version", "print the version")
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
      getOutHasColors: () => showsColour(terminal.stdout, terminal.environment),
      getErrHasColors: () => showsColour(terminal.stderr, terminal.environment),
      getOutHelpWidth: () => Math.min(terminal.stdout.columns ?? 100, 100),
      getErrHelpWidth: () => Math.min(terminal.stderr.columns ?? 100, 100),
    })
    .showHelpAfterError("(--help tells more)")
    .addHelpText("after", EXIT_HELP);
  const declaring: Declaring = { parent: program, terminal, ended, last: [] };
  program.commandsGroup("Keys:");
  declareKeys(declaring);
  program.commandsGroup("Leases, locks, elections:");
  declareLeases(declaring);
  program.commandsGroup("Operating a cluster:");
  declareOperations(declaring);
  program.commandsGroup("On this machine:");
  declareServers(declaring);
  for (const declareRest of declaring.last) declareRest();
  return program;
}

/** What shells ask: `edgekeeper complete -- get --pre`. */
const COMPLETE = "complete";

/**
 * Runs a command line to its end; null when it serves from now on. Never throws, but for what is a
 * mistake of the program itself.
 */
export async function runProgram(
  args: readonly string[],
  terminal: Terminal,
): Promise<ExitCode | null> {
  let code: ExitCode = EXIT.ok;
  const ended = (last: ExitCode): void => void (code = last);
  const program = createProgram(terminal, ended);
  try {
    if (args[0] === COMPLETE && args[1] === "--") {
      (await import("./completion.ts")).printCompletions(program, args.slice(2));
      return EXIT.ok;
    }
    declareCompletion({ parent: program, terminal, ended, last: [] });
    const server = await runServer(args);
    if (server !== "none") return server === "serves" ? null : EXIT.ok;
    await program.parseAsync([...args], { from: "user" });
    return code;
  } catch (error) {
    return failed(error, terminal);
  }
}

function failed(error: unknown, terminal: Terminal): ExitCode {
  // What is to be said about it was said.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const known = knownFailure(error);
  if (known === null) throw error;
  if (terminal.interrupted.aborted) return EXIT.interrupted;
  const paint = painterFor(terminal.stderr, terminal.environment);
  terminal.stderr.write(`${paint("red", "error:")} ${known.message}\n`);
  return known.exitCode;
}

function knownFailure(error: unknown): { message: string; exitCode: ExitCode } | null {
  if (error instanceof CommandError) return error;
  if (error instanceof OptionError) return { message: error.message, exitCode: EXIT.usage };
  return null;
}
