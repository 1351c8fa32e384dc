// Clusters over HTTP: created within a jurisdiction, listed, deleted by whoever asks twice; and what
// of a request reaches an object before it is known to be a replica.

import { describe, expect, test, vi } from "vitest";
import { printLimits } from "../../src/api/cluster-limits.ts";
import { DEFAULT_LIMITS, type ClusterLimits } from "../../src/base/cluster-limits.ts";
import { asClusterId } from "../../src/base/types.ts";
import { appTo, errorOf } from "./support/app.ts";
import {
  directoryOf,
  FakeNetwork,
  hangs,
  headerOf,
  inTurn,
  leads,
  REGIONS,
  unborn,
  type Behaviour,
} from "./support/fake-network.ts";

const CLUSTER = "/v1/clusters/flags";

const empty = (): FakeNetwork => {
  const network = new FakeNetwork();
  network.directory = null;
  return network;
};

async function send(network: FakeNetwork, method: string, path: string, body?: unknown) {
  const init = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await appTo(network).send(method, path, init);
  return { status: response.status, json: await response.json() };
}

describe("a jurisdiction", () => {
  test("is decided with the cluster, and shown", async () => {
    const network = empty();
    const { send: call } = appTo(network);
    const body = JSON.stringify({ regions: ["weur"], jurisdiction: "eu" });
    const created = await call("PUT", CLUSTER, { body });
    expect([created.status, await created.json()]).toMatchObject([201, { jurisdiction: "eu" }]);
    expect(await (await call("GET", CLUSTER)).json()).toMatchObject({ jurisdiction: "eu" });
  });

  test("holds for every object that is reached, whichever isolate it is from", async () => {
    const network = empty();
    const { send: call, post } = appTo(network);
    await call("PUT", CLUSTER, { body: '{"jurisdiction":"eu"}' });
    network.jurisdictions.clear();
    await post("/c/flags/v3/kv/put", '{"key":"YQ==","value":"YQ=="}');
    await call("GET", `${CLUSTER}/replicas`);
    expect([...network.jurisdictions]).toEqual(["eu"]);
  });

  test("is unknown to a fresh isolate, which shows no object outside more than a probe", async () => {
    const network = new FakeNetwork({ wnam: unborn, enam: unborn, weur: unborn });
    network.directory = { ...directoryOf(["oc"]), jurisdiction: "eu" };
    network.replicas.set("oc", leads("wnam"));
    const { post } = appTo(network);
    const answer = await post("/c/flags/v3/kv/put", '{"key":"YQ==","value":"YQ=="}');
    expect(answer.status).toBe(200);
    expect(network.log).toEqual(["probe wnam", "genesis directory flags", "serve oc"]);
  });

  test("of a cluster that exists cannot be another", async () => {
    const network = new FakeNetwork({ wnam: leads("wnam") });
    expect((await send(network, "PUT", CLUSTER, { jurisdiction: null })).status).toBe(200);
    expect((await send(network, "PUT", CLUSTER, {})).status).toBe(200);
    expect(await send(network, "PUT", CLUSTER, { jurisdiction: "eu" })).toEqual({
      status: 409,
      json: errorOf(
        9,
        "edgekeeper: the cluster exists in another jurisdiction, which cannot be changed",
      ),
    });
  });

  test.for([
    [{ jurisdiction: "mars" }, "jurisdiction is one of eu, us, fedramp, or null"],
    [{ juristiction: "eu" }, "the body may have regions, jurisdiction and limits; nothing else"],
  ] as const)("%j is refused, and nothing is created", async ([body, message]) => {
    const network = empty();
    expect(await send(network, "PUT", CLUSTER, body)).toEqual({
      status: 400,
      json: errorOf(3, `edgekeeper: ${message}`),
    });
    expect(network.log).toEqual([]);
  });
});

