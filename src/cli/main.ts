#!/usr/bin/env node
// Owns the program `edgekeeper`: this process's streams and signals, and how it ends.

import { EXIT } from "./exit-codes.ts";
import { runProgram } from "./program.ts";

const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // Whoever asks twice does not want to wait for what the first time has begun.
    if (interruption.signal.aborted) process.exit(EXIT.interrupted);
    interruption.abort();
  });
}
// The reader has had enough, as `head` has: that is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? EXIT.ok : EXIT.failed);
});

const { stdin, stdout, stderr, env: environment } = process;
const terminal = { stdin, stdout, stderr, environment, interrupted: interruption.signal };
const code = await runProgram(process.argv.slice(2), terminal);
if (code !== null) {
  // What was written may still be on its way into a pipe.
  await new Promise<void>((resolve) => void stdout.write("", () => resolve()));
  // Sockets that were closed may wait for the other side to agree; nobody else does.
  process.exit(code);
}
