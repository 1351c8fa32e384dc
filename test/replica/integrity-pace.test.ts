// A comparison of a large store goes on beside what else a replica does: it is judged however long the
// hashes take, and makes room where others want the thread. Method: slices of two rows, and a patience
// that is shorter than a hash takes.

import { describe, test, vi } from "vitest";

import { encodeUtf8 } from "../../src/base/bytes.ts";
import { COMPARE_MS, COMPARE_PAUSE_MS_MAX, COMPARE_YIELD } from "../../src/base/limits.ts";
import { asMilliseconds, type Bytes } from "../../src/base/types.ts";
import { put } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";

const PATIENCE_MS = 20;

vi.mock("../../src/base/limits.ts", async (original) => ({
  ...(await original<typeof import("../../src/base/limits.ts")>()),
  COMPACTION_SLICE_ROWS: 2,
  COMPARE_PATIENCE_MS: 20,
}));

const KEYS = 40;
const SLICES = KEYS / 2;

const key = encodeUtf8;

function filledCluster(): VirtualCluster {
  const cluster = new VirtualCluster(3);
  for (let n = 0; n < KEYS; n++) cluster.serve(put(key(`k${n}`), key(`v${n}`)));
  cluster.runUntil(() => cluster.statuses().every(({ clusterVersion }) => clusterVersion === 3));
  cluster.run(COMPARE_MS);
  return cluster;
}

type Node = VirtualCluster["nodes"][number];

const isCompared = ({ sql }: Node): boolean => {
  const [row] = sql.all<{ compared: Bytes | null }>("SELECT compared FROM meta");
  return row!.compared !== null;
};

/** How long the leader's own hash takes when each of its ticks is so late. */
function hashMs(cluster: VirtualCluster, lateMs: number): number {
  const leader = cluster.leader()!;
  const tick = leader.core.tick.bind(leader.core);
  leader.core.tick = (now) => tick(asMilliseconds(now + lateMs));
  cluster.serve(put(key("k0"), key("again")));
  const from = cluster.now;
  cluster.runUntil(() => isCompared(leader), 2 * SLICES * COMPARE_PAUSE_MS_MAX);
  return cluster.now - from;
}

describe("a comparison that takes longer than the patience", () => {
  test("still finds who differs", ({ expect }) => {
    const cluster = filledCluster();
    const wrong = cluster.nodes.find((node) => node !== cluster.leader())!;
    wrong.sql.run("UPDATE now SET value = x'00'");
    expect(hashMs(cluster, 0)).toBeGreaterThan(2 * PATIENCE_MS);
    cluster.run(2_000);
    const alarms = cluster.leader()!.sql.all("SELECT member, alarm FROM alarm");
    expect(alarms).toEqual([{ member: `${wrong.id}`, alarm: "corrupt" }]);
  });
});

describe("a comparison on a replica whose ticks come late", () => {
  const LATE = [
    [2, 2 * COMPARE_YIELD],
    [30, COMPARE_PAUSE_MS_MAX],
  ] as const;

  test.for(LATE)("by %d ms pauses for %d ms between slices", ([lateMs, pauseMs], { expect }) => {
    const took = hashMs(filledCluster(), lateMs);
    expect(took).toBeGreaterThan(0.8 * SLICES * (pauseMs + lateMs));
    expect(took).toBeLessThan(1.5 * SLICES * (pauseMs + lateMs));
  });
});
