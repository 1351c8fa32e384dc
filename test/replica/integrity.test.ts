// A replica that does not hold what the others hold is found and named, whichever row is wrong and
// whoever leads; a healthy cluster is never alarmed, and an idle one is left asleep.

import { describe, test } from "vitest";

import { encodeUtf8 } from "../../src/base/bytes.ts";
import { COMPARE_COMPACTED_MS, COMPARE_MS, COMPARE_PATIENCE_MS } from "../../src/base/limits.ts";
import { asLogIndex, asMilliseconds, asRevision, type Bytes } from "../../src/base/types.ts";
import type { NodeSql } from "../support/node-sql.ts";
import { put } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";

const key = encodeUtf8;

/** A cluster with a history of puts, some of them compacted. */
function busyCluster(size = 3): VirtualCluster {
  const cluster = new VirtualCluster(size);
  for (let n = 0; n < 60; n++) cluster.serve(put(key(`k${n % 25}`), key(`v${n}`)));
  cluster.serve({ kind: "compact", revision: 20, physical: false });
  cluster.runUntil(() => cluster.statuses().every(({ clusterVersion }) => clusterVersion === 3));
  cluster.run(2_000);
  return cluster;
}

type Node = VirtualCluster["nodes"][number];

/** Lets the time pass after which a write has replicas compared, and writes. */
function compare(cluster: VirtualCluster, ms = COMPARE_MS): void {
  cluster.run(ms);
  cluster.serve(put(key("k0"), key("again")));
  cluster.run(2_000);
}

const alarms = ({ sql }: { readonly sql: NodeSql }): string[] =>
  sql
    .all<{ member: string; alarm: string }>("SELECT member, alarm FROM alarm")
    .map(({ member, alarm }) => `${alarm} ${member}`);

const follower = (cluster: VirtualCluster): Node =>
  cluster.nodes.find((node) => node !== cluster.leader())!;

describe("a replica with a damaged row", () => {
  const DAMAGES = [
    ["of a live key", "UPDATE now SET value = x'00' WHERE key = CAST('k3' AS BLOB)"],
    ["of a live key that is gone", "DELETE FROM now WHERE key = CAST('k3' AS BLOB)"],
    ["of a superseded version", "UPDATE old SET value = x'00' WHERE key = CAST('k7' AS BLOB)"],
  ] as const;

  test.for(DAMAGES)("%s is the one for which the alarm is raised", ([, damage], { expect }) => {
    const cluster = busyCluster();
    const wrong = follower(cluster);
    wrong.sql.run(damage);
    compare(cluster);
    for (const node of cluster.nodes) expect(alarms(node)).toEqual([`corrupt ${wrong.id}`]);
    const refused = cluster.serve(put(key("k1"), key("refused")));
    expect(refused).toMatchObject({ kind: "refused", refusal: "corrupt" });
  });

  test("is named when it is the leader itself", ({ expect }) => {
    const cluster = busyCluster();
    const wrong = cluster.leader()!;
    wrong.sql.run("UPDATE now SET value = x'00'");
    compare(cluster);
    expect(alarms(follower(cluster))).toEqual([`corrupt ${wrong.id}`]);
  });

  test("is named although another is away", ({ expect }) => {
    const cluster = busyCluster(5);
    const [wrong, away] = cluster.nodes.filter((node) => node !== cluster.leader());
    wrong!.sql.run("UPDATE now SET value = x'00'");
    away!.isCut = true;
    compare(cluster);
    expect(alarms(cluster.leader()!)).toEqual([`corrupt ${wrong!.id}`]);
  });

  test("is not known from the other of two: the alarm is for the cluster", ({ expect }) => {
    const cluster = busyCluster(2);
    follower(cluster).sql.run("UPDATE now SET value = x'00'");
    compare(cluster);
    for (const node of cluster.nodes) expect(alarms(node)).toEqual(["corrupt 0"]);
  });

  test("nor when those who could tell are away, but then after some patience", ({ expect }) => {
    const cluster = busyCluster();
    const [wrong, away] = cluster.nodes.filter((node) => node !== cluster.leader());
    wrong!.sql.run("UPDATE now SET value = x'00'");
    away!.isCut = true;
    compare(cluster);
    expect(alarms(cluster.leader()!)).toEqual([]);
    cluster.run(COMPARE_PATIENCE_MS);
    expect(alarms(cluster.leader()!)).toEqual(["corrupt 0"]);
  });

  test("is found a minute after a compaction already", ({ expect }) => {
    const cluster = busyCluster();
    compare(cluster);
    const wrong = follower(cluster);
    wrong.sql.run("UPDATE now SET value = x'00'");
    compare(cluster, COMPARE_COMPACTED_MS);
    expect(alarms(wrong)).toEqual([]);
    cluster.serve({ kind: "compact", revision: 40, physical: true });
    compare(cluster, COMPARE_COMPACTED_MS);
    expect(alarms(wrong)).toEqual([`corrupt ${wrong.id}`]);
  });
});

