// Members come and go while a cluster serves: etcd's rules, joint changes, hand-overs, and what a
// member that was removed learns. Method: whole cores in virtual time.

import { beforeEach, describe, test } from "vitest";
import type { ClientRequest, ReplicaAnswer } from "../../src/api/replica.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import type { Member } from "../../src/base/membership.ts";
import { asMemberId } from "../../src/base/types.ts";
import { get, put } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";

const key = encodeUtf8;

let cluster: VirtualCluster;

beforeEach(() => {
  cluster = new VirtualCluster(3);
  cluster.serve(put(key("a"), key("1")));
  // Until the leader has heard which code its peers run.
  cluster.run(500);
});

const add = (member: Member, isLearner: boolean): ClientRequest => ({
  kind: "memberAdd",
  region: member.region,
  isLearner,
  member,
});

const promote = (id: bigint): ClientRequest => ({ kind: "memberPromote", id: asMemberId(id) });
const remove = (id: bigint): ClientRequest => ({ kind: "memberRemove", id: asMemberId(id) });

/** Asks as the router does: at the leader, and again where it redirects to. */
function ask(request: ClientRequest): ReplicaAnswer {
  for (let attempt = 0; attempt < 20; attempt++) {
    const answer = cluster.serve(request);
    if (answer.kind !== "redirect") return answer;
    cluster.run(50);
  }
  throw new Error("nobody leads");
}

/** A member in `region` that votes. */
function grow(region: string): bigint {
  const member = cluster.join(region);
  const added = ask(add(member, true));
  if (added.kind !== "answered") throw new Error(JSON.stringify(added.kind));
  cluster.run(500);
  const promoted = ask(promote(member.id));
  if (promoted.kind !== "answered") throw new Error(promoted.kind);
  return member.id;
}

const votersOf = (answer: ReplicaAnswer): string[] => {
  if (answer.kind !== "answered" || answer.answer.kind !== "members") throw new Error(answer.kind);
  const { members } = answer.answer.answer;
  return members.filter(({ isLearner }) => !isLearner).map(({ region }) => region);
};

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

const memberOf = (region: string): Member =>
  cluster.leader()!.core.directory.members.find((member) => member.region === region)!;

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

