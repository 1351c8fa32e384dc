// What operators ask for on bad days, over HTTP: which replicas are there, a cap on the cluster's
// version, a cluster rebuilt from one replica.

import { describe, expect, test } from "vitest";
import type { RecoveryAnswer } from "../../src/api/recovery.ts";
import type { ReplicaStatus } from "../../src/api/replica.ts";
import { RECOVERY_REVISIONS_MAX } from "../../src/base/limits.ts";
import { asClusterId, asMemberId, asTerm } from "../../src/base/types.ts";
import { appTo, errorOf } from "./support/app.ts";
import { breaks, FakeNetwork, hangs, leads, memberId } from "./support/fake-network.ts";

const CLUSTER = "/v1/clusters/flags";
const rebuilt: RecoveryAnswer = {
  kind: "recovered",
  directory: {
    clusterId: asClusterId(77n),
    members: [{ id: asMemberId(5n), region: "weur", generation: 2 }],
  },
  revision: 1_000_000_004,
};
const ORDER = {
  from: { region: "weur", generation: 1 },
  region: "weur",
  confirm: "18446744073709551615",
  bump_revisions: 1_000_000_000,
};

async function send(network: FakeNetwork, method: string, path: string, body: unknown) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const init = method === "GET" ? {} : { body: text };
  const response = await appTo(network).send(method, CLUSTER + path, init);
  return { status: response.status, json: await response.json() };
}

describe("POST /v1/clusters/{name}/recover", () => {
  test("gives the order to genesis, and tells what the cluster is now", async () => {
    const orders: unknown[] = [];
    const network = new FakeNetwork();
    network.onRecover = async (order) => {
      orders.push(order);
      return rebuilt;
    };
    expect(await send(network, "POST", "/recover", ORDER)).toEqual({
      status: 200,
      json: {
        name: "flags",
        cluster_id: "77",
        members: [{ id: "5", region: "weur", generation: 2 }],
        revision: 1_000_000_004,
      },
    });
    const { bump_revisions: _, ...rest } = ORDER;
    await send(network, "POST", "/recover", rest);
    const order = {
      from: { region: "weur", generation: 1 },
      region: "weur",
      confirm: 18_446_744_073_709_551_615n,
    };
    expect(orders).toEqual([{ ...order, bumpRevisions: 1_000_000_000 }, order]);
  });

  test("is followed by requests to the new replica, not to those of the lost cluster", async () => {
    const network = new FakeNetwork({ wnam: leads("wnam"), weur: leads("weur") });
    network.onRecover = async () => rebuilt;
    const { send: call } = appTo(network);
    const ask = (): Promise<Response> => call("GET", "/c/flags/v1/kv/a");
    await ask();
    await call("POST", `${CLUSTER}/recover`, { body: JSON.stringify(ORDER) });
    network.log.length = 0;
    await ask();
    expect(network.log).toEqual(["serve weur"]);
  });

  test("tells why it is refused", async () => {
    const network = new FakeNetwork();
    const detail = "a majority of its members answers";
    network.onRecover = async () => ({ kind: "refused", reason: "isAlive", detail });
    expect(await send(network, "POST", "/recover", ORDER)).toEqual({
      status: 409,
      json: errorOf(9, `edgekeeper: ${detail}`),
    });
  });

  test.for([
    ["", "the body is not JSON"],
    ["[]", "the body has from, region and confirm, and may have bump_revisions; nothing else"],
    [
      { ...ORDER, force: true },
      "the body has from, region and confirm, and may have bump_revisions; nothing else",
    ],
    [
      { ...ORDER, from: "weur" },
      'from is the replica to go on from, {"region": ..., "generation": ...}, and nothing else',
    ],
    [{ ...ORDER, from: { region: "mars", generation: 1 } }, "from.region is no region"],
    [{ ...ORDER, from: { region: "weur", generation: 0 } }, "generations begin with 1"],
    [{ ...ORDER, region: undefined }, "region is the name of a region"],
    [
      { ...ORDER, confirm: 9 },
      "confirm is the id of the cluster that is given up, a decimal number as a string",
    ],
    [{ ...ORDER, confirm: "yes" }, "confirm is a cluster's id, a decimal number as a string"],
    [{ ...ORDER, bump_revisions: 0 }, "revisions go forward"],
    [{ ...ORDER, bump_revisions: 1.5 }, "bump_revisions is a number"],
    [
      { ...ORDER, bump_revisions: RECOVERY_REVISIONS_MAX + 1 },
      "bump_revisions is at most 1000000000000",
    ],
  ] as const)("a body %j is refused, and genesis not asked", async ([body, message]) => {
    const network = new FakeNetwork();
    expect(await send(network, "POST", "/recover", body)).toEqual({
      status: 400,
      json: errorOf(3, `edgekeeper: ${message}`),
    });
    expect(network.log).toEqual(["genesis directory flags"]);
  });
});

