// A member whose own database nears the platform's bound, before its leader's does. Method: whole cores
// with a low bound, one of which has something else in its database.

import { describe, test, vi } from "vitest";
import type { ClientRequest } from "../../src/api/replica.ts";
import { EMPTY, encodeUtf8 } from "../../src/base/bytes.ts";
import { DEFAULT_LIMITS } from "../../src/base/cluster-limits.ts";
import { asMemberId } from "../../src/base/types.ts";
import { get, put } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";

const BOUND = 4_000_000;

vi.mock("../../src/base/limits.ts", async (original) => ({
  ...(await original<typeof import("../../src/base/limits.ts")>()),
  DATABASE_BYTES_MAX: 4_000_000,
}));

const key = encodeUtf8("a");
const write = put(key, encodeUtf8("1"));
const remove: ClientRequest = {
  kind: "deleteRange",
  request: { key, rangeEnd: EMPTY, prevKv: false },
};

function settled(): VirtualCluster {
  const cluster = new VirtualCluster(3);
  cluster.serve(write);
  cluster.run(300);
  return cluster;
}

const follower = (cluster: VirtualCluster) =>
  cluster.nodes.find((node) => node !== cluster.leader())!;

describe("a follower that has no room left", () => {
  test("has its leader raise the alarm, and lower it once there is room", ({ expect }) => {
    const cluster = settled();
    const full = follower(cluster);
    full.sql.run("CREATE TABLE junk (body BLOB)");
    full.sql.run("INSERT INTO junk VALUES (zeroblob(?))", BOUND);
    cluster.serve(write);
    cluster.run(500);
    const alarm = { member: full.id, alarm: "noSpace" };
    expect(cluster.leader()!.core.status().alarms).toEqual([alarm]);
    expect(cluster.serve(write)).toMatchObject({ kind: "refused", refusal: "noSpace" });
    cluster.serve(get(key));
    cluster.run(500);
    // There is room on the leader all the while.
    expect(cluster.leader()!.core.status().alarms).toEqual([alarm]);
    // A little room is not enough: it would be gone with the next writes.
    full.sql.run("DROP TABLE junk");
    full.sql.run("CREATE TABLE junk (body BLOB)");
    full.sql.run("INSERT INTO junk VALUES (zeroblob(?))", 0.92 * BOUND);
    for (let n = 0; n < 3; n++) cluster.serve(remove);
    cluster.run(500);
    expect(cluster.leader()!.core.status().alarms).toEqual([alarm]);
    full.sql.run("DROP TABLE junk");
    cluster.serve(remove);
    cluster.run(500);
    expect(cluster.leader()!.core.status().alarms).toEqual([]);
    expect(cluster.serve(write)).toMatchObject({ kind: "answered" });
  });

  test("keeps its alarm no longer when another had room before it", ({ expect }) => {
    const cluster = settled();
    const full = cluster.nodes.filter((node) => node !== cluster.leader());
    const alarm = { kind: "alarm", member: asMemberId(7n), alarm: "noSpace" } as const;
    cluster.serve({ ...alarm, action: "activate" });
    for (const { sql } of full) {
      sql.run("CREATE TABLE junk (body BLOB)");
      sql.run("INSERT INTO junk VALUES (zeroblob(?))", BOUND);
    }
    for (const request of [remove, get(key), { ...alarm, action: "deactivate" } as const]) {
      cluster.serve(request);
      cluster.run(500);
    }
    for (const left of [1, 0]) {
      expect(cluster.leader()!.core.status().alarms).toHaveLength(left + 1);
      full[left]!.sql.run("DROP TABLE junk");
      cluster.serve(remove);
      cluster.serve(get(key));
      cluster.run(500);
      expect(cluster.leader()!.core.status().alarms).toHaveLength(left);
    }
  });
});

test("no quota is the bound of the platform, and none goes beyond it", ({ expect }) => {
  const cluster = settled();
  for (const quotaBytes of [0, 10 * BOUND]) {
    cluster.serve({ kind: "setLimits", limits: { ...DEFAULT_LIMITS, quotaBytes } });
    const id = cluster.ask(cluster.leader()!, { kind: "status" });
    expect(cluster.answers.get(id)).toMatchObject({ answer: { answer: { quotaBytes: BOUND } } });
  }
});