describe("limits", () => {
  const LIMITS = {
    quota_bytes: 1_000_000,
    requests_per_second: 0,
    watches: 0,
    leases: 5,
    auto_compaction: { mode: "periodic", retention: "10m" },
  };
  const limits: ClusterLimits = {
    quotaBytes: 1_000_000,
    requestsPerSecond: 0,
    watches: 0,
    leases: 5,
    autoCompaction: { mode: "periodic", retention: 600_000 },
  };
  const requests = ({ calls }: FakeNetwork) => calls.map(({ request }) => request);

  test("are shown", async () => {
    const network = new FakeNetwork({ wnam: leads("wnam") });
    expect(await send(network, "GET", `${CLUSTER}/limits`)).toEqual({
      status: 200,
      json: printLimits(DEFAULT_LIMITS),
    });
  });

  test("are set as a whole, and shown as they are then", async () => {
    const network = new FakeNetwork({ wnam: leads("wnam") });
    const answer = await send(network, "PUT", `${CLUSTER}/limits`, LIMITS);
    expect(answer).toEqual({ status: 200, json: LIMITS });
    expect(requests(network).at(-1)).toEqual({ kind: "setLimits", limits });
    await send(network, "PUT", `${CLUSTER}/limits`, {});
    expect(requests(network).at(-1)).toEqual({ kind: "setLimits", limits: DEFAULT_LIMITS });
  });

  test("are set with the cluster, also by a creation that goes on after it was cut off", async () => {
    const network = empty();
    const body = { regions: ["wnam"], limits: LIMITS };
    expect((await send(network, "PUT", CLUSTER, body)).status).toBe(201);
    expect((await send(network, "PUT", CLUSTER, body)).status).toBe(200);
    const set = requests(network).filter(({ kind }) => kind === "setLimits");
    expect(set).toEqual([
      { kind: "setLimits", limits },
      { kind: "setLimits", limits },
    ]);
  });

  test("wait for a new cluster to agree on what they mean", async () => {
    const header = headerOf("wnam", 1);
    const refuses: Behaviour = () => ({ kind: "refused", refusal: "changeUnderWay", header });
    const network = empty();
    network.replicas.set("wnam", inTurn(unborn, refuses, refuses, leads("wnam")));
    const body = JSON.stringify({ regions: ["wnam"], limits: LIMITS });
    const options = { sleep: () => new Promise<void>((done) => void setTimeout(done, 5)) };
    expect((await appTo(network, options).send("PUT", CLUSTER, { body })).status).toBe(201);
    expect(requests(network).at(-1)).toEqual({ kind: "setLimits", limits });
  });

  test.for([
    [`${CLUSTER}/limits`, { lease: 5 }],
    [CLUSTER, { limits: { lease: 5 } }],
  ] as const)("that are misspelt are refused by PUT %s, and nothing is set", async (row) => {
    const [path, body] = row;
    const network = empty();
    expect(await send(network, "PUT", path, body)).toEqual({
      status: 400,
      json: errorOf(
        3,
        "edgekeeper: limits are quota_bytes, requests_per_second, watches, leases and auto_compaction; nothing else",
      ),
    });
    expect(network.log).toEqual([]);
  });

  test("of a cluster that is not there are 404", async () => {
    expect((await send(empty(), "GET", `${CLUSTER}/limits`)).status).toBe(404);
    expect((await send(empty(), "PUT", `${CLUSTER}/limits`, {})).status).toBe(404);
    expect((await send(empty(), "DELETE", `${CLUSTER}/limits`)).status).toBe(501);
  });
});

describe("what an isolate guesses", () => {
  test("about a cluster is asked with a probe first, and then not again", async () => {
    const network = new FakeNetwork({ wnam: leads("wnam") });
    const { post } = appTo(network);
    for (let time = 0; time < 2; time++) await post("/c/flags/v3/kv/range", '{"key":"YQ=="}');
    expect(network.log).toEqual(["probe wnam", "serve wnam", "serve wnam"]);
  });

  test("about `default` costs no probe: it is in no jurisdiction", async () => {
    const network = new FakeNetwork({ wnam: leads("wnam") });
    await appTo(network).post("/v3/kv/range", '{"key":"YQ=="}');
    expect(network.log).toEqual(["serve wnam"]);
  });
});

describe("GET /v1/clusters", () => {
  const clusters = ["a", "b"].map((name, i) => ({
    name,
    clusterId: asClusterId(BigInt(i + 1)),
    jurisdiction: i === 0 ? ("eu" as const) : null,
  }));

  test("lists them page by page", async () => {
    const network = new FakeNetwork();
    const asked: unknown[] = [];
    network.onList = async (page) => {
      asked.push(page);
      return { clusters, more: asked.length === 1 };
    };
    const listed = [
      { name: "a", cluster_id: "1", jurisdiction: "eu" },
      { name: "b", cluster_id: "2", jurisdiction: null },
    ];
    expect(await send(network, "GET", "/v1/clusters?limit=2")).toEqual({
      status: 200,
      json: { clusters: listed, next: "b" },
    });
    expect((await send(network, "GET", "/v1/clusters?after=b")).json).toEqual({ clusters: listed });
    expect(asked).toEqual([
      { after: "", limit: 2 },
      { after: "b", limit: 100 },
    ]);
    expect(network.log).toEqual([]);
  });

  test.for(["0", "1001", "-1", "x", ""])("a limit of %j is refused", async (limit) => {
    expect(await send(new FakeNetwork(), "GET", `/v1/clusters?limit=${limit}`)).toEqual({
      status: 400,
      json: errorOf(3, "edgekeeper: limit is a number from 1 to 1000"),
    });
  });

  test("is the only thing to ask there", async () => {
    expect((await send(new FakeNetwork(), "POST", "/v1/clusters", {})).status).toBe(501);
  });
});

