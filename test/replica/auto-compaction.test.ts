// Compaction by itself, on whole cores in virtual time: what is kept, who does it after the leader has
// gone, and that a cluster in which nothing is written sleeps on.

import { describe, test } from "vitest";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { DEFAULT_LIMITS, type ClusterLimits } from "../../src/base/cluster-limits.ts";
import { AUTO_COMPACTION_MS_MAX, REVISION_COMPACTION_MS } from "../../src/base/limits.ts";
import { get, put } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";

const write = put(encodeUtf8("a"), encodeUtf8("1"));
const MINUTE = 60_000;

function compacting(autoCompaction: ClusterLimits["autoCompaction"], size = 3): VirtualCluster {
  const cluster = new VirtualCluster(size);
  cluster.serve(write);
  cluster.run(300);
  cluster.serve({ kind: "setLimits", limits: { ...DEFAULT_LIMITS, autoCompaction } });
  cluster.run(300);
  return cluster;
}

const compacted = (cluster: VirtualCluster): number[] =>
  cluster.nodes.map(
    ({ sql }) => sql.all<{ compacted: number }>("SELECT compacted FROM meta")[0]!.compacted,
  );

/** Writes every ten seconds; returns when each revision was there. */
function writeFor(cluster: VirtualCluster, ms: number, wrote = new Map<number, number>()) {
  for (let passed = 0; passed < ms; passed += 10_000) {
    const answer = cluster.serve(write);
    if (answer.kind !== "answered") throw new Error(answer.kind);
    wrote.set(answer.header.revision, cluster.now);
    cluster.run(10_000);
  }
  return wrote;
}

describe("periodic", () => {
  const policy = { mode: "periodic", retention: 5 * MINUTE } as const;

  test("keeps the window, and compacts once in it", ({ expect }) => {
    const cluster = compacting(policy);
    const wrote = writeFor(cluster, 9 * MINUTE);
    expect(compacted(cluster)).toEqual([-1, -1, -1]);
    const steps = new Set<number>();
    for (let minute = 0; minute < 20; minute++) {
      writeFor(cluster, MINUTE, wrote);
      const [at] = compacted(cluster);
      if (at === -1) continue;
      steps.add(at!);
      expect(compacted(cluster)).toEqual([at, at, at]);
      // What is gone was overwritten before the window; what was is not far behind it.
      expect(wrote.get(at! + 1)!).toBeLessThan(cluster.now);
      expect(cluster.now - wrote.get(at!)!).toBeGreaterThanOrEqual(5 * MINUTE);
      expect(cluster.now - wrote.get(at!)!).toBeLessThan(11.5 * MINUTE);
    }
    expect(steps.size).toBeGreaterThanOrEqual(3);
    expect(steps.size).toBeLessThanOrEqual(5);
  });

  test("of more than an hour: every hour, the window kept", ({ expect }) => {
    const cluster = compacting({ mode: "periodic", retention: 3 * AUTO_COMPACTION_MS_MAX }, 1);
    cluster.serve(write);
    cluster.run(4 * AUTO_COMPACTION_MS_MAX - 10 * MINUTE);
    cluster.serve(write);
    expect(compacted(cluster)).toEqual([-1]);
    cluster.run(11 * MINUTE);
    expect(compacted(cluster)).toEqual([3]);
  });

  test("goes on after a change of leader where that was, and never too early", ({ expect }) => {
    const cluster = compacting(policy);
    const wrote = writeFor(cluster, 7 * MINUTE);
    const old = cluster.leader()!;
    old.isCut = true;
    const next = cluster.nodes.find((node) => node !== old)!;
    cluster.urge(next, old.core.status().term);
    expect(cluster.runUntil(() => cluster.leader() === next)).toBe(true);
    writeFor(cluster, 2 * MINUTE, wrote);
    for (const node of cluster.nodes) if (node !== old) cluster.restart(node);
    expect(compacted(cluster)).toEqual([-1, -1, -1]);
    writeFor(cluster, 2 * MINUTE, wrote);
    const at = Math.max(...compacted(cluster));
    expect(at).toBeGreaterThan(1);
    expect(cluster.now - wrote.get(at)!).toBeGreaterThanOrEqual(5 * MINUTE);
  });
});

