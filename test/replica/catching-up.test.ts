// A replica whose next entry is trimmed gets a snapshot, in parts. Method: whole cores in virtual
// time, with bounds so small that logs are trimmed early and snapshots have many parts.

import { beforeEach, describe, test, vi } from "vitest";
import type { ReplicaAnswer } from "../../src/api/replica.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { DEFAULT_LIMITS } from "../../src/base/cluster-limits.ts";
import { asLeaseId, asMemberId } from "../../src/base/types.ts";
import { CODE_VERSION } from "../../src/base/versions.ts";
import { FIRST_CURSOR } from "../../src/mvcc/snapshot-part.ts";
import { hasStaging, stagePart } from "../../src/mvcc/snapshot-sink.ts";
import { SnapshotSource } from "../../src/mvcc/snapshot-source.ts";
import { Store } from "../../src/mvcc/store.ts";
import { UNVERSIONED } from "../../src/replica/applied-state.ts";
import { get, put } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";

vi.mock("../../src/base/limits.ts", async (original) => ({
  ...(await original<typeof import("../../src/base/limits.ts")>()),
  SEGMENT_BYTES: 400,
  LOG_ENTRIES_KEPT: 4,
  LOG_ENTRIES_KEPT_FULL: 4,
  SNAPSHOT_PART_BYTES: 200,
  APPEND_BYTES_MAX: 200,
}));

const key = encodeUtf8;

let cluster: VirtualCluster;

beforeEach(() => {
  cluster = new VirtualCluster(3);
  cluster.serve({ kind: "leaseGrant", id: asLeaseId(7n), ttlSeconds: 600 });
  fill(0, 20);
});

function fill(from: number, count: number): void {
  for (let n = from; n < from + count; n++) {
    cluster.serve(put(key(`k${n % 15}`), key(`value ${n}`), asLeaseId(n % 3 === 0 ? 7n : 0n)));
  }
}

const follower = () => cluster.nodes.find((node) => node !== cluster.leader())!;

/** What a replica shows of a key, without asking anyone. */
function shown(node: (typeof cluster.nodes)[number], name: string): unknown {
  const call = cluster.ask(node, { ...get(key(name)), serializable: true } as never);
  const answer = cluster.answers.get(call) as ReplicaAnswer & { kind: "answered" };
  return answer.answer.kind === "range" ? answer.answer.answer.kvs : null;
}

const sameEverywhere = (): boolean => {
  const revisions = new Set(cluster.statuses().map(({ revision }) => revision));
  const keys = Array.from({ length: 15 }, (_, n) => `k${n}`);
  const [first, ...others] = cluster.nodes.map((node) =>
    JSON.stringify(
      keys.map((name) => shown(node, name)),
      (_, value: unknown) => (typeof value === "bigint" ? String(value) : value),
    ),
  );
  return revisions.size === 1 && others.every((other) => other === first);
};

const snapshotsInstalled = (node: (typeof cluster.nodes)[number]): boolean =>
  node.sql.all<{ log_index: number }>("SELECT log_index FROM meta")[0]!.log_index > 0;

