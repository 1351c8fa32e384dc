// Owns a terminal for tests: what is written is kept, what is typed is given.

import type { Terminal } from "../../src/cli/terminal.ts";

export interface PlayedTerminal extends Terminal {
  /** What was written so far. */
  readonly heard: { out: string; err: string };
}

export function playTerminal(
  options: {
    readonly input?: string;
    readonly environment?: Readonly<Record<string, string>>;
    readonly isTTY?: boolean;
  } = {},
): PlayedTerminal {
  const { input = "", environment = {}, isTTY = false } = options;
  const heard = { out: "", err: "" };
  const output = (name: "out" | "err") => ({
    isTTY,
    columns: 100,
    write(chunk: string | Uint8Array) {
      heard[name] += typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk);
      return true;
    },
    once: () => undefined,
  });
  async function* typed() {
    yield input;
  }
  return {
    heard,
    stdin: typed(),
    stdout: output("out"),
    stderr: output("err"),
    environment,
    interrupted: new AbortController().signal,
  };
}
