// Who leaves is needed until a majority of those who stay knows it: a replica that counts by the
// configuration before may have to ask the one that has left for its vote.

import { describe, test } from "vitest";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { asMemberId } from "../../src/base/types.ts";
import { settledCluster } from "../support/member-requests.ts";
import { put } from "../support/requests.ts";
import type { VirtualCluster } from "../support/virtual-cluster.ts";

const write = put(encodeUtf8("a"), encodeUtf8("1"));

/** Three voters and a learner that is to take the place of one of them. */
function beforeTheMove() {
  const cluster = settledCluster(3);
  const member = cluster.join("region-4");
  cluster.serve({ kind: "memberAdd", region: "region-4", isLearner: true, member });
  cluster.run(500);
  const leader = cluster.leader()!;
  const [leaving, staying] = cluster.nodes.filter((node) => node !== leader && node.id !== 4n);
  return { cluster, leader, leaving: leaving!, staying: staying!, joined: cluster.node(4) };
}

const knows = (node: VirtualCluster["nodes"][number], id: bigint): boolean =>
  !node.core.directory.members.some((member) => member.id === id);

describe("a voter that leaves", () => {
  test("elects another leader when the only one who knew it is lost", ({ expect }) => {
    const { cluster, leader, leaving, staying, joined } = beforeTheMove();
    const change = { promote: [asMemberId(4n)], remove: [leaving.id] };
    const before = leader.core.directory.version;
    cluster.ask(leader, { kind: "memberChange", change });
    // The first half is applied, the second is on its way to all.
    while (leader.core.directory.version === before) cluster.run(0.25);
    cluster.run(0.25);
    // They have it, and do not hear that it is committed: the one that leaves does.
    cluster.cutLink(leader, staying);
    cluster.cutLink(leader, joined);
    expect(cluster.runUntil(() => knows(leaving, leaving.id), 1_000)).toBe(true);
    expect([knows(staying, leaving.id), knows(joined, leaving.id)]).toEqual([false, false]);
    leader.isCut = true;
    expect(cluster.runUntil(() => cluster.leader() !== null, 10_000)).toBe(true);
    expect(cluster.serve(write)).toMatchObject({ kind: "answered" });
    expect(cluster.runUntil(() => leaving.isRemoved, 5_000)).toBe(true);
  });

  test("ends once a majority knows, though nobody told it at once", ({ expect }) => {
    const { cluster, leader, leaving } = beforeTheMove();
    const change = { promote: [asMemberId(4n)], remove: [leaving.id] };
    cluster.ask(leader, { kind: "memberChange", change });
    cluster.run(3_000);
    expect(leaving.isRemoved).toBe(true);
    expect(cluster.serve(write)).toMatchObject({ kind: "answered" });
  });
});
