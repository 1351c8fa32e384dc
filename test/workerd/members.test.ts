// Members that come and go, as far as objects are concerned: how a new one is admitted and born, who
// is told of a change, and how a removed one ends. What a change is and when it is committed is
// decided below, so here the effects of an applied change are given to the shell by hand.

import { afterEach, describe, test, vi } from "vitest";
import { CLOSE_RESUME } from "../../src/api/session.ts";
import type { Directory, Member, ReplicaCall } from "../../src/api/replica.ts";
import type { Membership } from "../../src/base/membership.ts";
import { asClusterId, asLogIndex, asTerm } from "../../src/base/types.ts";
import { pause } from "../../src/object/pause.ts";
import { ReplicaCore } from "../../src/replica/core.ts";
import {
  ask,
  createCluster,
  genesis,
  get,
  leaderOf,
  put,
  REGIONS,
  replica,
  valueOf,
} from "./cluster.ts";
import { inject } from "./injection.ts";
import { connect, watch } from "./receiver.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const membership = (members: readonly Member[], index: number): Membership => ({
  configuration: { voters: members.map(({ id }) => id), outgoing: [], learners: [] },
  members,
  removed: [],
  index: asLogIndex(index),
});

const followerOf = async (cluster: string): Promise<string> => {
  const leader = await leaderOf(cluster);
  return REGIONS.find((region) => region !== leader)!;
};

const call = (request: ReplicaCall["request"]): ReplicaCall => ({
  request,
  requestId: crypto.getRandomValues(new Uint8Array(16)),
  trace: "",
  timeoutMs: 2_000,
});

/** Waits until `condition` holds: notices between objects take a moment. */
async function eventually(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(5);
}

/** The members without `region`, which `leader` is told to have removed at `index`. */
async function remove(directory: Directory, region: string, index: number): Promise<Directory> {
  const cluster = "removal";
  const members = directory.members.filter((member) => member.region !== region);
  const effects = { settled: membership(members, index) };
  await inject(cluster, await leaderOf(cluster), effects);
  return { ...directory, members, version: asLogIndex(index) };
}

describe("a replica that joins", () => {
  test("is born with the members of its admission, and without a voter", async ({ expect }) => {
    const directory = await createCluster("join");
    const member = (await genesis("join").admit("apac", 1, directory))!;
    expect(member).toMatchObject({ region: "apac", generation: 1 });
    await replica("join", "apac").beBorn();
    const status = await replica("join", "apac").status();
    expect(status).toMatchObject({ memberId: member.id, leader: null, term: 0 });
    const answer = await replica("join", "apac").serve(call(get("a")));
    expect(answer).toMatchObject({ kind: "redirect", directory });
    // It neither campaigns when it is urged, nor when time goes by.
    await replica("join", "apac").urge(asTerm(0));
    await pause(1_200);
    expect(await replica("join", "apac").status()).toMatchObject({ leader: null, term: 0 });
  });

  test("is admitted once, however often it is asked for before its birth", async ({ expect }) => {
    const directory = await createCluster("readmit");
    const first = await genesis("readmit").admit("apac", 1, directory);
    expect(await genesis("readmit").admit("apac", 1, directory)).toEqual(first);
  });

  test("never takes a name that has had a life, or belongs to a first member", async ({
    expect,
  }) => {
    const directory = await createCluster("names");
    expect(await genesis("names").admit("wnam", 1, directory)).toMatchObject({ generation: 2 });
    await genesis("names").admit("apac", 1, directory);
    await replica("names", "apac").beBorn();
    expect(await genesis("names").admit("apac", 1, directory)).toMatchObject({ generation: 2 });
    expect(await genesis("names").certify("names/apac/1", "a second life")).toEqual({
      kind: "replaced",
    });
  });

  test("is not admitted to another cluster of the same name", async ({ expect }) => {
    const directory = await createCluster("other");
    const foreign = { ...directory, clusterId: asClusterId(1n) };
    expect(await genesis("other").admit("apac", 1, foreign)).toBeNull();
  });
});

describe("memberAdd", () => {
  const request = { kind: "memberAdd", region: "apac", isLearner: true, member: null } as const;

  test("reaches the leader's core with the member that Genesis admitted", async ({ expect }) => {
    await createCluster("add");
    const calls: ReplicaCall[] = [];
    vi.spyOn(ReplicaCore.prototype, "calls").mockImplementation((several) => {
      calls.push(...several.map(([, one]) => one));
    });
    void replica("add", await leaderOf("add")).serve(call(request));
    await eventually(async () => calls.length > 0);
    const { request: seen } = calls[0]!;
    expect(seen).toMatchObject({ ...request, member: { region: "apac", generation: 1 } });
    expect(await genesis("add").certify("add/apac/1", "nonce")).toMatchObject({
      kind: "certified",
    });
  });

  test("that reaches a follower admits nobody", async ({ expect }) => {
    await createCluster("misled");
    const answer = await replica("misled", await followerOf("misled")).serve(call(request));
    expect(answer.kind).toBe("redirect");
    expect(await genesis("misled").certify("misled/apac/1", "nonce")).toEqual({
      kind: "stranger",
    });
  });
});

