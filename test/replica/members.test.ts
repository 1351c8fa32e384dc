// Members come and go while a cluster serves: etcd's rules, hand-overs, and what a member that was
// removed learns. Method: whole cores in virtual time.

import { beforeEach, describe, test } from "vitest";
import type { ClientRequest, ReplicaAnswer } from "../../src/api/replica.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import type { Member } from "../../src/base/membership.ts";
import { asMemberId } from "../../src/base/types.ts";
import {
  add,
  askLeader,
  growCluster,
  promote,
  remove,
  settledCluster,
  votersOf,
} from "../support/member-requests.ts";
import { put } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";

const key = encodeUtf8;

let cluster: VirtualCluster;

beforeEach(() => {
  cluster = settledCluster(3);
});

const ask = (request: ClientRequest): ReplicaAnswer => askLeader(cluster, request);
const grow = (region: string): bigint => growCluster(cluster, region);

const memberOf = (region: string): Member =>
  cluster.leader()!.core.directory.members.find((member) => member.region === region)!;

describe("a new member", () => {
  test("learns everything as a learner, and then votes", ({ expect }) => {
    const id = grow("region-4");
    const list = ask({ kind: "memberList", linearizable: true });
    expect(votersOf(list)).toEqual(["region-1", "region-2", "region-3", "region-4"]);
    const status = cluster.node(asMemberId(id)).core.status();
    expect(status).toMatchObject({ role: "follower", revision: 2 });
  });

  test("is not taken for removed by the changes before its own", ({ expect }) => {
    grow("region-4");
    // More than is applied at once.
    for (let n = 0; n < 3; n++) cluster.serve(put(key("large"), new Uint8Array(800_000)));
    const id = grow("region-5");
    cluster.run(500);
    expect(cluster.node(asMemberId(id)).isRemoved).toBe(false);
    expect(cluster.node(asMemberId(id)).core.status()).toMatchObject({ role: "follower" });
  });

  test("is not counted while it is a learner", ({ expect }) => {
    ask(add(cluster.join("region-4"), true));
    cluster.run(500);
    const others = cluster.nodes.filter((node) => node !== cluster.leader() && node.id !== 4n);
    for (const node of others) node.isCut = true;
    const call = cluster.ask(cluster.leader()!, put(key("a"), key("2")), { timeoutMs: 900 });
    cluster.run(1_000);
    expect(cluster.answers.get(call)?.kind).not.toBe("answered");
  });

  test("keeps the cluster serving when two of five are lost", ({ expect }) => {
    grow("region-4");
    grow("region-5");
    for (const node of cluster.nodes.filter((each) => each !== cluster.leader()).slice(0, 2)) {
      node.isCut = true;
    }
    expect(ask(put(key("a"), key("2")))).toMatchObject({ kind: "answered" });
  });

  test.for([
    ["in a region that has one", () => add({ ...memberOf("region-1"), id: asMemberId(9n) }, true)],
    ["twice", () => add(memberOf("region-1"), true)],
  ] as const)("is refused %s", ([, request], { expect }) => {
    expect(ask(request())).toMatchObject({ kind: "refused", refusal: "memberExists" });
  });

  test("is refused beside another learner", ({ expect }) => {
    ask(add(cluster.join("region-4"), true));
    const refused = ask(add(cluster.join("region-5"), true));
    expect(refused).toMatchObject({ kind: "refused", refusal: "tooManyLearners" });
  });

  test("is not promoted before it has what the leader has", ({ expect }) => {
    for (let n = 0; n < 30; n++) cluster.serve(put(key("a"), key(`${n}`)));
    const member = cluster.join("region-4");
    cluster.node(member.id).isCut = true;
    ask(add(member, true));
    const refused = ask(promote(member.id));
    expect(refused).toMatchObject({ kind: "refused", refusal: "learnerNotReady" });
  });

  test("that asks for a vote at once is refused while too few voters are there", ({ expect }) => {
    for (const node of cluster.nodes.filter((each) => each !== cluster.leader()).slice(0, 1)) {
      node.isCut = true;
    }
    // The leader that comes now has never heard from the one that is cut off.
    cluster.restart(cluster.leader()!);
    cluster.run(1_000);
    const first = ask(add(cluster.join("region-4"), false));
    expect(first).toMatchObject({ kind: "refused", refusal: "notEnoughStarted" });
  });
});

