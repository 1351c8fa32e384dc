// Owns running the command line for a test, as a process of its own.

import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

export type Command = ChildProcessWithoutNullStreams;

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A command that goes on; its end is to be awaited by `endOf`. */
export const startCommand = (args: readonly string[], endpoint: string): Command =>
  spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, EDGEKEEPER_ENDPOINT: endpoint },
  });

/** What it says from now on, and how it ends. */
export async function endOf(command: Command): Promise<Ended> {
  const heard = { out: "", err: "" };
  command.stdout.on("data", (chunk) => (heard.out += String(chunk)));
  command.stderr.on("data", (chunk) => (heard.err += String(chunk)));
  const [code] = (await once(command, "close")) as [number | null];
  return { code, ...heard };
}

/** Runs it to its end. */
export function runCommand(
  args: readonly string[],
  { endpoint, input }: { readonly endpoint: string; readonly input: string | Uint8Array },
): Promise<Ended> {
  const command = startCommand(args, endpoint);
  command.stdin.end(input);
  return endOf(command);
}

/** The first line that a command prints, while it goes on. */
export async function firstLine(command: Command): Promise<string> {
  const [line] = (await once(createInterface(command.stdout), "line")) as [string];
  return line;
}
