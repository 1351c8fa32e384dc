// A member whose own database nears the platform's bound, before its leader's does. Method: whole cores
// with a low bound, one of which has something else in its database.

import { describe, test, vi } from "vitest";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { DEFAULT_LIMITS } from "../../src/base/cluster-limits.ts";
import { get, put } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";

const BOUND = 4_000_000;

vi.mock("../../src/base/limits.ts", async (original) => ({
  ...(await original<typeof import("../../src/base/limits.ts")>()),
  DATABASE_BYTES_MAX: 4_000_000,
}));

const write = put(encodeUtf8("a"), encodeUtf8("1"));

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
    cluster.serve(get(encodeUtf8("a")));
    cluster.run(500);
    // There is room on the leader all the while.
    expect(cluster.leader()!.core.status().alarms).toEqual([alarm]);
    full.sql.run("DROP TABLE junk");
    const remove = { key: encodeUtf8("a"), rangeEnd: encodeUtf8(""), prevKv: false };
    cluster.serve({ kind: "deleteRange", request: remove });
    cluster.run(500);
    expect(cluster.leader()!.core.status().alarms).toEqual([]);
    expect(cluster.serve(write)).toMatchObject({ kind: "answered" });
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
