// Owns what a command takes from the world: streams, environment, Ctrl-C. Tests hand in their own.

import { styleText } from "node:util";

/** What is used of a stream that is written to. */
export interface Output {
  write(chunk: string | Uint8Array): boolean;
  once(event: "drain", listener: () => void): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface Terminal {
  readonly stdin: AsyncIterable<Uint8Array | string>;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborts at the first Ctrl-C, or SIGTERM. */
  readonly interrupted: AbortSignal;
}

export type Colour = "green" | "yellow" | "red" | "cyan" | "dim" | "bold";

/** Whether `output` shows colours: a terminal does, unless NO_COLOR or FORCE_COLOR says otherwise. */
export function showsColour(output: Output, environment: Terminal["environment"]): boolean {
  if ((environment["NO_COLOR"] ?? "") !== "") return false;
  const forced = environment["FORCE_COLOR"];
  if (forced !== undefined && forced !== "") return forced !== "0";
  return output.isTTY === true && environment["TERM"] !== "dumb";
}

/** Colours text for `output`, or leaves it as it is. */
export const painterFor =
  (output: Output, environment: Terminal["environment"]) =>
  (colour: Colour, text: string): string =>
    showsColour(output, environment) ? styleText(colour, text, { validateStream: false }) : text;

/** Writes a line to standard output. */
export const say = ({ stdout }: Terminal, line: string): void => void stdout.write(`${line}\n`);

/** Writes a line for the person, not for the program that reads the output. */
export const note = ({ stderr }: Terminal, line: string): void => void stderr.write(`${line}\n`);

/** Writes, and waits while the reader is slower: what is exported may be larger than memory. */
export async function writeSlowly(output: Output, chunk: string | Uint8Array): Promise<void> {
  if (output.write(chunk)) return;
  await new Promise<void>((resolve) => void output.once("drain", resolve));
}

/** All of standard input; at most `bytesMax`. */
export async function readInput({ stdin }: Terminal, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stdin) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    length += bytes.length;
    if (length > bytesMax) throw new RangeError(`standard input has more than ${bytesMax} bytes`);
    chunks.push(bytes);
  }
  return Uint8Array.from(Buffer.concat(chunks));
}