describe("DELETE /v1/clusters/{name}", () => {
  const members = REGIONS.map((region, i) => ({ id: String(i + 1), region, generation: 1 }));
  const question =
    "edgekeeper: this deletes the cluster and all of its keys, for ever; " +
    "to confirm, DELETE /v1/clusters/flags?confirm=9";

  test("tells what would be lost, and deletes nothing", async () => {
    const network = new FakeNetwork({ wnam: leads("wnam") });
    expect(await send(network, "DELETE", CLUSTER)).toEqual({
      status: 428,
      json: { ...errorOf(9, question), name: "flags", cluster_id: "9", members, keys: 0 },
    });
    expect(network.log).not.toContain("genesis delete flags");
  });

  test("does not wait long for a cluster that cannot count its keys", async () => {
    const network = new FakeNetwork({ wnam: hangs, enam: hangs, weur: hangs });
    const { send: call } = appTo(network, {
      sleep: () => new Promise((done) => void setImmediate(done)),
    });
    const response = await call("DELETE", CLUSTER);
    expect([response.status, await response.json()]).toEqual([
      428,
      { ...errorOf(9, question), name: "flags", cluster_id: "9", members },
    ]);
  });

  test("with the cluster's id deletes it, and tells who has not heard", async () => {
    const network = new FakeNetwork({ wnam: leads("wnam") });
    network.away.add("enam");
    expect(await send(network, "DELETE", `${CLUSTER}?confirm=9`)).toEqual({
      status: 200,
      json: {
        name: "flags",
        cluster_id: "9",
        deleted: true,
        unreachable: [{ region: "enam", generation: 1 }],
      },
    });
  });

  test.for(["8", "", "x"])("is refused with another id: %j", async (confirm) => {
    const network = new FakeNetwork();
    expect(await send(network, "DELETE", `${CLUSTER}?confirm=${confirm}`)).toEqual({
      status: 409,
      json: errorOf(9, "edgekeeper: that is not the id of the cluster"),
    });
    expect(network.directory).not.toBeNull();
  });

  test("of a cluster that is not there is 404, asked once or twice", async () => {
    for (const path of [CLUSTER, `${CLUSTER}?confirm=9`]) {
      expect((await send(empty(), "DELETE", path)).status).toBe(404);
    }
  });

  test("is known at once to the isolate that did it", async () => {
    const network = new FakeNetwork({ wnam: leads("wnam") });
    const { send: call, post } = appTo(network);
    const range = (): Promise<Response> => post("/c/flags/v3/kv/range", '{"key":"YQ=="}');
    expect((await range()).status).toBe(200);
    await call("DELETE", `${CLUSTER}?confirm=9`);
    for (const region of REGIONS) network.replicas.set(region, unborn);
    network.log.length = 0;
    expect((await range()).status).toBe(404);
    expect(network.log).toEqual(["probe wnam", "genesis directory flags"]);
  });

  test("is found out soon by one that has just heard that the cluster is there", async () => {
    vi.useFakeTimers();
    try {
      const network = new FakeNetwork({ wnam: leads("wnam") });
      const { post } = appTo(network);
      const range = (): Promise<Response> => post("/c/flags/v3/kv/range", '{"key":"YQ=="}');
      network.replicas.delete("wnam");
      network.replicas.set("enam", leads("enam"));
      expect((await range()).status).toBe(200);
      expect(network.log).toContain("genesis directory flags");
      // Another isolate deletes it: this one hears nothing of that.
      network.directory = null;
      network.replicas.clear();
      const asked = range();
      await vi.advanceTimersByTimeAsync(1_500);
      expect((await asked).status).toBe(404);
    } finally {
      vi.useRealTimers();
    }
  });
});