describe("PUT /v1/clusters/{name}/version", () => {
  test.for([1, null])("caps the cluster's version at %s", async (cap) => {
    const network = new FakeNetwork({ wnam: leads("wnam") });
    expect(await send(network, "PUT", "/version", { cap })).toEqual({ status: 200, json: {} });
    expect(network.calls.map(({ request }) => request)).toEqual([{ kind: "capVersion", cap }]);
  });

  test.for([
    [{}, "cap is a version of the cluster, or null for none"],
    [{ cap: "1" }, "cap is a version of the cluster, or null for none"],
    [{ cap: 0 }, "versions begin with 1"],
    [{ cap: 1, force: true }, 'the body is {"cap": version}, or {"cap": null}'],
  ] as const)("a body %j is refused", async ([body, message]) => {
    const network = new FakeNetwork({ wnam: leads("wnam") });
    expect(await send(network, "PUT", "/version", body)).toEqual({
      status: 400,
      json: errorOf(3, `edgekeeper: ${message}`),
    });
    expect(network.calls).toEqual([]);
  });
});

describe("GET /v1/clusters/{name}/replicas", () => {
  const status = (region: string, more: Partial<ReplicaStatus>): ReplicaStatus => ({
    role: "follower",
    memberId: memberId(region),
    leader: null,
    term: asTerm(4),
    commit: 10,
    applied: 9,
    revision: 7,
    incarnation: 3,
    isAsleep: false,
    clusterVersion: 2,
    alarms: [],
    ...more,
  });

  test("tells the data center, the clock and the time to answer; of older code, what it can", async () => {
    const network = new FakeNetwork({ wnam: leads("wnam") });
    for (const region of ["wnam", "enam"]) {
      network.statuses.set(region, async () => status(region, {}));
    }
    network.whereabouts.set("wnam", async () => ({ location: "SJC", clockMs: 1_000 }));
    const { json } = await send(network, "GET", "/replicas?whereabouts", null);
    const { replicas } = json as { replicas: readonly Record<string, unknown>[] };
    expect(replicas[0]).toMatchObject({ location: "SJC", clock_ms: 1_000, round_trip_ms: 0 });
    expect(replicas[1]).toMatchObject({ region: "enam", location: null, clock_ms: null });
    const plain = await send(network, "GET", "/replicas", null);
    expect(JSON.stringify(plain.json)).not.toContain("clock_ms");
  });

  test("lists what each says of itself, though nobody serves", async () => {
    const network = new FakeNetwork({ wnam: hangs, enam: hangs, weur: hangs });
    network.statuses.set("weur", async () => status("weur", { role: "candidate" }));
    network.statuses.set("enam", () => Promise.reject(new Error("Network connection lost.")));
    network.statuses.set("wnam", () => Promise.withResolvers<never>().promise);
    const sleep = (ms: number): Promise<void> => {
      expect(ms).toBe(5_000);
      return new Promise((resolve) => void setTimeout(resolve, 10));
    };
    const response = await appTo(network, { sleep }).send("GET", `${CLUSTER}/replicas`);
    expect({ status: response.status, json: await response.json() }).toEqual({
      status: 200,
      json: {
        name: "flags",
        cluster_id: "9",
        leader: null,
        replicas: [
          {
            id: "3",
            region: "weur",
            generation: 1,
            role: "candidate",
            term: 4,
            commit: 10,
            applied: 9,
            revision: 7,
            version: 2,
            asleep: false,
          },
        ],
        unreachable: [
          { region: "wnam", generation: 1 },
          { region: "enam", generation: 1 },
        ],
      },
    });
  });

  test("names the leader of the highest term: one that was cut off may not know better", async () => {
    const network = new FakeNetwork();
    const leader = { role: "leader" } as const;
    network.statuses.set("wnam", async () => status("wnam", leader));
    network.statuses.set("weur", async () => status("weur", { ...leader, term: asTerm(5) }));
    const { json } = await send(network, "GET", "/replicas", null);
    expect(json).toMatchObject({ leader: "weur" });
  });
});

test.for([
  ["GET", "/replicas"],
  ["PUT", "/version"],
  ["POST", "/recover"],
] as const)("%s %s of a cluster that is not there is 404, and creates nothing", async (row) => {
  const [method, path] = row;
  const network = new FakeNetwork({ wnam: breaks });
  network.directory = null;
  expect((await send(network, method, path, ORDER)).status).toBe(404);
  expect(network.log).toEqual(["genesis directory flags"]);
  const wrong = method === "GET" ? "PUT" : "GET";
  expect((await send(network, wrong, path, ORDER)).status).toBe(501);
});
