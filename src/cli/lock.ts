// Owns `edgekeeper lock`: a lock that is held while a command runs, or until Ctrl-C.

import { spawn, type ChildProcess } from "node:child_process";
import { constants } from "node:os";
import type { ConnectionOptions } from "./connection-options.ts";
import type { Call } from "./declare.ts";
import { CommandError, EXIT, type ExitCode } from "./exit-codes.ts";
import { toJsonBytes, toLine } from "./printable.ts";
import { untilAny, withStore } from "./store.ts";
import { note, say, type Terminal } from "./terminal.ts";

export interface LockOptions extends ConnectionOptions {
  readonly ttl: number;
  readonly wait?: number;
  readonly json?: true;
}

/** What is used of a lock that is held. */
interface Held {
  readonly key: Uint8Array;
  readonly fencingToken: number;
  readonly lost: AbortSignal;
}

export const runLock = (call: Call<LockOptions>): Promise<ExitCode> =>
  withStore(call, async (store) => {
    const { terminal, args, options } = call;
    const [name = "", ...command] = args;
    const late = options.wait === undefined ? [] : [AbortSignal.timeout(options.wait * 1_000)];
    const signal = AbortSignal.any([terminal.interrupted, ...late]);
    const lock = await store
      .lock(name, { ttlSeconds: options.ttl, signal })
      .catch((error: unknown) => {
        if (terminal.interrupted.aborted || !signal.aborted) throw error;
        throw new CommandError(
          EXIT.unavailable,
          `${name} is held by somebody else: not acquired within ${options.wait} s.`,
        );
      });
    try {
      if (command.length > 0) return await runHolding(terminal, command, environmentOf(name, lock));
      showHeld(terminal, lock, options);
      await untilAny(terminal.interrupted, lock.lost);
      if (lock.lost.aborted) throw lostError(name);
      return EXIT.ok;
    } finally {
      if (!lock.lost.aborted) await lock.unlock();
    }

    async function runHolding(
      { interrupted }: Terminal,
      [program = "", ...rest]: readonly string[],
      environment: NodeJS.ProcessEnv,
    ): Promise<ExitCode> {
      const child = spawn(program, rest, {
        stdio: "inherit",
        env: { ...terminal.environment, ...environment },
      });
      const stop = (): void => void child.kill("SIGTERM");
      // A terminal tells the whole group of a Ctrl-C; who was told alone passes it on.
      interrupted.addEventListener("abort", stop);
      lock.lost.addEventListener("abort", stop);
      const code = await endOf(child, program);
      if (!lock.lost.aborted) return code;
      throw lostError(name);
    }
  });

const lostError = (name: string): CommandError =>
  new CommandError(
    EXIT.lost,
    `The lock ${name} was lost while it was held: somebody else may have it.`,
  );

const environmentOf = (name: string, { key, fencingToken }: Held): NodeJS.ProcessEnv => ({
  EDGEKEEPER_LOCK_NAME: name,
  EDGEKEEPER_LOCK_KEY: new TextDecoder().decode(key),
  EDGEKEEPER_FENCING_TOKEN: String(fencingToken),
});

function showHeld(terminal: Terminal, { key, fencingToken }: Held, { json }: LockOptions): void {
  if (json === true) {
    say(terminal, JSON.stringify({ key: toJsonBytes(key), fencing_token: fencingToken }));
    return;
  }
  say(terminal, `held, key ${toLine(key)}, fencing token ${fencingToken}`);
  if (terminal.stderr.isTTY === true) note(terminal, "Ctrl-C unlocks it.");
}

/** As a shell would tell it: of one that a signal has ended, 128 and the signal's number. */
function endOf(child: ChildProcess, program: string): Promise<ExitCode> {
  return new Promise((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      const message = `${program} cannot be run (${error.code ?? error.message}).`;
      reject(new CommandError(EXIT.failed, message, { cause: error }));
    });
    child.once("exit", (code, signal) =>
      resolve(signal === null ? code! : 128 + constants.signals[signal]),
    );
  });
}
