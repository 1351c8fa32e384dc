// Goal: we answer as etcd does, to the message. Method: every sequence of the corpus is sent to our
// whole server in this process, and its answers compared with those that a real etcd has given. Where
// they may differ, `differences.ts` says why; `npm run test:etcd` compares with an etcd that runs.

import { readFileSync } from "node:fs";
import { afterAll, describe, test, vi } from "vitest";
import { judge, renderFinding } from "./comparison.ts";
import { CORPUS } from "./corpus/corpus.ts";
import { DIFFERENCES, type Difference } from "./differences.ts";
import { askOurs } from "./live.ts";
import { readRecording } from "./recording.ts";
import { describeStep } from "./conversation.ts";
import type { Topic } from "./sequence.ts";

/** Passwords would take most of the time. */
vi.mock("bcryptjs", async (original) => {
  const bcrypt = await original<typeof import("bcryptjs")>();
  const hash: typeof bcrypt.hash = (password: string, salt: number | string) =>
    bcrypt.hash(password, String(salt).replace("$10$", "$04$"));
  return { ...bcrypt, hash };
});

const used = new Set<Difference>();

async function unexplainedOf(topic: Topic, name: string): Promise<string[]> {
  const sequence = topic.sequences.find((one) => one.name === name)!;
  const recorded = readRecording(topic.name).transcripts.get(name)!;
  const judgement = judge({ topic: topic.name, sequence: name }, recorded, await askOurs(sequence));
  for (const difference of judgement.used) used.add(difference);
  return judgement.unexplained.map(renderFinding);
}

describe.for(CORPUS)("$name", (topic) => {
  test("is recorded as it is asked", ({ expect }) => {
    const { transcripts } = readRecording(topic.name);
    const asked = topic.sequences.map(({ name, steps }) => [name, steps.map(describeStep)]);
    const recorded = [...transcripts].map(([name, { replies }]) => [
      name,
      replies.map(({ request }) => request),
    ]);
    expect(recorded, "npm run test:etcd -- --record").toEqual(asked);
  });
});

const sequencesOf = (topics: readonly Topic[]) =>
  topics.flatMap((topic) => topic.sequences.map(({ name }) => ({ topic, name })));

test.for(sequencesOf(CORPUS))("$topic.name: $name", async ({ topic, name }, { expect }) => {
  expect(await unexplainedOf(topic, name)).toEqual([]);
});

describe("the table of differences", () => {
  afterAll(() => used.clear());

  test("has no stale entry", ({ expect }) => {
    const stale = DIFFERENCES.filter((difference) => !used.has(difference));
    expect(stale.map(({ name }) => name)).toEqual([]);
  });

  test("agrees with the documentation", ({ expect }) => {
    const rows = readFileSync("docs/differences-from-etcd.md", "utf8")
      .split("\n")
      .filter((line) => line.startsWith("| "))
      .map((line) => line.split("|")[1]!.trim());
    const missing = DIFFERENCES.filter(({ row }) => !rows.includes(row));
    expect(missing.map(({ name, row }) => `${row}: ${name}`)).toEqual([]);
  });
});

test("the corpus has at least 400 sequences", ({ expect }) => {
  const count = CORPUS.reduce((sum, { sequences }) => sum + sequences.length, 0);
  expect(count).toBeGreaterThanOrEqual(400);
});