describe("by revisions", () => {
  test("keeps the latest, five minutes after there is anything to compact", ({ expect }) => {
    const cluster = compacting({ mode: "revision", retention: 10 });
    for (let n = 0; n < 10; n++) cluster.serve(write);
    cluster.run(2 * REVISION_COMPACTION_MS);
    expect(compacted(cluster)).toEqual([2, 2, 2]);
    cluster.serve(write);
    cluster.serve(write);
    cluster.run(REVISION_COMPACTION_MS - 5_000);
    expect(compacted(cluster)).toEqual([2, 2, 2]);
    cluster.run(10_000);
    expect(compacted(cluster)).toEqual([4, 4, 4]);
  });

  test("a compaction that a client makes counts as one", ({ expect }) => {
    const cluster = compacting({ mode: "revision", retention: 2 });
    for (let n = 0; n < 10; n++) cluster.serve(write);
    cluster.serve({ kind: "compact", revision: 11, physical: false });
    cluster.run(2 * REVISION_COMPACTION_MS);
    expect(compacted(cluster)).toEqual([11, 11, 11]);
  });
});

test("one that an alarm refuses is tried again once the alarm is lowered", ({ expect }) => {
  const cluster = compacting({ mode: "revision", retention: 1 });
  for (let n = 0; n < 5; n++) cluster.serve(write);
  const leader = cluster.leader()!;
  const others = cluster.nodes.filter((node) => node !== leader);
  const alarm = { kind: "alarm", member: leader.id, alarm: "corrupt" } as const;
  cluster.run(REVISION_COMPACTION_MS - 200);
  // The alarm is on its way when the compaction is proposed behind it.
  for (const other of others) other.isCut = true;
  cluster.ask(leader, { ...alarm, action: "activate" });
  cluster.run(400);
  for (const other of others) other.isCut = false;
  cluster.run(3_000);
  expect(cluster.leader()).toBe(leader);
  expect(leader.core.status().alarms).toHaveLength(1);
  expect(compacted(cluster)).toEqual([-1, -1, -1]);
  cluster.serve({ ...alarm, action: "deactivate" });
  cluster.run(5_000);
  expect(compacted(cluster)).toEqual([6, 6, 6]);
});

describe("an idle cluster", () => {
  test.for([
    { mode: "periodic", retention: 5 * MINUTE },
    { mode: "revision", retention: 1 },
  ] as const)(
    "$mode: compacts what was written last, and sleeps for ever",
    (policy, { expect }) => {
      const cluster = compacting(policy);
      for (let n = 0; n < 5; n++) cluster.serve(write);
      cluster.run(11 * MINUTE);
      const latest = policy.mode === "periodic" ? 7 : 6;
      expect(compacted(cluster)).toEqual([latest, latest, latest]);
      cluster.run(MINUTE);
      const rows = (): unknown[] =>
        cluster.nodes.map(({ sql }) => sql.all("SELECT * FROM rev_1").length);
      const before = rows();
      // Every quarter of an hour a sleeper asks for its leader; nothing else happens, and no row is written.
      cluster.run(60 * MINUTE);
      expect(rows()).toEqual(before);
      expect(cluster.statuses().every(({ isAsleep }) => isAsleep)).toBe(true);
      for (const { core } of cluster.nodes) {
        expect(core.deadline()).toBeGreaterThan(cluster.now + 20_000);
      }
    },
  );

  test("without anything written, nothing is ever due", ({ expect }) => {
    const cluster = new VirtualCluster(3);
    const autoCompaction = { mode: "periodic", retention: MINUTE } as const;
    cluster.serve(get(encodeUtf8("a")));
    cluster.run(300);
    cluster.serve({ kind: "setLimits", limits: { ...DEFAULT_LIMITS, autoCompaction } });
    cluster.run(2_000);
    const calls = cluster.calls.length;
    cluster.run(8 * MINUTE);
    expect(cluster.calls.length).toBe(calls);
    expect(compacted(cluster)).toEqual([-1, -1, -1]);
  });

  test("is not kept awake meanwhile: the leader is asleep until it is due", ({ expect }) => {
    const cluster = compacting({ mode: "periodic", retention: 5 * MINUTE });
    cluster.run(2_000);
    const calls = cluster.calls.length;
    cluster.run(8 * MINUTE);
    expect(cluster.calls.length).toBe(calls);
    expect(cluster.leader()!.core.status().isAsleep).toBe(true);
    expect(cluster.leader()!.core.deadline()).toBeGreaterThan(cluster.now + MINUTE);
    cluster.run(3 * MINUTE);
    expect(compacted(cluster)).toEqual([2, 2, 2]);
  });
});

test("a retention of 0, and none, are none", ({ expect }) => {
  for (const policy of [{ mode: "periodic", retention: 0 } as const, null]) {
    const cluster = compacting(policy);
    writeFor(cluster, 2 * MINUTE);
    cluster.serve(get(encodeUtf8("a")));
    cluster.run(AUTO_COMPACTION_MS_MAX);
    expect(compacted(cluster)).toEqual([-1, -1, -1]);
  }
});
