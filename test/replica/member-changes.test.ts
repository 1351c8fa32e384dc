// Several changes of members at once, which are one joint configuration, and changes that are asked
// for again. Method: whole cores in virtual time.

import { beforeEach, describe, test } from "vitest";
import type { ClientRequest, ReplicaAnswer } from "../../src/api/replica.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { asMemberId } from "../../src/base/types.ts";
import {
  add,
  askLeader,
  growCluster,
  remove,
  settledCluster,
  votersOf,
} from "../support/member-requests.ts";
import { get, put } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";

const key = encodeUtf8;

let cluster: VirtualCluster;

beforeEach(() => {
  cluster = settledCluster(3);
});

const ask = (request: ClientRequest): ReplicaAnswer => askLeader(cluster, request);
const grow = (region: string): bigint => growCluster(cluster, region);

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