describe("a membership that the leader has applied", () => {
  test("lets the new member be born, and Genesis knows it", async ({ expect }) => {
    const directory = await createCluster("news");
    const member = (await genesis("news").admit("apac", 1, directory))!;
    const members = [...directory.members, member];
    await inject("news", await leaderOf("news"), { settled: membership(members, 7) });
    await eventually(async () => (await replica("news", "apac").status()) !== null);
    await eventually(async () => (await genesis("news").directory())!.members.length === 4);
    expect(await genesis("news").directory()).toMatchObject({ members });
  });

  test("is told by the next leader when Genesis did not hear of it", async ({ expect }) => {
    const directory = await createCluster("unheard");
    const members = directory.members.slice(0, 3).toReversed();
    const leader = await leaderOf("unheard");
    const news = { settled: membership(members, 7) };
    for (const region of REGIONS.filter((one) => one !== leader)) {
      await inject("unheard", region, news);
    }
    await pause(100);
    expect(await genesis("unheard").directory()).toEqual(directory);
    await replica("unheard", leader).lab("isolate");
    await eventually(
      async () => (await genesis("unheard").directory())!.members[0]!.id === members[0]!.id,
    );
  });

  test("reaches Genesis in the order of the log", async ({ expect }) => {
    const directory = await createCluster("order");
    const two = { ...directory, members: directory.members.slice(0, 2) };
    const one = { ...directory, members: directory.members.slice(0, 1) };
    await genesis("order").remember(two, 9);
    await genesis("order").remember(one, 8);
    expect(await genesis("order").directory()).toEqual(two);
    await genesis("order").remember({ ...one, clusterId: asClusterId(1n) }, 10);
    expect(await genesis("order").directory()).toEqual(two);
    await genesis("order").remember(one, 10);
    expect(await genesis("order").directory()).toEqual(one);
    expect(await genesis("order").create(["oc"])).toEqual(one);
  });
});

describe("a replica that was removed", () => {
  test("ends for ever: sessions, calls and peers are told", async ({ expect }) => {
    const directory = await createCluster("removal");
    const region = await followerOf("removal");
    const receiver = await connect("removal", region);
    receiver.send({ kind: "hello", version: 1 }, watch(0, "a"));
    await receiver.until(() => receiver.frames.length >= 2);
    const rest = await remove(directory, region, 7);

    expect(await receiver.closed.promise).toBe(CLOSE_RESUME);
    const removed = { kind: "removed", directory: rest };
    const stub = replica("removal", region);
    expect(await stub.serve(call(get("a")))).toEqual(removed);
    await stub.lab("abort").catch(() => {});
    const again = replica("removal", region);
    expect(await again.serve(call(get("a")))).toEqual(removed);
    expect(await again.status()).toBeNull();
    await again.beBorn();
    for (const door of ["peer", "session", "born"]) {
      const { status } = await again.fetch(`https://replica/${door}`, { method: "POST" });
      expect(status).toBe(410);
    }
    expect(valueOf(await ask("removal", put("a", "1")).then(() => ask("removal", get("a"))))).toBe(
      "1",
    );
  });

  test("learns it from its own core too, and answers the calls that wait", async ({ expect }) => {
    const directory = await createCluster("learnt");
    const leader = await leaderOf("learnt");
    const followers = REGIONS.filter((region) => region !== leader);
    for (const region of followers) await replica("learnt", region).lab("isolate");
    const waiting = replica("learnt", leader).serve(call(put("a", "1")));
    await pause(20);
    await inject("learnt", leader, { isRemoved: true });
    expect(await waiting).toMatchObject({ kind: "removed", directory });
  });
});

describe("a core that was replaced by a snapshot", () => {
  test("leaves waiting calls without an outcome; its sessions go on", async ({ expect }) => {
    await createCluster("restart");
    const leader = await leaderOf("restart");
    const receiver = await connect("restart", leader);
    receiver.send({ kind: "hello", version: 1 }, watch(0, "a"));
    await receiver.until(() => receiver.frames.length >= 2);
    const followers = REGIONS.filter((region) => region !== leader);
    for (const region of followers) await replica("restart", region).lab("isolate");
    const { incarnation } = (await replica("restart", leader).status())!;
    const waiting = replica("restart", leader).serve(call(put("a", "1")));
    await pause(20);
    await inject("restart", leader, { restart: true });
    expect(await waiting).toEqual({ kind: "timeout" });
    expect((await replica("restart", leader).status())!.incarnation).toBe(incarnation + 1);
    for (const region of followers) await replica("restart", region).lab("heal");
    await ask("restart", put("a", "2"));
    await receiver.until(() => receiver.events.includes("2"));
    expect(receiver.events.at(-1)).toBe("2");
    receiver.close();
  });
});
