// What a write costs on the real platform: rows are what is billed, on every replica.

import { beforeAll, describe, test } from "vitest";
import type { ClientRequest } from "../../src/api/replica.ts";
import { asLeaseId } from "../../src/base/types.ts";
import { CODE_VERSION } from "../../src/base/versions.ts";
import { pause } from "../../src/object/pause.ts";
import { allApplied, ask, createCluster, get, put, REGIONS, replica } from "./cluster.ts";

const CLUSTER = "cost";

const rows = (): Promise<number[]> =>
  Promise.all(REGIONS.map(async (region) => (await replica(CLUSTER, region).cost()).rowsWritten));

/** The rows that one request writes on each replica. */
async function rowsOf(request: ClientRequest, idempotencyKey?: string): Promise<number[]> {
  const before = await rows();
  const answer = await ask(CLUSTER, request, idempotencyKey);
  if (answer.kind !== "answered") throw new Error(`not answered: ${answer.kind}`);
  await allApplied(CLUSTER, answer.header.revision);
  const after = await rows();
  return after.map((count, index) => count - before[index]!);
}

describe("rows written by a lone write, on each replica", () => {
  beforeAll(async () => {
    await createCluster(CLUSTER);
    // The first write makes the segments' tables, which costs a few rows once.
    await rowsOf(put("first", "1"));
    // So does the entry that raises the cluster to the version of its members' code.
    const versions = async (): Promise<number[]> =>
      Promise.all(
        REGIONS.map(async (region) => (await replica(CLUSTER, region).status())!.clusterVersion),
      );
    while ((await versions()).some((version) => version < CODE_VERSION)) await pause(20);
  });

  test("a put that creates a key: 3", async ({ expect }) => {
    expect(await rowsOf(put("a", "1"))).toEqual([3, 3, 3]);
  });

  test("a put that overwrites: 3", async ({ expect }) => {
    expect(await rowsOf(put("a", "2"))).toEqual([3, 3, 3]);
  });

  test("two more when its lease changes: the index, and the version before", async ({ expect }) => {
    await ask(CLUSTER, { kind: "leaseGrant", id: asLeaseId(5n), ttlSeconds: 600 });
    // The grant itself has set the alarm that backs up the lease's timer.
    await rowsOf(put("b", "1"));
    expect(await rowsOf(put("b", "2", asLeaseId(5n)))).toEqual([5, 5, 5]);
  });

  test("one more when it comes with an idempotency key", async ({ expect }) => {
    const named = (key: string): Promise<number[]> => rowsOf(put("a", "3"), key);
    expect(await named("first")).toEqual([4, 4, 4]);
    expect(await named("second")).toEqual([4, 4, 4]);
  });

  test("a read: none", async ({ expect }) => {
    const before = await rows();
    await ask(CLUSTER, get("a"));
    expect(await rows()).toEqual(before);
  });

  test("64 puts at once cost little more than one row each", async ({ expect }) => {
    const before = await rows();
    await Promise.all(Array.from({ length: 64 }, (_, n) => ask(CLUSTER, put(`batch/${n}`, "1"))));
    await allApplied(CLUSTER, (await replica(CLUSTER, "wnam").status())!.revision);
    const after = await rows();
    const perPut = (after[0]! - before[0]!) / 64;
    expect(perPut).toBeLessThan(1.5);
  });
});