describe("several changes at once", () => {
  test("move a replica: one joint configuration, and what was written stays", ({ expect }) => {
    const member = cluster.join("region-4");
    ask(add(member, true));
    cluster.run(500);
    const change = { promote: [member.id], remove: [asMemberId(2n)] };
    expect(votersOf(ask({ kind: "memberChange", change }))).toEqual([
      "region-1",
      "region-3",
      "region-4",
    ]);
    cluster.run(1_000);
    expect(cluster.node(2).isRemoved).toBe(true);
    expect(ask(get(key("a")))).toMatchObject({ answer: { answer: { kvs: [{ version: 1 }] } } });
  });

  test("remove so many that the old majority is needed to the end", ({ expect }) => {
    const leader = cluster.leader()!;
    const others = cluster.nodes.filter((node) => node !== leader);
    const change = { promote: [], remove: others.map(({ id }) => id) };
    expect(votersOf(ask({ kind: "memberChange", change }))).toEqual([`region-${leader.id}`]);
    expect(ask(put(key("a"), key("2")))).toMatchObject({ kind: "answered" });
    cluster.run(2_000);
    expect(others.map(({ isRemoved }) => isRemoved)).toEqual([true, true]);
  });

  test("end although answers of those who leave are lost", ({ expect }) => {
    const leader = cluster.leader()!;
    const others = cluster.nodes.filter((node) => node !== leader);
    const change = { promote: [], remove: others.map(({ id }) => id) };
    const call = cluster.ask(leader, { kind: "memberChange", change });
    while (!cluster.answers.has(call)) cluster.run(1);
    // What the leader was just told of the change's second half is lost.
    leader.isCut = true;
    cluster.run(2);
    leader.isCut = false;
    expect(ask(put(key("a"), key("2")))).toMatchObject({ kind: "answered" });
  });

  test("move a cluster of one to another region", ({ expect }) => {
    cluster = new VirtualCluster(1);
    cluster.serve(put(key("a"), key("1")));
    cluster.run(500);
    const member = cluster.join("region-2");
    ask(add(member, true));
    cluster.run(500);
    const change = { promote: [member.id], remove: [asMemberId(1n)] };
    expect(ask({ kind: "memberChange", change })).toMatchObject({ kind: "answered" });
    expect(cluster.runUntil(() => cluster.node(1).isRemoved)).toBe(true);
    expect(ask(put(key("a"), key("2")))).toMatchObject({ kind: "answered" });
    expect(cluster.leader()!.id).toBe(member.id);
  });

  test("replace every member", ({ expect }) => {
    const first = cluster.nodes.map(({ id }) => id);
    const joined = ["region-4", "region-5"].map(grow).map(asMemberId);
    const last = cluster.join("region-6");
    ask(add(last, true));
    cluster.run(500);
    const change = { promote: [last.id], remove: first };
    expect(ask({ kind: "memberChange", change })).toMatchObject({ kind: "answered" });
    cluster.run(2_000);
    expect(votersOf(ask({ kind: "memberList", linearizable: true }))).toHaveLength(3);
    expect(ask(put(key("a"), key("2")))).toMatchObject({ kind: "answered" });
    expect(cluster.nodes.filter(({ isRemoved }) => isRemoved)).toHaveLength(3);
    expect(joined).toContain(cluster.leader()!.id);
  });

  test("may remove most of those who voted: they vote until the change is over", ({ expect }) => {
    const member = cluster.join("region-4");
    ask(add(member, true));
    cluster.run(500);
    const change = { promote: [member.id], remove: [asMemberId(1n), asMemberId(2n)] };
    const changed = ask({ kind: "memberChange", change });
    expect(votersOf(changed)).toEqual(["region-3", "region-4"]);
    cluster.run(2_000);
    for (const id of [1, 2]) expect(cluster.node(id).isRemoved).toBe(true);
    expect(ask(put(key("a"), key("2")))).toMatchObject({ kind: "answered" });
    expect(cluster.leader()!.core.directory.members).toHaveLength(2);
  });

  test("go on behind a leader that restarts in the midst of them", ({ expect }) => {
    const member = cluster.join("region-4");
    ask(add(member, true));
    cluster.run(500);
    const change = { promote: [member.id], remove: [asMemberId(2n)] };
    const leader = cluster.leader()!;
    if (leader.id === 2n) return;
    cluster.ask(leader, { kind: "memberChange", change });
    cluster.restart(leader);
    cluster.run(3_000);
    const list = ask({ kind: "memberList", linearizable: true });
    expect([3, 4]).toContain(votersOf(list).length);
    expect(ask(put(key("a"), key("2")))).toMatchObject({ kind: "answered" });
  });

  // Those who leave are needed until the joint configuration is left: had they gone when it began,
  // nobody could end it, and the cluster would have lost its majority for good.
  test("wait for the voters that leave, though the leader restarts in the midst", ({ expect }) => {
    cluster = new VirtualCluster(5);
    cluster.serve(put(key("a"), key("1")));
    cluster.run(500);
    const leader = cluster.leader()!;
    const others = cluster.nodes.filter((node) => node !== leader);
    const leaving = others.slice(0, 3).map(({ id }) => id);
    cluster.ask(leader, { kind: "memberChange", change: { promote: [], remove: leaving } });
    const { applied } = others[0]!.core.status();
    for (let ms = 0; ms < 50 && others[0]!.core.status().applied === applied; ms++) cluster.run(1);
    cluster.restart(leader);
    cluster.run(5_000);
    expect(ask(put(key("a"), key("2")))).toMatchObject({ kind: "answered" });
    const gone = cluster.nodes.filter(({ isRemoved }) => isRemoved).map(({ id }) => id);
    expect(gone).toEqual(leaving);
    const list = ask({ kind: "memberList", linearizable: true });
    expect(votersOf(list)).toHaveLength(2);
  });

  // Whoever ends them has to tell the others, and a leader that is left out is gone at once: those who
  // stay would need the votes of those who left.
  test("are ended by a leader that stays: one that leaves hands over first", ({ expect }) => {
    cluster = new VirtualCluster(5);
    cluster.serve(put(key("a"), key("1")));
    cluster.run(500);
    const leader = cluster.leader()!;
    const [leaving, ...others] = cluster.nodes.filter((node) => node !== leader);
    const change = { promote: [], remove: [leaving!.id, others[0]!.id] };
    const { term } = leader.core.status();
    cluster.ask(leader, { kind: "memberChange", change });
    // The others have the change, and the leader does not hear of it.
    cluster.run(0);
    leader.isCut = true;
    cluster.urge(leaving!, term);
    let hasLed = false;
    for (let ms = 0; ms < 2_000 && !leaving!.isRemoved; ms++) {
      cluster.run(1);
      hasLed ||= cluster.leader() === leaving;
    }
    expect({ hasLed, isRemoved: leaving!.isRemoved }).toEqual({ hasLed: true, isRemoved: true });
    expect(others.slice(1)).toContain(cluster.leader());
  });

  test("are shown as they will be, and carried out by those who are left out", ({ expect }) => {
    const member = cluster.join("region-4");
    ask(add(member, true));
    cluster.run(500);
    const change = { promote: [member.id], remove: [asMemberId(2n), asMemberId(3n)] };
    if (cluster.leader()!.id !== 1n) ask({ kind: "moveLeader", target: asMemberId(1n) });
    expect(votersOf(ask({ kind: "memberChange", change }))).toEqual(["region-1", "region-4"]);
    cluster.run(1_000);
    expect([2, 3].map((id) => cluster.node(id).isRemoved)).toEqual([true, true]);
    const regions = cluster.leader()!.core.directory.members.map(({ region }) => region);
    expect(regions).toEqual(["region-1", "region-4"]);
  });
});