describe("a member that is removed", () => {
  test("learns it, falls silent, and disturbs nobody", ({ expect }) => {
    const follower = cluster.nodes.find((node) => node !== cluster.leader())!;
    expect(ask(remove(follower.id))).toMatchObject({ kind: "answered" });
    cluster.run(200);
    expect(follower.isRemoved).toBe(true);
    const { term } = cluster.leader()!.core.status();
    cluster.run(10_000);
    expect(cluster.leader()!.core.status().term).toBe(term);
  });

  test("learns it from whom it asks for a vote, when it was away", ({ expect }) => {
    const follower = cluster.nodes.find((node) => node !== cluster.leader())!;
    follower.isCut = true;
    cluster.run(2_000);
    ask(remove(follower.id));
    cluster.run(2_000);
    expect(follower.isRemoved).toBe(false);
    follower.isCut = false;
    cluster.run(3_000);
    expect(follower.isRemoved).toBe(true);
  });

  test("learns it when it comes back, though it has no vote to ask for", ({ expect }) => {
    const member = cluster.join("region-4");
    ask(add(member, true));
    cluster.run(500);
    const learner = cluster.node(member.id);
    learner.isCut = true;
    ask(remove(member.id));
    cluster.run(5_000);
    learner.isCut = false;
    expect(cluster.runUntil(() => learner.isRemoved, 20_000)).toBe(true);
  });

  test("hands over first when it leads, and no write fails", ({ expect }) => {
    const leader = cluster.leader()!;
    const { term } = leader.core.status();
    expect(ask(remove(leader.id))).toMatchObject({ kind: "answered" });
    cluster.run(500);
    expect(leader.isRemoved).toBe(true);
    expect(cluster.leader()!.core.status().term).toBe(term + 1);
    expect(ask(put(key("a"), key("2")))).toMatchObject({ kind: "answered" });
  });

  test("does not come back under its id", ({ expect }) => {
    const member = memberOf("region-3");
    if (cluster.leader()!.id === 3n) ask({ kind: "moveLeader", target: asMemberId(1n) });
    ask(remove(3n));
    expect(ask(add(member, false))).toMatchObject({ kind: "refused", refusal: "memberExists" });
    expect(cluster.leader()!.core.nextGeneration("region-3")).toBe(2);
  });

  test("is not the last one that votes", ({ expect }) => {
    cluster = new VirtualCluster(1);
    cluster.run(2_000);
    expect(ask(remove(1n))).toMatchObject({ kind: "refused", refusal: "lastVoter" });
  });

  test.for([
    ["awake", 1_200],
    ["asleep", 20_000],
  ] as const)("is not one that a cluster that is %s would need to vote", ([, ms], { expect }) => {
    const [dead, alive] = cluster.nodes.filter((node) => node !== cluster.leader());
    dead!.isCut = true;
    cluster.serve(put(key("a"), key("2")));
    cluster.run(ms);
    expect(ask(remove(alive!.id))).toMatchObject({ kind: "refused", refusal: "unhealthy" });
    expect(ask(remove(dead!.id))).toMatchObject({ kind: "answered" });
    expect(ask(put(key("a"), key("3")))).toMatchObject({ kind: "answered" });
  });

  test("is known", ({ expect }) => {
    expect(ask(remove(99n))).toMatchObject({ kind: "refused", refusal: "memberNotFound" });
  });
});

describe("a hand-over", () => {
  test("makes the target lead in the next term, and writes wait for it", ({ expect }) => {
    const leader = cluster.leader()!;
    const target = cluster.nodes.find((node) => node !== leader)!;
    const { term } = leader.core.status();
    expect(ask({ kind: "moveLeader", target: target.id })).toMatchObject({ kind: "answered" });
    expect(target.core.status()).toMatchObject({ role: "leader", term: term + 1 });
  });

  test("to itself is done already; to nobody that votes is refused", ({ expect }) => {
    const { id } = cluster.leader()!;
    expect(ask({ kind: "moveLeader", target: id })).toMatchObject({ kind: "answered" });
    const refused = ask({ kind: "moveLeader", target: asMemberId(99n) });
    expect(refused).toMatchObject({ kind: "refused", refusal: "badTransferee" });
  });

  test("to one that is away is given up, and the leader serves on", ({ expect }) => {
    const leader = cluster.leader()!;
    const target = cluster.nodes.find((node) => node !== leader)!;
    target.isCut = true;
    const refused = cluster.serve({ kind: "moveLeader", target: target.id });
    expect(refused).toMatchObject({ kind: "refused", refusal: "changeUnderWay" });
    expect(cluster.serve(put(key("a"), key("2")))).toMatchObject({ kind: "answered" });
    expect(leader.core.status().role).toBe("leader");
  });
});
