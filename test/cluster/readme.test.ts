// The README's tour, typed along: every command is run against a fresh server, every answer compared
// with what the README shows. Ids differ from run to run; the README abbreviates them with "...".

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, test } from "vitest";
import { startServer, type Server } from "../support/server.ts";

const run = promisify(execFile);

interface Step {
  readonly command: string;
  readonly output: string;
}

/** The commands of the README's console blocks, with the output shown under each. */
function tour(): Step[] {
  const text = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
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

/** What the output must look like: literal, but for ids that the README abbreviates. */
function pattern(output: string): RegExp {
  const literal = output.replaceAll(/[.*+?^${}()|[\]\\]/gu, String.raw`\$&`);
  return new RegExp(`^${literal.replaceAll(/\d+(?:\\\.){3}/gu, String.raw`\d+`)}$`, "u");
}

describe("the README's tour", () => {
  const steps = tour();
  let server: Server;

  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(async () => {
    await server.stop();
  });

  test("has its commands", ({ expect }) => {
    expect(steps.length).toBeGreaterThan(15);
  });

  for (const [number, { command, output }] of steps.entries()) {
    test(`${number + 1}: ${command.slice(0, 80)}`, async ({ expect }) => {
      const here = command.replaceAll("localhost:8787", new URL(server.url).host);
      // A watch ends by its time limit, which curl reports as an exit code of its own.
      const isWatch = command.includes("--max-time");
      const { stdout } = await run("bash", ["-c", here.replace("curl", "curl -sS")]).catch(
        (error: { stdout: string; code: number }) => {
          if (isWatch && error.code === 28) return { stdout: error.stdout };
          throw error;
        },
      );
      expect(stdout.trim()).toMatch(pattern(output));
    });
  }
});
