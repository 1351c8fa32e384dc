// Two versions of the code in one cluster: it means what the older one understands, a newer meaning
// begins when all know it, and code that is too old halts instead of guessing.

import { describe, test } from "vitest";
import { ClusterState } from "../../src/apply/cluster-state.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { asLogIndex } from "../../src/base/types.ts";
import { CODE_VERSION } from "../../src/base/versions.ts";
import { insertMeta, openNodeSql } from "../support/node-sql.ts";
import { put } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";

const key = encodeUtf8;
const write = put(key("a"), key("1"));

const versionsOf = (cluster: VirtualCluster): number[] =>
  cluster.nodes.map(
    ({ sql }) =>
      sql.all<{ version: number }>("SELECT cluster_version AS version FROM meta")[0]!.version,
  );

/** Restarts every node at `codeVersion`, one after another, with writes in between. */
function roll(cluster: VirtualCluster, codeVersion: number): number {
  let written = 0;
  for (const node of cluster.nodes) {
    cluster.restart(node, codeVersion);
    for (let n = 0; n < 5; n++) {
      if (cluster.serve(write).kind === "answered") written++;
      cluster.run(40);
    }
  }
  cluster.run(500);
  return written;
}

describe("the cluster version", () => {
  test("is the lowest of its members', and rises when the last has the new code", ({ expect }) => {
    const cluster = new VirtualCluster(3, { codeVersion: 1 });
    cluster.serve(write);
    cluster.run(500);
    expect(versionsOf(cluster)).toEqual([1, 1, 1]);
    cluster.restart(cluster.nodes[0]!, CODE_VERSION);
    cluster.restart(cluster.nodes[1]!, CODE_VERSION);
    cluster.serve(write);
    cluster.run(500);
    expect(versionsOf(cluster)).toEqual([1, 1, 1]);
    cluster.restart(cluster.nodes[2]!, CODE_VERSION);
    cluster.serve(write);
    cluster.run(1_000);
    expect(versionsOf(cluster)).toEqual([CODE_VERSION, CODE_VERSION, CODE_VERSION]);
  });

  test("goes up and back replica by replica, under writes", ({ expect }) => {
    const cluster = new VirtualCluster(3, { codeVersion: 1 });
    cluster.serve(write);
    expect(roll(cluster, CODE_VERSION)).toBe(15);
    expect(versionsOf(cluster)).toEqual([CODE_VERSION, CODE_VERSION, CODE_VERSION]);
    expect(cluster.serve({ kind: "capVersion", cap: 1 })).toMatchObject({ kind: "answered" });
    cluster.run(500);
    expect(versionsOf(cluster)).toEqual([1, 1, 1]);
    expect(roll(cluster, 1)).toBe(15);
    const revisions = new Set(cluster.statuses().map(({ revision }) => revision));
    expect([...revisions]).toEqual([32]);
  });

  test("is not raised over a cap, until that is taken away", ({ expect }) => {
    const cluster = new VirtualCluster(3);
    cluster.serve(write);
    cluster.run(500);
    cluster.serve({ kind: "capVersion", cap: 1 });
    cluster.run(2_000);
    expect(versionsOf(cluster)).toEqual([1, 1, 1]);
    cluster.serve({ kind: "capVersion", cap: null });
    cluster.serve(write);
    cluster.run(1_000);
    expect(versionsOf(cluster)).toEqual([CODE_VERSION, CODE_VERSION, CODE_VERSION]);
  });

  test("stays under a cap that was asked for while it was about to rise", ({ expect }) => {
    const sql = openNodeSql();
    insertMeta(sql);
    const atBirth = { configuration: { voters: [], outgoing: [], learners: [] }, members: [] };
    const state = new ClusterState(sql, { ...atBirth, removed: [], index: asLogIndex(0) }, 9);
    state.setVersion(1, 1);
    state.setVersion(CODE_VERSION, null);
    expect([state.version, state.versionCap]).toEqual([1, 1]);
  });

  test("is not capped in words that a member does not know", ({ expect }) => {
    const cluster = new VirtualCluster(3, { codeVersion: 1 });
    cluster.serve(write);
    cluster.run(500);
    cluster.restart(cluster.leader()!, CODE_VERSION);
    cluster.serve(write);
    cluster.run(500);
    const cap = cluster.serve({ kind: "capVersion", cap: 1 });
    expect(cap).toMatchObject({ kind: "refused", refusal: "changeUnderWay" });
    expect(cluster.serve(write)).toMatchObject({ kind: "answered" });
  });

  test("halts code that is too old, at its start", ({ expect }) => {
    const cluster = new VirtualCluster(3);
    cluster.serve(write);
    cluster.run(500);
    expect(() => cluster.restart(cluster.nodes[0]!, 1)).toThrow(/this code knows cluster version/u);
  });

  test("keeps changes of the members waiting while one does not understand them", ({ expect }) => {
    const cluster = new VirtualCluster(3, { codeVersion: 1 });
    cluster.serve(write);
    cluster.run(500);
    const member = cluster.join("region-4");
    const request = { kind: "memberAdd", region: "region-4", isLearner: true, member } as const;
    expect(cluster.serve(request)).toMatchObject({ kind: "refused", refusal: "changeUnderWay" });
  });
});