describe("a healthy cluster", () => {
  const compared = (cluster: VirtualCluster): number =>
    cluster.nodes.filter(({ sql }) => {
      const [row] = sql.all<{ compared: Bytes | null }>("SELECT compared FROM meta");
      return row!.compared !== null;
    }).length;

  test("is compared and not alarmed, also while it is written and compacted", ({ expect }) => {
    const cluster = busyCluster();
    for (let round = 0; round < 4; round++) {
      cluster.run(COMPARE_MS);
      for (let n = 0; n < 40; n++) {
        cluster.ask(cluster.leader()!, put(key(`k${n}`), key(`${round}/${n}`)));
        if (n % 10 === 9) cluster.run(3);
      }
      // Some comparisons are over by then, others are given up.
      if (round % 2 === 1) cluster.run(2_000);
      cluster.serve({ kind: "compact", revision: 40 + 20 * round, physical: false });
      cluster.run(5_000);
    }
    expect(compared(cluster)).toBe(3);
    for (const node of cluster.nodes) expect(alarms(node)).toEqual([]);
  });

  test("hashes nothing that was compacted, or is hashed, otherwise; and waits for what it lacks", ({
    expect,
  }) => {
    const cluster = busyCluster();
    const asked = follower(cluster);
    const { memberId: from, term, applied, revision } = cluster.leader()!.core.status();
    const request = { kind: "hashRequest", from, to: asked.id, term } as const;
    const ask = (compacted: number, index: number, method = 1): void => {
      const at = { method, index: asLogIndex(index), revision: asRevision(revision) };
      const message = { ...request, ...at, compacted: asRevision(compacted) };
      asked.core.peer([message], asMilliseconds(cluster.now));
      cluster.run(2_000);
    };
    ask(19, applied);
    ask(20, applied, 2);
    expect(compared(cluster)).toBe(0);
    ask(20, applied + 1);
    expect(compared(cluster)).toBe(0);
    cluster.serve(put(key("k1"), key("next")));
    cluster.run(2_000);
    expect(compared(cluster)).toBe(1);
  });

  test("is left asleep, however long ago it was compared", ({ expect }) => {
    const cluster = busyCluster();
    cluster.run(5_000);
    expect(cluster.statuses().every(({ isAsleep }) => isAsleep)).toBe(true);
    cluster.calls.length = 0;
    cluster.run(COMPARE_MS / 2);
    expect(cluster.calls).toEqual([]);
    cluster.run(2 * COMPARE_MS);
    expect(compared(cluster)).toBe(0);
    compare(cluster, 0);
    expect(compared(cluster)).toBe(3);
    // What was compared then is not compared again, whatever is asked.
    const [before] = follower(cluster).sql.all("SELECT compared FROM meta");
    cluster.run(2 * COMPARE_MS);
    cluster.serve({ kind: "memberList", linearizable: true });
    cluster.run(2_000);
    expect(follower(cluster).sql.all("SELECT compared FROM meta")).toEqual([before]);
  });

  test("waits with a costly comparison until there were writes to match it", ({ expect }) => {
    const cluster = busyCluster();
    const row = (): unknown => cluster.leader()!.sql.all("SELECT compared FROM meta");
    for (let n = 0; n < 300; n++) cluster.ask(cluster.leader()!, put(key(`many/${n}`), key("1")));
    compare(cluster);
    const first = row();
    compare(cluster);
    expect(row()).toEqual(first);
    for (let n = 0; n < 10; n++) cluster.serve(put(key("k1"), key(`${n}`)));
    cluster.run(2_000);
    expect(row()).not.toEqual(first);
  });
});
