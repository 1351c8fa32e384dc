// An idle cluster costs nothing, and wakes without an election. Method: whole cores in virtual time,
// whose calls are counted; what a Durable Object makes of a far deadline is `wakeups.ts`'s.

import { beforeEach, describe, test, type ExpectStatic } from "vitest";
import type { ClientRequest } from "../../src/api/replica.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { DEFAULT_LIMITS, type ClusterLimits } from "../../src/base/cluster-limits.ts";
import { SLEEP_MS_MAX } from "../../src/base/limits.ts";
import { asLeaseId, asMemberId } from "../../src/base/types.ts";
import { get, put } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";
import { beginWithAuth, login } from "./auth-cluster.ts";

const key = encodeUtf8;
const write = put(key("a"), key("1"));

let cluster: VirtualCluster;

beforeEach(() => {
  cluster = new VirtualCluster(3);
  cluster.serve(write);
  cluster.run(2_000);
});

const callsDuring = (ms: number): number => {
  const before = cluster.calls.length;
  cluster.run(ms);
  return cluster.calls.length - before;
};

const sleepers = (): number => cluster.statuses().filter(({ isAsleep }) => isAsleep).length;
const changes = (): unknown =>
  cluster.nodes.map(({ sql }) => sql.all("SELECT total_changes() AS changes"));
const followers = () => cluster.nodes.filter((node) => node !== cluster.leader());

describe("an idle cluster", () => {
  test("is asleep a second after the last work: no call, and no deadline for minutes", ({
    expect,
  }) => {
    cluster.serve(write);
    cluster.run(1_000);
    expect(sleepers()).toBe(3);
    expect(callsDuring(300_000)).toBe(0);
    for (const { core } of cluster.nodes) {
      expect(core.deadline()).toBeGreaterThan(cluster.now + 60_000);
    }
  });

  test("sends nothing for ten minutes, and after fifteen makes sure of its leader", ({
    expect,
  }) => {
    cluster.serve(write);
    cluster.run(1_000);
    const before = changes();
    expect(callsDuring(600_000)).toBe(0);
    expect(changes()).toEqual(before);
    expect(callsDuring(SLEEP_MS_MAX + 5_000)).toBeGreaterThan(0);
    expect(sleepers()).toBe(3);
  });

  test("sleeps although one replica is away, and looks after it ever more seldom", ({ expect }) => {
    const [away] = followers();
    away!.isCut = true;
    cluster.serve(write);
    cluster.run(2_500);
    expect(cluster.leader()!.core.status().isAsleep).toBe(true);
    expect(callsDuring(10_000)).toBeLessThan(8);
    cluster.run(SLEEP_MS_MAX);
    // The one that is away asks on its own account, and reaches nobody.
    const fromOthers = cluster.calls.length;
    const ofAway = (): number => cluster.calls.filter(({ from }) => from === away!.id).length;
    const awayBefore = ofAway();
    cluster.run(300_000);
    const others = cluster.calls.length - fromOthers - (ofAway() - awayBefore);
    expect(others).toBeLessThan(12);
  });

  test("takes back one that was away", ({ expect }) => {
    const [away] = followers();
    away!.isCut = true;
    cluster.serve(write);
    cluster.run(5_000);
    away!.isCut = false;
    cluster.run(10_000);
    expect(sleepers()).toBe(3);
    expect(away!.core.status().revision).toBe(cluster.leader()!.core.status().revision);
  });
});

