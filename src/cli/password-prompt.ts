// Owns asking for a password where there is a terminal: what is on the command line, others can see.

import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import type { ConnectionOptions } from "./connection-options.ts";
import { CommandError, EXIT } from "./exit-codes.ts";
import type { Terminal } from "./terminal.ts";

/** The options, with the password of a user that is named without one, if somebody is there to ask. */
export async function withPassword<Options extends ConnectionOptions>(
  options: Options,
  { environment, stderr, interrupted }: Terminal,
): Promise<Options> {
  const user = options.user ?? environment["EDGEKEEPER_USER"] ?? "";
  const isKnown = (options.password ?? environment["EDGEKEEPER_PASSWORD"] ?? "") !== "";
  const canAsk = process.stdin.isTTY && stderr.isTTY === true;
  if (user === "" || user.includes(":") || isKnown || !canAsk) return options;
  stderr.write(`Password of ${user}: `);
  // What is typed is shown nowhere.
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const asking = createInterface({ input: process.stdin, output, terminal: true });
  const ending = new AbortController();
  asking.once("SIGINT", () => ending.abort());
  try {
    const signal = AbortSignal.any([interrupted, ending.signal]);
    return { ...options, password: await asking.question("", { signal }) };
  } catch {
    throw new CommandError(EXIT.interrupted, "Interrupted.");
  } finally {
    asking.close();
    stderr.write("\n");
  }
}
