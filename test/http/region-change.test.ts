// A change of regions over HTTP, against a leader that is played: it takes time to catch learners up,
// loses answers and moves away, and the cluster must arrive all the same.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ReplicaAnswer } from "../../src/api/replica.ts";
import type { MemberStatus } from "../../src/base/membership.ts";
import { DEFAULT_LIMITS } from "../../src/base/cluster-limits.ts";
import type { Refusal } from "../../src/base/refusal.ts";
import { asMemberId } from "../../src/base/types.ts";
import { appTo, errorOf } from "./support/app.ts";
import { breaks, FakeNetwork, follows, headerOf, type Behaviour } from "./support/fake-network.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A leader that changes members as etcd does; learners are in sync some time after they came. */
class TinyMembership {
  members: MemberStatus[];
  /** What was done, such as `add weur` or `promote weur, remove enam`. */
  readonly done: string[] = [];
  syncMs = 0;
  #nextId = 1n;
  #syncedAt = 0;

  constructor(regions: readonly string[]) {
    this.members = regions.map((region) => this.#member(region, false));
  }

  get regions(): string[] {
    return this.members.map(({ region, isLearner }) => (isLearner ? `${region}+` : region));
  }

  readonly behaviour: Behaviour = ({ request }): ReplicaAnswer => {
    switch (request.kind) {
      case "memberList":
      case "range":
        return this.#answer();
      case "limits":
        return {
          kind: "answered",
          header: headerOf("wnam", 1),
          answer: { kind: "limits", limits: DEFAULT_LIMITS },
        };
      case "memberAdd": {
        if (this.members.some(({ isLearner }) => isLearner)) return refused("tooManyLearners");
        const added = this.#member(request.region, request.isLearner);
        this.members.push(added);
        this.#syncedAt = Date.now() + this.syncMs;
        this.done.push(`add ${request.region}`);
        return this.#answer(added);
      }
      case "memberChange": {
        const { promote, remove } = request.change;
        if (promote.length > 0 && Date.now() < this.#syncedAt) return refused("learnerNotReady");
        const named = (ids: readonly unknown[]): string =>
          this.members.flatMap(({ id, region }) => (ids.includes(id) ? region : [])).join(" ");
        this.done.push(`promote ${named(promote)}, remove ${named(remove)}`);
        this.members = this.members
          .filter(({ id }) => !remove.includes(id))
          .map((one) => (promote.includes(one.id) ? { ...one, isLearner: false } : one));
        return this.#answer();
      }
      default:
        throw new Error(`the tiny membership knows no ${request.kind}`);
    }
  };

  #member(region: string, isLearner: boolean): MemberStatus {
    const id = asMemberId(this.#nextId++);
    return { id, region, generation: 1, isLearner, isStarted: true };
  }

  #answer(added: MemberStatus | null = null): ReplicaAnswer {
    const answer = { members: this.members, added };
    return { kind: "answered", header: headerOf("wnam", 1), answer: { kind: "members", answer } };
  }
}

const refused = (refusal: Refusal): ReplicaAnswer => ({
  kind: "refused",
  refusal,
  header: headerOf("wnam", 1),
});

const GROWN = ["wnam", "enam", "weur", "apac", "sam"];
const REGIONS = ["wnam", "enam", "weur"];

/** Asks for the regions while time runs. */
async function move(
  network: FakeNetwork,
  regions: readonly string[],
): Promise<{ readonly response: Response; readonly ms: number }> {
  const start = Date.now();
  const state = { isDone: false };
  const body = JSON.stringify({ regions });
  const pending = appTo(network)
    .send("PUT", "/v1/clusters/flags/regions", { body })
    .finally(() => (state.isDone = true));
  while (!state.isDone) await vi.advanceTimersByTimeAsync(20);
  return { response: await pending, ms: Date.now() - start };
}

const leading = (membership: TinyMembership): FakeNetwork =>
  new FakeNetwork({ wnam: membership.behaviour });

describe("PUT /v1/clusters/{name}/regions", () => {
  test("grows from three to five, one learner after the other", async () => {
    const membership = new TinyMembership(REGIONS);
    membership.syncMs = 3_000;
    const { response, ms } = await move(leading(membership), GROWN);
    expect(membership.done).toEqual([
      "add apac",
      "promote apac, remove ",
      "add sam",
      "promote sam, remove ",
    ]);
    expect([response.status, await response.json()]).toEqual([
      200,
      {
        name: "flags",
        cluster_id: "9",
        members: GROWN.map((region, index) => ({ id: `${index + 1}`, region, generation: 1 })),
      },
    ]);
    expect(ms).toBeGreaterThanOrEqual(6_000);
    expect(ms).toBeLessThan(8_000);
  });

  test("puts one region in the place of another, in one change", async () => {
    const membership = new TinyMembership(REGIONS);
    await move(leading(membership), ["wnam", "enam", "apac"]);
    expect(membership.done).toEqual(["add apac", "promote apac, remove weur"]);
    expect(membership.regions).toEqual(["wnam", "enam", "apac"]);
  });

  test("changes nothing when it is so already", async () => {
    const membership = new TinyMembership(REGIONS);
    const network = leading(membership);
    expect((await move(network, REGIONS)).response.status).toBe(200);
    expect(membership.done).toEqual([]);
    expect(network.log).toEqual(["probe wnam", "serve wnam"]);
  });

  test("an answer that was lost is found out about: no step is taken twice", async () => {
    const membership = new TinyMembership(REGIONS);
    const network = leading(membership);
    network.replicas.set("enam", follows("wnam"));
    network.replicas.set("weur", follows("wnam"));
    let changes = 0;
    network.replicas.set("wnam", async (call) => {
      const answer = await membership.behaviour(call);
      const isLost = call.request.kind !== "memberList" && ++changes % 2 === 1;
      // The router would repeat it with the same id, which a real replica answers as before.
      return isLost
        ? { kind: "refused", refusal: "changeUnderWay", header: headerOf("wnam", 1) }
        : answer;
    });
    expect((await move(network, GROWN)).response.status).toBe(200);
    expect(membership.done).toHaveLength(4);
  });

  test("the leader that removes itself hands over, and the change goes on with the next", async () => {
    const membership = new TinyMembership(REGIONS);
    const network = new FakeNetwork({ weur: follows("wnam") });
    network.replicas.set("wnam", async (call) => {
      if (call.request.kind !== "memberChange") return membership.behaviour(call);
      network.replicas.set("enam", membership.behaviour);
      network.replicas.set("wnam", follows("enam", 2));
      return follows("enam", 2)(call);
    });
    expect((await move(network, ["enam", "weur", "apac"])).response.status).toBe(200);
    expect(membership.regions).toEqual(["enam", "weur", "apac"]);
  });

  test("what is not done in a minute is gone on with by asking again", async () => {
    const membership = new TinyMembership(REGIONS);
    membership.syncMs = 90_000;
    const network = leading(membership);
    const { response, ms } = await move(network, [...REGIONS, "apac"]);
    expect([response.status, await response.json()]).toEqual([
      504,
      errorOf(
        4,
        "edgekeeper: the cluster is still on its way to these regions; go on by sending the request again",
      ),
    ]);
    expect(ms).toBeGreaterThanOrEqual(60_000);
    expect(ms).toBeLessThan(61_000);
    expect(membership.regions).toEqual([...REGIONS, "apac+"]);
    expect((await move(network, [...REGIONS, "apac"])).response.status).toBe(200);
    expect(membership.done).toEqual(["add apac", "promote apac, remove "]);
  });

  test("a cluster that does not answer is not given up before the minute is over", async () => {
    const membership = new TinyMembership(REGIONS);
    const network = new FakeNetwork({ wnam: breaks, enam: breaks, weur: breaks });
    setTimeout(() => void network.replicas.set("wnam", membership.behaviour), 20_000);
    const { response, ms } = await move(network, [...REGIONS, "apac"]);
    expect(response.status).toBe(200);
    expect(ms).toBeLessThan(30_000);
  });

  test.for([
    ["lastVoter", 400],
    ["noSpace", 429],
  ] as const)("%s is told at once", async ([refusal, status]) => {
    const membership = new TinyMembership(REGIONS);
    const network = new FakeNetwork({
      wnam: (call) =>
        call.request.kind === "memberList" ? membership.behaviour(call) : refused(refusal),
    });
    const { response, ms } = await move(network, ["wnam"]);
    expect(response.status).toBe(status);
    expect(ms).toBeLessThan(1_000);
  });

  test("an unknown cluster is not created", async () => {
    const network = new FakeNetwork();
    network.directory = null;
    expect((await move(network, REGIONS)).response.status).toBe(404);
  });

  test.for(["", "{}", '{"regions":[]}', '{"regions":["moon"]}', "{"])(
    "the body %s is refused, and nobody is asked",
    async (body) => {
      const network = leading(new TinyMembership(REGIONS));
      const init = { body };
      const response = await appTo(network).send("PUT", "/v1/clusters/flags/regions", init);
      expect(response.status).toBe(400);
      expect(network.log).toEqual([]);
    },
  );

  test("other verbs are refused", async () => {
    const { send } = appTo(leading(new TinyMembership(REGIONS)));
    expect((await send("DELETE", "/v1/clusters/flags/regions")).status).toBe(501);
  });
});

test("GET describes the cluster as it is now, not as it was born", async () => {
  vi.useRealTimers();
  const membership = new TinyMembership([...REGIONS, "apac"]);
  const response = await appTo(leading(membership)).send("GET", "/v1/clusters/flags");
  const { members } = (await response.json()) as { members: { region: string }[] };
  expect(members.map(({ region }) => region)).toEqual([...REGIONS, "apac"]);
});