describe("a cluster that wakes", () => {
  test("serves a write at once, without an election", ({ expect }) => {
    const { term } = cluster.leader()!.core.status();
    const started = cluster.now;
    expect(cluster.serve(write)).toMatchObject({ kind: "answered", header: { term } });
    expect(cluster.now - started).toBeLessThan(20);
  });

  test("serves a write although all objects have lost their memory, without an election", ({
    expect,
  }) => {
    const leader = cluster.leader()!;
    const { term } = leader.core.status();
    // The platform wakes the object that a request reaches; the others when that one calls them.
    cluster.restart(leader);
    expect(cluster.serve(write)).toMatchObject({ kind: "answered", header: { term } });
    for (const node of followers()) cluster.restart(node);
    cluster.run(3_000);
    expect(cluster.leader()!.core.status()).toMatchObject({ term, isAsleep: true });
  });

  test("makes a follower's read linearizable", ({ expect }) => {
    const [follower] = followers();
    const call = cluster.ask(follower!, get(key("a")), {
      freshness: { minRevision: null, maxStalenessMs: 0 },
    });
    cluster.run(50);
    expect(cluster.answers.get(call)).toMatchObject({ kind: "answered" });
  });

  test("elects another when the leader is gone and a router gives leave", ({ expect }) => {
    const leader = cluster.leader()!;
    const { term } = leader.core.status();
    const [other] = followers();
    leader.isCut = true;
    cluster.urge(other!, term);
    expect(cluster.runUntil(() => cluster.leader() !== null, 500)).toBe(true);
  });

  test("keeps its leader when one member cannot hear it, and is not kept awake", ({ expect }) => {
    const leader = cluster.leader()!;
    const [deaf] = followers();
    const { term } = leader.core.status();
    cluster.cutLink(leader, deaf!);
    cluster.serve(write);
    cluster.run(120_000);
    expect(cluster.leader()).toBe(leader);
    expect(leader.core.status().term).toBe(term);
    const before = cluster.calls.length;
    const ofDeaf = (): number => cluster.calls.filter(({ from }) => from === deaf!.id).length;
    const deafBefore = ofDeaf();
    cluster.run(600_000);
    const byDeaf = ofDeaf() - deafBefore;
    expect(cluster.calls.length - before - byDeaf).toBeLessThan(250);
    // Each question keeps the others in memory for 10 s.
    expect(byDeaf).toBeLessThan(20);
  });
});

describe("leases of a sleeping cluster", () => {
  test("expire when they are due, and not before", ({ expect }) => {
    const id = asLeaseId(7n);
    cluster.serve({ kind: "leaseGrant", id, ttlSeconds: 60 });
    cluster.serve(put(key("leased"), key("1"), id));
    cluster.run(55_000);
    const keys = (): number => {
      const answer = cluster.serve(get(key("leased")));
      if (answer.kind !== "answered" || answer.answer.kind !== "range")
        throw new Error("no answer");
      return answer.answer.answer.kvs.length;
    };
    expect(keys()).toBe(1);
    cluster.run(8_000);
    expect(keys()).toBe(0);
  });
});

describe("writes no row and sleeps on, but for a look at its leader,", () => {
  const alarm = { kind: "alarm", action: "activate", member: asMemberId(7n) } as const;
  const limits = (changed: Partial<ClusterLimits>): ClientRequest => ({
    kind: "setLimits",
    limits: { ...DEFAULT_LIMITS, ...changed },
  });
  const states: readonly [string, readonly ClientRequest[]][] = [
    ["with an alarm", [{ ...alarm, alarm: "noSpace" }]],
    ["with an alarm that its leader has raised", [limits({ quotaBytes: 1 }), write]],
    [
      "with leases that may not end",
      [
        { kind: "leaseGrant", id: asLeaseId(5n), ttlSeconds: 2 },
        { ...alarm, alarm: "corrupt" },
      ],
    ],
    ["with limits", [limits({ requestsPerSecond: 5, leases: 3, watches: 2 }), write]],
    ["after a compaction", [write, write, { kind: "compact", revision: 3, physical: true }]],
    ["after hashes", [{ kind: "hash" }, { kind: "hashKv", revision: 0 }]],
  ];
  function expectQuiet(expect: ExpectStatic): void {
    cluster.run(120_000);
    const before = changes();
    cluster.run(3 * SLEEP_MS_MAX);
    expect(changes()).toEqual(before);
    expect(sleepers()).toBe(3);
    for (const { core } of cluster.nodes) {
      expect(core.deadline()).toBeGreaterThan(cluster.now + 60_000);
    }
  }

  test.for(states)("%s", ([, requests], { expect }) => {
    for (const request of requests) cluster.serve(request);
    expectQuiet(expect);
  });

  test("with auth, after a token was extended", ({ expect }) => {
    cluster = beginWithAuth();
    const credentials = login(cluster, "ann");
    cluster.run(61_000);
    cluster.serve(get(key("a")), { credentials });
    expectQuiet(expect);
  });
});
