// What operations cost in calls between replicas. Calls are billed, and each is a round trip.

import { describe, test, vi } from "vitest";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import type { ClientRequest } from "../../src/api/replica.ts";
import { get, put } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";

const key = encodeUtf8;

/** Shorter than the time between heartbeats: nothing but what the operation causes is seen. */
const WINDOW_MS = 60;

/** A cluster whose leader has just sent its heartbeats. */
function quietCluster(): VirtualCluster {
  const cluster = new VirtualCluster(3);
  cluster.serve(put(key("a"), key("1")));
  cluster.run(1_000);
  const before = cluster.calls.length;
  cluster.runUntil(() => cluster.calls.length > before + 1);
  cluster.calls.length = 0;
  return cluster;
}

/** Calls by follower, between the leader and it, in either direction. */
function callsByFollower(cluster: VirtualCluster): number[] {
  const leader = cluster.leader()!.id;
  return cluster.nodes
    .filter(({ id }) => id !== leader)
    .map(({ id }) => cluster.calls.filter(({ from, to }) => from === id || to === id).length);
}

describe("calls between the leader and each follower", () => {
  test("a lone put: one, the append; a heartbeat brings the news of its commit", ({ expect }) => {
    const cluster = quietCluster();
    cluster.ask(cluster.leader()!, put(key("a"), key("2")));
    cluster.run(WINDOW_MS);
    expect(callsByFollower(cluster)).toEqual([1, 1]);
    cluster.run(WINDOW_MS);
    expect(cluster.statuses().map(({ revision }) => revision)).toEqual([3, 3, 3]);
  });

  test.for(["a session", "a serializable read", "a read of bounded staleness"])(
    "a lone put after %s at a follower: two to that one, and it knows at once",
    (what, { expect }) => {
      const cluster = new VirtualCluster(3);
      cluster.serve(put(key("a"), key("1")));
      const [read, other] = cluster.nodes.filter((node) => node !== cluster.leader());
      const range = get(key("a"));
      if (what === "a session") cluster.openSession(read!, 1);
      else if (what === "a serializable read")
        cluster.ask(read!, { ...range, serializable: true } as ClientRequest);
      else cluster.ask(read!, range, { freshness: { minRevision: null, maxStalenessMs: 10 } });
      // Its leader hears of that, at the latest with the answer to a heartbeat.
      cluster.run(150);
      const before = cluster.calls.length;
      expect(cluster.runUntil(() => cluster.calls.length > before + 1)).toBe(true);
      cluster.calls.length = 0;
      const sentTo = (node: typeof read): number =>
        cluster.calls.filter(({ to }) => to === node!.id).length;
      cluster.ask(cluster.leader()!, put(key("a"), key("2")));
      cluster.run(WINDOW_MS);
      expect(sentTo(read)).toBe(2);
      expect(sentTo(other)).toBe(1);
      expect(read!.core.status().revision).toBe(3);
      expect(other!.core.status().revision).toBe(2);
    },
  );

  test("a watch that begins at a follower hears at once of what was committed", ({ expect }) => {
    const cluster = quietCluster();
    const follower = cluster.nodes.find((node) => node !== cluster.leader())!;
    cluster.ask(cluster.leader()!, put(key("a"), key("2")));
    cluster.run(20);
    expect(follower.core.status().revision).toBe(2);
    cluster.openSession(follower, 1);
    cluster.sendFrame(follower, 1, { kind: "progress" });
    cluster.run(20);
    expect(follower.core.status().revision).toBe(3);
  });

  test("a linearizable read: one", ({ expect }) => {
    const cluster = quietCluster();
    cluster.ask(cluster.leader()!, get(key("a")));
    cluster.run(WINDOW_MS);
    expect(callsByFollower(cluster)).toEqual([1, 1]);
  });

  test("a hundred reads at once: one for the first, one for all others", ({ expect }) => {
    const cluster = quietCluster();
    for (let n = 0; n < 100; n++) cluster.ask(cluster.leader()!, get(key("a")));
    cluster.run(WINDOW_MS);
    expect(callsByFollower(cluster)).toEqual([2, 2]);
  });

  test("a hundred puts at once: two appends and one piece of news at most", ({ expect }) => {
    const cluster = quietCluster();
    for (let n = 0; n < 100; n++) cluster.ask(cluster.leader()!, put(key(`k${n}`), key("v")));
    cluster.run(WINDOW_MS);
    for (const calls of callsByFollower(cluster)) expect(calls).toBeLessThanOrEqual(3);
  });
});

test("a put asks for the size of the database once on each replica", ({ expect }) => {
  const cluster = quietCluster();
  const asked = cluster.nodes.map(({ sql }) => vi.spyOn(sql, "size"));
  for (let n = 0; n < 10; n++) {
    cluster.ask(cluster.leader()!, put(key("a"), key("2")));
    cluster.run(8);
  }
  for (const { mock } of asked) expect(mock.calls.length).toBeLessThanOrEqual(11);
});
