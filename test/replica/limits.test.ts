// What a cluster is limited to, on whole cores: requests by time, watches by replica, leases by entry.

import { describe, test } from "vitest";
import type { ClientRequest } from "../../src/api/replica.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { DEFAULT_LIMITS, type ClusterLimits } from "../../src/base/cluster-limits.ts";
import { asLeaseId } from "../../src/base/types.ts";
import { get, put, watchOf } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";

const write = put(encodeUtf8("a"), encodeUtf8("1"));
const read = get(encodeUtf8("a"));
const grant = (id: bigint): ClientRequest => ({
  kind: "leaseGrant",
  id: asLeaseId(id),
  ttlSeconds: 600,
});

function limited(limits: Partial<ClusterLimits>): VirtualCluster {
  const cluster = new VirtualCluster(3);
  cluster.serve(write);
  cluster.run(300);
  cluster.serve({ kind: "setLimits", limits: { ...DEFAULT_LIMITS, ...limits } });
  cluster.run(300);
  return cluster;
}

describe("limits", () => {
  test("are as by default until they are set, and told as they were set", ({ expect }) => {
    const cluster = new VirtualCluster(1);
    cluster.serve(write);
    expect(cluster.serve({ kind: "limits" })).toMatchObject({ answer: { limits: DEFAULT_LIMITS } });
    const limits: ClusterLimits = {
      quotaBytes: 0,
      requestsPerSecond: 1_000,
      watches: 2,
      leases: 3,
      autoCompaction: { mode: "periodic", retention: 60_000 },
    };
    expect(cluster.serve({ kind: "setLimits", limits })).toMatchObject({ answer: { limits } });
    cluster.restart(cluster.nodes[0]!);
    expect(cluster.serve({ kind: "limits" })).toMatchObject({ answer: { limits } });
  });

  test("that are the usual ones again leave nothing that older code would have to heed", ({
    expect,
  }) => {
    const cluster = limited({ leases: 3 });
    const cap: ClientRequest = { kind: "capVersion", cap: 2 };
    expect(cluster.serve(cap)).toMatchObject({ refusal: "stateNeedsVersion" });
    cluster.serve({ kind: "setLimits", limits: DEFAULT_LIMITS });
    expect(cluster.serve(cap)).toMatchObject({ kind: "answered" });
  });

  test("are not set in a cluster with a member that does not know them", ({ expect }) => {
    const cluster = new VirtualCluster(3, { codeVersion: 2 });
    cluster.serve(write);
    cluster.run(500);
    cluster.restart(cluster.leader()!, 3);
    const set: ClientRequest = { kind: "setLimits", limits: DEFAULT_LIMITS };
    expect(cluster.serve(set)).toMatchObject({ kind: "refused", refusal: "changeUnderWay" });
  });
});

describe("requests per second", () => {
  /** How many of `count` requests at one moment are taken. */
  function taken(cluster: VirtualCluster, request: ClientRequest, count: number): number {
    const leader = cluster.leader()!;
    const calls = Array.from({ length: count }, () => cluster.ask(leader, request));
    cluster.run(50);
    const answers = calls.map((id) => cluster.answers.get(id)!);
    const refused = answers.filter(
      (answer) => answer.kind === "refused" && answer.refusal === "tooManyRequests",
    );
    return answers.length - refused.length;
  }

  test("a second's worth at once, then as many as time brings", ({ expect }) => {
    const cluster = limited({ requestsPerSecond: 40 });
    cluster.run(2_000);
    expect(taken(cluster, write, 100)).toBe(40);
    cluster.run(450);
    expect(taken(cluster, read, 100)).toBe(20);
    cluster.run(60_000);
    cluster.serve(write);
    cluster.run(1_000);
    expect(taken(cluster, { ...read, serializable: true } as ClientRequest, 100)).toBe(40);
  });

  test("do not count what operators ask, nor what another replica is to answer", ({ expect }) => {
    const cluster = limited({ requestsPerSecond: 1 });
    expect(taken(cluster, { kind: "status" }, 20)).toBe(20);
    expect(taken(cluster, { kind: "limits" }, 20)).toBe(20);
    const follower = cluster.nodes.find((node) => node !== cluster.leader())!;
    const calls = Array.from({ length: 20 }, () => cluster.ask(follower, write));
    for (const id of calls) expect(cluster.answers.get(id)).toMatchObject({ kind: "redirect" });
    expect(taken(cluster, write, 20)).toBe(1);
    cluster.serve({ kind: "setLimits", limits: DEFAULT_LIMITS });
    expect(taken(cluster, write, 20)).toBe(20);
  });
});

describe("leases", () => {
  test("one too many is refused, one that exists as such, by every replica", ({ expect }) => {
    const cluster = limited({ leases: 2 });
    expect(cluster.serve(grant(1n))).toMatchObject({ kind: "answered" });
    // Both pass the door, and the log decides.
    const leader = cluster.leader()!;
    const calls = [grant(2n), grant(3n)].map((each) => cluster.ask(leader, each));
    cluster.run(300);
    expect(calls.map((id) => cluster.answers.get(id)!.kind)).toEqual(["answered", "refused"]);
    expect(cluster.serve(grant(1n))).toMatchObject({ refusal: "leaseExists" });
    expect(cluster.serve(grant(4n))).toMatchObject({ refusal: "tooManyRequests" });
    cluster.serve({ kind: "leaseRevoke", id: asLeaseId(1n) });
    expect(cluster.serve(grant(4n))).toMatchObject({ kind: "answered" });
    cluster.run(300);
    const pages = cluster.nodes.map(({ sql }) => sql.all("SELECT body FROM lease_page"));
    expect(pages[1]).toEqual(pages[0]);
    expect(pages[2]).toEqual(pages[0]);
  });
});

describe("watches", () => {
  test("of one replica, in all its sessions: one too many is canceled with etcd's words", ({
    expect,
  }) => {
    const cluster = limited({ watches: 2 });
    const node = cluster.nodes[0]!;
    const spec = watchOf(encodeUtf8("a"));
    const kinds = (session: number): unknown[] =>
      (cluster.frames.get(session) ?? []).flatMap((frame) =>
        frame.kind === "delivery" ? [frame.delivery] : [],
      );
    for (const session of [1, 2]) cluster.openSession(node, session);
    cluster.sendFrame(node, 1, { kind: "watch", watch: 0, spec });
    cluster.sendFrame(node, 2, { kind: "watch", watch: 0, spec });
    cluster.sendFrame(node, 2, { kind: "watch", watch: 1, spec });
    expect(kinds(1)).toMatchObject([{ kind: "created" }]);
    const cause = { kind: "refused", reason: "etcdserver: too many requests" };
    expect(kinds(2)).toMatchObject([{ kind: "created" }, { kind: "canceled", watch: 1, cause }]);
    cluster.sendFrame(node, 1, { kind: "cancel", watch: 0 });
    cluster.sendFrame(node, 2, { kind: "watch", watch: 1, spec });
    expect(kinds(2).at(-1)).toMatchObject({ kind: "created", watch: 1 });
  });
});
