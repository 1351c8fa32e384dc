// Status, hashes and defragmenting on whole cores: who answers, what is the same everywhere, and that
// nothing large is done in one turn.

import { describe, test } from "vitest";
import type { ClientAnswer, ClientRequest, ReplicaAnswer } from "../../src/api/replica.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { DEFAULT_LIMITS } from "../../src/base/cluster-limits.ts";
import { HASHES_MAX } from "../../src/base/limits.ts";
import { asLeaseId, asMemberId } from "../../src/base/types.ts";
import { hashKv } from "../../src/mvcc/hash-kv.ts";
import { Store } from "../../src/mvcc/store.ts";
import { put } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";

const HASH: ClientRequest = { kind: "hash" };
const HASH_KV = { kind: "hashKv", revision: 0 } as const;

/** Keys with a lease: what is superseded stands in rows that a sweep deletes. */
function filled(keys = 30): VirtualCluster {
  const lease = asLeaseId(7n);
  const cluster = new VirtualCluster(3);
  cluster.serve({ kind: "leaseGrant", id: lease, ttlSeconds: 600 });
  cluster.run(300);
  for (let n = 0; n < keys; n++) {
    cluster.ask(cluster.leader()!, put(encodeUtf8(`k${n % 1_000}`), encodeUtf8(`${n}`), lease));
    if (n % 500 === 499) cluster.run(100);
  }
  cluster.run(1_000);
  return cluster;
}

function answerOf(answer: ReplicaAnswer | undefined): ClientAnswer {
  if (answer?.kind !== "answered") throw new Error(answer?.kind ?? "no answer");
  return answer.answer;
}

const hash = (cluster: VirtualCluster): ClientAnswer => answerOf(cluster.serve(HASH));

/** The answer of each replica in turn: each is made leader for it. */
function askEach(cluster: VirtualCluster, request: ClientRequest): ClientAnswer[] {
  return cluster.nodes.map((node) => {
    cluster.serve({ kind: "moveLeader", target: node.id });
    cluster.runUntil(() => cluster.leader() === node);
    return answerOf(cluster.serve(request));
  });
}

describe("the hash of everything", () => {
  test("is the same on every replica, however its leases came to their pages", ({ expect }) => {
    const cluster = filled();
    for (let n = 100n; n < 400n; n++) {
      cluster.serve({ kind: "leaseGrant", id: asLeaseId(n), ttlSeconds: 6_000 });
      if (n === 250n) {
        for (let gone = 100n; gone < 140n; gone++) {
          cluster.serve({ kind: "leaseRevoke", id: asLeaseId(gone) });
        }
        cluster.run(300);
        cluster.restart(cluster.nodes[0]!);
      }
    }
    const [first, second, third] = askEach(cluster, HASH);
    expect(second).toEqual(first);
    expect(third).toEqual(first);
  });

  test("moves with keys, leases, alarms and limits, and with nothing else", ({ expect }) => {
    const cluster = filled();
    const seen = [hash(cluster)];
    expect(hash(cluster)).toEqual(seen[0]);
    const alarm = { kind: "alarm", member: asMemberId(7n), alarm: "corrupt" } as const;
    const changes: ClientRequest[] = [
      put(encodeUtf8("a"), encodeUtf8("1")),
      { kind: "leaseGrant", id: asLeaseId(8n), ttlSeconds: 600 },
      { kind: "setLimits", limits: { ...DEFAULT_LIMITS, leases: 9 } },
      { ...alarm, action: "activate" },
    ];
    for (const change of changes) {
      answerOf(cluster.serve(change));
      const now = hash(cluster);
      expect(seen).not.toContainEqual(now);
      seen.push(now);
    }
    answerOf(cluster.serve({ ...alarm, action: "deactivate" }));
    expect(hash(cluster)).toEqual(seen.at(-2));
  });
});

