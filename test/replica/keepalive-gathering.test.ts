// Keepalives that have time wait for others, and one round of heartbeats serves them all; those that
// have none do not wait.

import { describe, test } from "vitest";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { asLeaseId } from "../../src/base/types.ts";
import { get } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";

const TTL_SECONDS = 30;
const TTL_MS = TTL_SECONDS * 1_000;
/** A fiftieth of a third of the TTL. */
const PATIENCE_MS = 200;

const keepAlive = (
  n: number,
): { readonly kind: "leaseKeepAlive"; readonly id: ReturnType<typeof asLeaseId> } => ({
  kind: "leaseKeepAlive",
  id: asLeaseId(BigInt(n)),
});

/** A leader with so many leases, granted a third of their TTL ago. */
function leased(leases: number): VirtualCluster {
  const cluster = new VirtualCluster(3);
  for (let n = 1; n <= leases; n++) {
    cluster.serve({ kind: "leaseGrant", id: asLeaseId(BigInt(n)), ttlSeconds: TTL_SECONDS });
  }
  cluster.run(TTL_MS / 3);
  return cluster;
}

const ask = (cluster: VirtualCluster, n: number): number =>
  cluster.ask(cluster.leader()!, keepAlive(n));

/** How long until the call is answered. */
function waits(cluster: VirtualCluster, call: number): number {
  const from = cluster.now;
  while (!cluster.answers.has(call) && cluster.now - from < TTL_MS) cluster.run(1);
  return cluster.now - from;
}

const ttlOf = (cluster: VirtualCluster, call: number): unknown => {
  const answer = cluster.answers.get(call);
  if (answer?.kind !== "answered" || answer.answer.kind !== "leaseKeepAlive") return answer;
  return answer.answer.answer.ttlSeconds;
};

describe("keepalives a third of a TTL after the last", () => {
  test("share a round, and are answered within their patience", ({ expect }) => {
    const cluster = leased(20);
    cluster.calls.length = 0;
    const calls = Array.from({ length: 20 }, (_, n) => {
      cluster.run(5);
      return ask(cluster, n + 1);
    });
    const from = cluster.now;
    cluster.runUntil(() => calls.every((call) => cluster.answers.has(call)));
    expect(cluster.now - from).toBeLessThan(PATIENCE_MS);
    for (const call of calls) expect(ttlOf(cluster, call)).toBe(TTL_SECONDS);
    expect(cluster.calls.length).toBeLessThanOrEqual(2 * (1 + 20 / 10));
  });

  test("go along with a read that begins a round anyway", ({ expect }) => {
    const cluster = leased(1);
    const call = ask(cluster, 1);
    cluster.run(5);
    expect(cluster.answers.has(call)).toBe(false);
    cluster.ask(cluster.leader()!, get(encodeUtf8("a")));
    expect(waits(cluster, call)).toBeLessThan(5);
  });

  test("are sent to the leader by one who has lost that", ({ expect }) => {
    const cluster = leased(1);
    const leader = cluster.leader()!;
    const call = ask(cluster, 1);
    const target = cluster.nodes.find((node) => node !== leader)!.id;
    cluster.ask(leader, { kind: "moveLeader", target });
    expect(cluster.runUntil(() => cluster.leader() !== leader, PATIENCE_MS / 2)).toBe(true);
    waits(cluster, call);
    expect(cluster.answers.get(call)).toMatchObject({ kind: "redirect" });
  });
});

describe("a keepalive that has no time", () => {
  test("because another was answered a moment ago does not wait", ({ expect }) => {
    const cluster = leased(1);
    waits(cluster, ask(cluster, 1));
    expect(waits(cluster, ask(cluster, 1))).toBeLessThan(5);
  });

  test("because its lease has little left does not wait past that", ({ expect }) => {
    const cluster = leased(1);
    const left = 100;
    cluster.run(TTL_MS - TTL_MS / 3 - left);
    const call = ask(cluster, 1);
    expect(waits(cluster, call)).toBeLessThan(left);
    expect(ttlOf(cluster, call)).toBe(TTL_SECONDS);
  });
});