describe("a replica that was away while logs were trimmed", () => {
  test("catches up by a snapshot while writes go on", ({ expect }) => {
    const away = follower();
    away.isCut = true;
    fill(20, 60);
    away.isCut = false;
    fill(80, 20);
    expect(cluster.runUntil(sameEverywhere)).toBe(true);
    expect(away.incarnation).toBeGreaterThan(1);
    fill(100, 5);
    expect(cluster.runUntil(sameEverywhere)).toBe(true);
  });

  test("learns of alarms and limits by it", ({ expect }) => {
    cluster.run(300);
    const away = follower();
    away.isCut = true;
    const alarm = { kind: "alarm", member: asMemberId(7n), alarm: "noSpace" } as const;
    cluster.serve({ ...alarm, action: "activate" });
    const limits = { ...DEFAULT_LIMITS, leases: 1 };
    cluster.serve({ kind: "setLimits", limits });
    const request = { key: key("none"), rangeEnd: key(""), prevKv: false };
    for (let n = 0; n < 60; n++) cluster.serve({ kind: "deleteRange", request });
    away.isCut = false;
    expect(cluster.runUntil(() => away.incarnation > 1)).toBe(true);
    cluster.run(500);
    expect(away.core.status().alarms).toEqual([{ member: alarm.member, alarm: alarm.alarm }]);
    cluster.serve({ ...alarm, action: "deactivate" });
    cluster.serve({ kind: "moveLeader", target: away.id });
    cluster.runUntil(() => cluster.leader() === away);
    expect(cluster.leader()).toBe(away);
    expect(cluster.serve({ kind: "limits" })).toMatchObject({ answer: { limits } });
    const grant = { kind: "leaseGrant", id: asLeaseId(8n), ttlSeconds: 600 } as const;
    expect(cluster.serve(grant)).toMatchObject({ kind: "refused", refusal: "tooManyRequests" });
  });

  test("goes on where it was when it restarts in the midst of it", ({ expect }) => {
    const away = follower();
    away.isCut = true;
    fill(20, 60);
    away.isCut = false;
    const nextPart = (): number =>
      away.sql.all<{ next_part: number }>("SELECT next_part FROM staging")[0]?.next_part ?? 0;
    expect(cluster.runUntil(() => nextPart() >= 3)).toBe(true);
    const had = nextPart();
    cluster.restart(away);
    expect(nextPart()).toBe(had);
    expect(cluster.runUntil(() => nextPart() > had)).toBe(true);
    expect(cluster.runUntil(sameEverywhere)).toBe(true);
  });

  // The leader serves only once a quorum has its log, and here the quorum needs the snapshot for that.
  test("gets another when versions have moved under it, for the cluster's was lowered", ({
    expect,
  }) => {
    cluster.runUntil(() =>
      cluster.statuses().every((each) => each.clusterVersion === CODE_VERSION),
    );
    fill(20, 20);
    const away = follower();
    away.isCut = true;
    fill(40, 20);
    away.isCut = false;
    expect(cluster.runUntil(() => hasStaging(away.sql))).toBe(true);
    expect(cluster.serve({ kind: "capVersion", cap: 4 })).toMatchObject({ kind: "answered" });
    const isLowered = (): boolean =>
      cluster.statuses().every(({ clusterVersion }) => clusterVersion === 4);
    expect(cluster.runUntil(() => sameEverywhere() && isLowered())).toBe(true);
    expect(snapshotsInstalled(away)).toBe(true);
    expect(away.sql.all("SELECT key FROM old").length).toBeGreaterThan(0);
  });

  test("is what a leader that has restarted needs in order to serve", ({ expect }) => {
    const away = follower();
    const leader = cluster.leader()!;
    const other = cluster.nodes.find((node) => node !== leader && node !== away)!;
    away.isCut = true;
    fill(20, 60);
    other.isCut = true;
    cluster.restart(leader);
    away.isCut = false;
    const served = (): boolean => {
      const leading = cluster.leader();
      if (leading === null) return false;
      const call = cluster.ask(leading, put(key("a"), key("1")), { timeoutMs: 400 });
      cluster.run(500);
      return cluster.answers.get(call)?.kind === "answered";
    };
    expect(cluster.runUntil(served, 1_000)).toBe(true);
  });

  test("gets another from another leader", ({ expect }) => {
    const away = follower();
    const leader = cluster.leader()!;
    away.isCut = true;
    fill(20, 60);
    away.isCut = false;
    cluster.run(30);
    leader.isCut = true;
    expect(cluster.runUntil(() => cluster.leader() !== null, 10_000)).toBe(true);
    fill(80, 10);
    leader.isCut = false;
    expect(cluster.runUntil(sameEverywhere, 20_000)).toBe(true);
  });

  test("needs one snapshot, however fast writes come while it is sent and after", ({ expect }) => {
    const away = follower();
    away.isCut = true;
    for (let n = 0; n < 200; n++) cluster.serve(put(key(`many/${n}`), key(`value ${n}`)));
    away.isCut = false;
    const before = away.incarnation;
    for (let n = 0; n < 1_900; n++) {
      cluster.ask(cluster.leader()!, put(key(`many/${n % 200}`), key(`value ${n}`)));
      cluster.run(1);
    }
    expect(cluster.runUntil(sameEverywhere)).toBe(true);
    expect(away.incarnation).toBe(before + 1);
    fill(480, 30);
    const [log] = cluster.leader()!.sql.all<{ log_index: number }>("SELECT log_index FROM meta");
    expect(log!.log_index).toBeGreaterThan(cluster.leader()!.core.status().applied - 30);
  });

  test("holds the sweep up until it has the snapshot, and a compaction that waits for it", ({
    expect,
  }) => {
    const away = follower();
    const leader = cluster.leader()!;
    away.isCut = true;
    fill(20, 60);
    away.isCut = false;
    const staged = (): unknown[] => away.sql.all("SELECT next_part FROM staging");
    expect(cluster.runUntil(() => staged().length > 0)).toBe(true);
    // Before it has all of it, the receiver goes away.
    away.isCut = true;
    const request = { kind: "compact", revision: 60, physical: true } as const;
    const call = cluster.ask(leader, request, { timeoutMs: 120_000 });
    cluster.run(20_000);
    expect(cluster.answers.has(call)).toBe(false);
    cluster.run(60_000);
    expect(cluster.answers.get(call)).toMatchObject({ kind: "answered" });
    const old = leader.sql.all<{ n: number }>("SELECT count(*) AS n FROM old WHERE until <= 60");
    expect(old[0]!.n).toBe(0);
  });

  test("leaves nothing behind of a snapshot that the log has overtaken", ({ expect }) => {
    const { sql } = cluster.leader()!;
    const source = new SnapshotSource({ sql, store: new Store(sql), unversioned: UNVERSIONED });
    const other = follower();
    stagePart(other.sql, { snapshot: "of another", part: 0, data: source.part(FIRST_CURSOR).data });
    cluster.restart(other);
    fill(20, 1);
    cluster.run(100);
    expect(hasStaging(other.sql)).toBe(false);
  });

  test("gets one from a leader that cannot serve without it", ({ expect }) => {
    const away = follower();
    const leader = cluster.leader()!;
    away.isCut = true;
    fill(20, 60);
    // A quorum of those that are left takes the one that was away.
    cluster.nodes.find((node) => node !== leader && node !== away)!.isCut = true;
    cluster.restart(leader);
    away.isCut = false;
    expect(cluster.runUntil(() => away.core.status().revision > 60, 20_000)).toBe(true);
    expect(cluster.serve(put(key("a"), key("1")))).toMatchObject({ kind: "answered" });
  });

  test("is not waited for: the leader goes on trimming", ({ expect }) => {
    const away = follower();
    away.isCut = true;
    fill(20, 60);
    const { log_index } = cluster
      .leader()!
      .sql.all<{ log_index: number }>("SELECT log_index FROM meta")[0]!;
    expect(log_index).toBeGreaterThan(40);
  });
});

describe("a new member", () => {
  test("gets the members and the leases with its snapshot, and votes", ({ expect }) => {
    fill(20, 60);
    cluster.run(500);
    const member = cluster.join("region-4");
    const added = cluster.serve({
      kind: "memberAdd",
      region: "region-4",
      isLearner: true,
      member,
    });
    expect(added).toMatchObject({ kind: "answered" });
    expect(cluster.runUntil(sameEverywhere)).toBe(true);
    expect(snapshotsInstalled(cluster.node(member.id))).toBe(true);
    const promoted = cluster.serve({ kind: "memberPromote", id: asMemberId(4n) });
    expect(promoted).toMatchObject({ kind: "answered" });
    expect(cluster.runUntil(() => cluster.node(4).core.status().role === "follower")).toBe(true);
    expect(cluster.node(4).core.needs.time).toBe(true);
    expect(cluster.node(4).core.directory.members).toHaveLength(4);
  });
});
