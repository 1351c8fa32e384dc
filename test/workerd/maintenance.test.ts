// What the platform tells of a replica's database, and maintenance on it.

import { beforeAll, describe, test } from "vitest";
import type { ClientAnswer, ClientRequest } from "../../src/api/replica.ts";
import type { StatusAnswer } from "../../src/base/maintenance.ts";
import { ask, createCluster, put } from "./cluster.ts";

const CLUSTER = "maintenance";

async function answerOf(request: ClientRequest): Promise<ClientAnswer> {
  const answer = await ask(CLUSTER, request);
  if (answer.kind !== "answered") throw new Error(`not answered: ${answer.kind}`);
  return answer.answer;
}

async function status(): Promise<StatusAnswer> {
  const answer = await answerOf({ kind: "status" });
  if (answer.kind !== "status") throw new Error(answer.kind);
  return answer.answer;
}

describe("a replica's database", () => {
  beforeAll(async () => {
    await createCluster(CLUSTER);
    await answerOf(put("a", "1"));
  });

  test("has a size that grows with what is written and shrinks with what is dropped", async ({
    expect,
  }) => {
    const before = await status();
    for (let n = 0; n < 8; n++) await answerOf(put(`k${n}`, "x".repeat(200_000)));
    const filled = await status();
    expect(filled.inUseBytes).toBeGreaterThan(before.inUseBytes + 1_600_000);
    expect(filled.sizeBytes).toBeGreaterThanOrEqual(filled.inUseBytes);
    for (let n = 0; n < 8; n++) await answerOf(put(`k${n}`, "x"));
    const overwritten = await status();
    await answerOf({ kind: "compact", revision: 18, physical: true });
    const swept = await status();
    expect(swept.inUseBytes).toBeLessThan(overwritten.inUseBytes - 1_000_000);
  });

  test("is hashed and defragmented", async ({ expect }) => {
    expect(await answerOf({ kind: "hash" })).toMatchObject({ kind: "hash" });
    expect(await answerOf({ kind: "hashKv", revision: 0 })).toMatchObject({ kind: "hashKv" });
    expect(await answerOf({ kind: "defragment" })).toEqual({ kind: "defragment" });
  });
});
