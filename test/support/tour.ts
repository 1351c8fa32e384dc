// Owns typing along with a document: the commands of its console blocks are run, and what they print
// is compared with what the document shows. What differs from run to run is abbreviated there:
//
//   3350...   a number that begins anyhow, and is the same wherever it is abbreviated so
//   ...       anything

import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** What curl ends with when its time limit is over, as it is with a watch. */
const CURL_TIMED_OUT = 28;

export interface Step {
  readonly command: string;
  readonly output: string;
}

/** The commands of the console blocks of `file`, a path from the root, with the output under each. */
export function stepsOf(file: string): Step[] {
  const text = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
  const blocks = [...text.matchAll(/```console\n([\s\S]*?)```/gu)].map((match) => match[1]!);
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /mu)
      .filter((part) => part !== "")
      .map((part) => {
        const [command, ...output] = part.split("\n");
        return { command: command!, output: output.join("\n").trim() };
      }),
  );
}

/** One walk through a document, against a server that is there, in a directory of its own. */
export class Tour {
  readonly #directory = mkdtempSync(join(tmpdir(), "tour-"));
  readonly #host: string;
  /** What abbreviated numbers are in this run. */
  readonly #numbers = new Map<string, string>();

  constructor(url: string) {
    this.#host = new URL(url).host;
  }

  /** Runs the command as it is written and returns what it printed, and what it should have. */
  async take({ command, output }: Step): Promise<{ printed: string; expected: RegExp }> {
    const here = command
      .replaceAll("localhost:8787", this.#host)
      .replaceAll(/\d+\.{3}/gu, (short) => this.#numbers.get(short) ?? short)
      .replaceAll("curl", "curl -sS");
    const printed = (await type(here, this.#directory)).trim();
    const { expected, news } = this.#expect(output);
    for (const [at, value] of (expected.exec(printed) ?? []).slice(1).entries()) {
      this.#numbers.set(news[at]!, value);
    }
    return { printed, expected };
  }

  /** A pattern that captures the numbers that were not heard before, `news`. */
  #expect(output: string): { expected: RegExp; news: string[] } {
    const news: string[] = [];
    const literal = output.replaceAll(/[.*+?^${}()|[\]\\]/gu, String.raw`\$&`);
    const source = literal.replaceAll(/(\d*)(?:\\\.){3}/gu, (_, digits: string) => {
      if (digits === "") return ".*?";
      const short = `${digits}...`;
      const known = this.#numbers.get(short);
      if (known !== undefined) return known;
      if (news.includes(short)) return `\\${news.indexOf(short) + 1}`;
      news.push(short);
      return String.raw`(\d+)`;
    });
    return { expected: new RegExp(`^${source}$`, "u"), news };
  }
}

async function type(command: string, cwd: string): Promise<string> {
  try {
    return (await run("bash", ["-c", command], { cwd })).stdout;
  } catch (error) {
    const { stdout, code } = error as { stdout: string; code: number };
    if (command.includes("--max-time") && code === CURL_TIMED_OUT) return stdout;
    throw error;
  }
}
