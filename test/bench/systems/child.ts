// Owns starting a program for a measurement and ending it, with all that it has started.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 15_000;

export interface Child {
  readonly pid: number;
  stop(): Promise<void>;
}

/** Resolves when the program has said a line that `isReady` takes; rejects if it ends before. */
export async function startChild(
  program: string,
  args: readonly string[],
  isReady: (line: string) => boolean,
): Promise<Child> {
  const child = spawn(program, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.removeListener("exit", kill));
  await ready(child, isReady);
  return { pid: child.pid!, stop: () => end(child) };
}

function ready(child: ChildProcess, isReady: (line: string) => boolean): Promise<void> {
  const said: string[] = [];
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      child.kill("SIGKILL");
      reject(new Error(`${child.spawnfile} ${why}. It said:\n${said.join("\n")}`));
    };
    const patience = setTimeout(() => fail("was not ready in time"), READY_MS_MAX);
    const listen = (line: string): void => {
      if (said.push(line) > 100) said.shift();
      if (!isReady(line)) return;
      clearTimeout(patience);
      resolve();
    };
    // Both are read to the end: a full pipe would stop the program.
    createInterface(child.stdout!).on("line", listen);
    createInterface(child.stderr!).on("line", listen);
    child.once("error", reject);
    child.once("exit", (code) => {
      clearTimeout(patience);
      fail(`ended with code ${code}`);
    });
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const killer = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
  await exited;
  clearTimeout(killer);
}
