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
  makeDirectory(directory);
  const file = join(directory, "server.pid");
  while (!take(file)) {
    const owner = readOwner(file);
    if (owner !== null && owner !== process.pid && isAlive(owner)) {
      throw new OptionError(
        `${directory} is in use by the server with process id ${owner}. Stop it, or choose another --state.`,
      );
    }
    rmSync(file, { force: true });
  }
  const unlock = (): void => {
    process.off("exit", unlock);
    if (readOwner(file) === process.pid) rmSync(file, { force: true });
  };
  // Miniflare ends the process by itself on a signal, and does not wait for anyone.
  process.once("exit", unlock);
  return unlock;
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new OptionError(
      `${directory} cannot be a directory for the data (${code}). Choose another --state.`,
      { cause: error },
    );
  }
}

/** Writes the mark unless there is one: of two that start at once, one is first. */
function take(file: string): boolean {
  try {
    writeFileSync(file, `${process.pid}\n`, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
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
