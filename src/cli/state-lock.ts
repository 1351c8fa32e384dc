// Owns keeping two servers off the same data: each would write behind the other's back.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { OptionError } from "./dev-options.ts";

/**
 * Marks `directory` as this process's; returns what undoes it. A mark left by a process that was
 * killed is recognised by its id and replaced.
 *
 * @throws OptionError when another server that is alive uses the directory.
 */
export function lockState(directory: string): () => void {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, "server.pid");
  const owner = readOwner(file);
  if (owner !== null && owner !== process.pid && isAlive(owner)) {
    throw new OptionError(
      `${directory} is in use by the server with process id ${owner}. Stop it, or choose another --state.`,
    );
  }
  writeFileSync(file, `${process.pid}\n`);
  const unlock = (): void => rmSync(file, { force: true });
  // Miniflare ends the process by itself on a signal, and does not wait for anyone.
  process.once("exit", unlock);
  return unlock;
}

function readOwner(file: string): number | null {
  try {
    const owner = Number.parseInt(readFileSync(file, "utf8"), 10);
    return Number.isInteger(owner) ? owner : null;
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