describe("the hash of the history", () => {
  test("is what the store has, at any revision that is left", ({ expect }) => {
    const cluster = filled();
    cluster.serve({ kind: "compact", revision: 12, physical: false });
    for (const revision of [0, 12, 20]) {
      const { sql } = cluster.leader()!;
      const expected = hashKv(sql, new Store(sql), revision);
      expect(answerOf(cluster.serve({ kind: "hashKv", revision }))).toEqual({
        kind: "hashKv",
        answer: expected.ok && expected.value,
      });
    }
    expect(cluster.serve({ kind: "hashKv", revision: 99 })).toMatchObject({
      refusal: "futureRevision",
    });
    expect(cluster.serve({ kind: "hashKv", revision: 11 })).toMatchObject({ refusal: "compacted" });
  });

  test("of a large store takes several turns, in which writes are answered", ({ expect }) => {
    const cluster = filled(4_000);
    const leader = cluster.leader()!;
    cluster.serve({ kind: "compact", revision: 4_001, physical: false });
    const hashing = cluster.ask(leader, HASH_KV);
    const write = cluster.ask(leader, put(encodeUtf8("z"), encodeUtf8("1")));
    cluster.runUntil(() => cluster.answers.has(write));
    expect(cluster.answers.has(hashing)).toBe(false);
    cluster.run(1_000);
    // As of when it was asked for.
    expect(answerOf(cluster.answers.get(hashing))).toMatchObject({
      answer: { hashRevision: 4_001, compactRevision: 4_001 },
    });
  });

  test("is refused when versions move under it, for the cluster's is lowered", ({ expect }) => {
    const cluster = filled(4_000);
    const hashing = cluster.ask(cluster.leader()!, HASH_KV);
    expect(cluster.serve({ kind: "capVersion", cap: 4 })).toMatchObject({ kind: "answered" });
    cluster.run(1_000);
    expect(cluster.answers.get(hashing)).toMatchObject({ refusal: "changeUnderWay" });
    expect(cluster.serve(HASH_KV)).toMatchObject({ kind: "answered" });
  });

  test("a few at a time; who has gone makes room, and what was held up is swept", ({ expect }) => {
    const cluster = filled(4_000);
    const leader = cluster.leader()!;
    const calls = Array.from({ length: HASHES_MAX + 1 }, () =>
      cluster.ask(leader, HASH_KV, { timeoutMs: 20 }),
    );
    cluster.serve({ kind: "compact", revision: 4_001, physical: false });
    cluster.run(400);
    const answers = calls.map((id) => cluster.answers.get(id)!);
    expect(answers.filter(({ kind }) => kind === "timeout")).toHaveLength(HASHES_MAX);
    expect(answers.at(-1)).toMatchObject({ refusal: "tooManyRequests" });
    const [{ left }] = leader.sql.all<{ left: number }>("SELECT count(*) AS left FROM old") as [
      { left: number },
    ];
    expect(left).toBe(0);
    expect(answerOf(cluster.serve(HASH_KV))).toMatchObject({ kind: "hashKv" });
  });
});

describe("status", () => {
  test("is each replica's own, of a learner and of a follower too", ({ expect }) => {
    const cluster = filled();
    const follower = cluster.nodes.find((node) => node !== cluster.leader())!;
    const id = cluster.ask(follower, { kind: "status" });
    const { applied, commit, term } = follower.core.status();
    expect(cluster.answers.get(id)).toMatchObject({
      header: { memberId: follower.id },
      answer: {
        answer: {
          leader: cluster.leader()!.id,
          term,
          commit,
          applied,
          isLearner: false,
          quotaBytes: DEFAULT_LIMITS.quotaBytes,
          inUseBytes: follower.sql.size().inUse,
        },
      },
    });
    const member = cluster.join("region-4");
    cluster.serve({ kind: "memberAdd", region: "region-4", isLearner: true, member });
    cluster.run(2_000);
    const joined = cluster.ask(cluster.node(member.id), { kind: "status" });
    expect(cluster.answers.get(joined)).toMatchObject({ answer: { answer: { isLearner: true } } });
  });
});

describe("defragmenting", () => {
  test("is answered by whoever is asked once it has swept", ({ expect }) => {
    const cluster = filled(4_000);
    const follower = cluster.nodes.find((node) => node !== cluster.leader())!;
    const idle = cluster.ask(follower, { kind: "defragment" });
    expect(answerOf(cluster.answers.get(idle))).toEqual({ kind: "defragment" });
    cluster.serve({ kind: "compact", revision: 4_001, physical: false });
    cluster.runUntil(() => !new Store(follower.sql).isSwept);
    const call = cluster.ask(follower, { kind: "defragment" });
    expect(cluster.answers.has(call)).toBe(false);
    cluster.runUntil(() => cluster.answers.has(call));
    expect(answerOf(cluster.answers.get(call))).toEqual({ kind: "defragment" });
    expect(new Store(follower.sql).isSwept).toBe(true);
  });
});