describe("a change that is asked for again under its request id", () => {
  const requestId = new Uint8Array(16).fill(7);

  test("tells who was added, though the leader's object has named another", ({ expect }) => {
    const member = cluster.join("region-4");
    cluster.serve(add(member, true), { requestId });
    const renamed = { ...member, id: asMemberId(99n), generation: 2 };
    expect(cluster.serve(add(renamed, true), { requestId })).toMatchObject({
      kind: "answered",
      answer: { answer: { added: member } },
    });
  });

  test("is not refused while the first stands undecided in the log", ({ expect }) => {
    const leader = cluster.leader()!;
    const change = remove(cluster.nodes.find((node) => node !== leader)!.id);
    const first = cluster.ask(leader, change, { requestId });
    const again = cluster.ask(leader, change, { requestId });
    expect(cluster.answers.get(again)).toMatchObject({ kind: "redirect", leader: null });
    cluster.run(100);
    expect(cluster.answers.get(first)).toMatchObject({ kind: "answered" });
    expect(cluster.serve(change, { requestId })).toMatchObject({ kind: "answered" });
  });

  test("is not refused by a leader that does not know yet what is committed", ({ expect }) => {
    const leader = cluster.leader()!;
    const change = remove(cluster.nodes.find((node) => node !== leader)!.id);
    cluster.ask(leader, change, { requestId });
    cluster.restart(leader);
    const again = cluster.ask(leader, change, { requestId });
    expect(cluster.answers.get(again)).toMatchObject({ kind: "redirect" });
    cluster.run(500);
    expect(cluster.serve(change, { requestId })).toMatchObject({ kind: "answered" });
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
