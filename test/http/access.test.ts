// Who may come in, what a cluster is made of, and the lab door. The replicas are played.

import { describe, expect, test, vi } from "vitest";
import { printLimits } from "../../src/api/cluster-limits.ts";
import type { ReplicaStatus } from "../../src/api/replica.ts";
import { DEFAULT_LIMITS } from "../../src/base/cluster-limits.ts";
import { asRevision, asTerm } from "../../src/base/types.ts";
import { FakeNetwork, memberId } from "./support/fake-network.ts";

import { appTo, led, ORIGIN } from "./support/app.ts";

describe("clusters", () => {
  const empty = (): FakeNetwork => {
    const network = new FakeNetwork();
    network.directory = null;
    return network;
  };

  test("PUT creates once, GET describes", async () => {
    const { send } = appTo(empty());
    expect((await send("GET", "/v1/clusters/flags")).status).toBe(404);
    const created = await send("PUT", "/v1/clusters/flags", { body: '{"regions":["weur"]}' });
    expect(created.status).toBe(201);
    const description = {
      name: "flags",
      cluster_id: "9",
      members: [{ id: "3", region: "weur", generation: 1 }],
    };
    expect(await created.json()).toEqual(description);
    const again = await send("PUT", "/v1/clusters/flags", { body: '{"regions":["enam"]}' });
    expect(again.status).toBe(200);
    expect(await again.json()).toEqual(description);
    expect(await (await send("GET", "/v1/clusters/flags")).json()).toEqual({
      ...description,
      regions: ["weur"],
      jurisdiction: null,
      leader: "weur",
      limits: printLimits(DEFAULT_LIMITS),
    });
  });

  test("without regions it takes the configured ones", async () => {
    const { send } = appTo(empty());
    const created = await send("PUT", "/v1/clusters/flags");
    expect(((await created.json()) as { members: unknown[] }).members).toHaveLength(3);
  });

  test.for(['{"regions":["moon"]}', '{"regions":[]}', '{"regions":["weur","weur"]}', "{", "[1]"])(
    "%s is refused, and nothing is created",
    async (body) => {
      const network = empty();
      const response = await appTo(network).send("PUT", "/v1/clusters/flags", { body });
      expect(response.status).toBe(400);
      expect(network.log).toEqual([]);
    },
  );
});

describe("access", () => {
  const DEPLOYED = { development: false, token: "s3cret" };

  test("without a configured credential everything is closed, and says how to open it", async () => {
    for (const token of [null, ""]) {
      const { send, post } = appTo(led(), { development: false, token });
      for (const response of [
        await post("/v3/kv/range"),
        await send("GET", "/health"),
        await send("GET", "/nope"),
        await send("POST", "/v3/kv/range", { headers: { Authorization: "Bearer " } }),
      ]) {
        expect(response.status).toBe(403);
        expect(await response.text()).toContain("npx wrangler secret put EDGEKEEPER_TOKEN");
      }
    }
  });

  test.for([
    ["Bearer s3cret", 200],
    ["bearer  s3cret", 200],
    ["s3cret", 200],
    ["Bearer s3cre", 401],
    ["Bearer s3cretx", 401],
    ["", 401],
    [null, 401],
  ] as const)("Authorization %s is %i", async ([authorization, status]) => {
    const headers: Record<string, string> =
      authorization === null ? {} : { Authorization: authorization };
    const network = led();
    const response = await appTo(network, DEPLOYED).send("POST", "/v3/kv/range", { headers });
    expect(response.status).toBe(status);
    if (status === 401) {
      expect(await response.json()).toMatchObject({ code: 16 });
      expect(network.log).toEqual([]);
    }
  });

  test("browsers' sockets bring it as a subprotocol", async () => {
    const { send } = appTo(led(), DEPLOYED);
    const offer = (text: string): RequestInit => ({
      headers: { "Sec-WebSocket-Protocol": text },
    });
    expect((await send("GET", "/version", offer("Bearer, s3cret"))).status).toBe(200);
    expect((await send("GET", "/version", offer("Bearer, wrong"))).status).toBe(401);
    expect((await send("GET", "/version", offer("s3cret"))).status).toBe(401);
  });

  test.for([
    ["http://localhost:8787", 200],
    ["http://edge.localhost", 200],
    ["http://[::1]:8787", 200],
    ["http://evil.example:8787", 421],
    ["http://127.0.0.1.evil.example", 421],
    ["http://localhost.evil.example", 421],
  ] as const)("in development %s is %i", async ([origin, status]) => {
    const { app } = appTo(led());
    expect((await app.fetch(new Request(`${origin}/version`))).status).toBe(status);
  });

  test("a Host header that is not loopback's is refused whatever the URL says", async () => {
    const { app } = appTo(led());
    const request = new Request(`${ORIGIN}/version`);
    vi.spyOn(request.headers, "get").mockImplementation((name) =>
      name === "Host" ? "evil.example" : null,
    );
    expect((await app.fetch(request)).status).toBe(421);
  });

  test.for([
    ["http://evil.example", 421],
    ["null", 421],
    ["http://localhost:3000", 200],
  ] as const)("a page from %s is answered %i", async ([origin, status]) => {
    const { send } = appTo(led());
    expect((await send("GET", "/version", { headers: { Origin: origin } })).status).toBe(status);
  });

  test("a page may read why it was refused", async () => {
    const { send } = appTo(led(), { development: false, token: "secret" });
    const response = await send("GET", "/version");
    expect(response.status).toBe(401);
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe("*");
  });

  test("an unexpected error is reported inside, and told to nobody outside", async () => {
    const reported: unknown[] = [];
    const network = led();
    network.genesis = () => {
      throw new Error("secret detail");
    };
    const { send } = appTo(network, { reportError: (error) => reported.push(error) });
    const response = await send("GET", "/v1/clusters/flags");
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret detail");
    expect(reported).toHaveLength(1);
  });
});

describe("the lab", () => {
  const status = (region: string, role: ReplicaStatus["role"], term: number): ReplicaStatus => ({
    role,
    memberId: memberId(region),
    leader: null,
    term: asTerm(term),
    commit: 5,
    applied: 4,
    revision: asRevision(3),
    incarnation: 1,
    isAsleep: false,
    clusterVersion: 2,
    alarms: [],
  });

  test("status tells of each replica, of the leader, and of those that do not answer", async () => {
    const network = led();
    network.statuses.set("wnam", async () => status("wnam", "leader", 3));
    network.statuses.set("enam", async () => status("enam", "leader", 4));
    network.statuses.set("weur", () => Promise.withResolvers<never>().promise);
    const response = await appTo(network).send("GET", "/_lab/status");
    expect(await response.json()).toEqual({
      leader: "enam",
      replicas: [
        { region: "wnam", role: "leader", term: 3, commit: 5, applied: 4, revision: 3 },
        { region: "enam", role: "leader", term: 4, commit: 5, applied: 4, revision: 3 },
      ],
      unreachable: ["weur"],
    });
  });

  test("cost tells what each instance has written and sent, and whether it sleeps", async () => {
    const network = led();
    network.statuses.set("enam", async () => ({
      ...status("enam", "follower", 3),
      isAsleep: true,
    }));
    const response = await appTo(network).send("GET", "/_lab/cost");
    const cost = { incarnation: 1, asleep: true, rows_written: 12, peer_calls: 7 };
    expect(await response.json()).toEqual({
      replicas: [{ region: "enam", generation: 1, ...cost }],
      unreachable: ["wnam", "weur"],
    });
  });

  test("orders want the header that a web page cannot send by accident", async () => {
    const network = led();
    const { send } = appTo(network);
    const refused = await send("POST", "/_lab/replicas/wnam/isolate");
    expect(refused.status).toBe(403);
    expect(network.log.join()).not.toContain("lab");
    const headers = { "X-Edgekeeper-Lab": "1" };
    const obeyed = await send("POST", "/_lab/replicas/wnam/isolate", { headers });
    expect(obeyed.status).toBe(200);
    expect(network.log.at(-1)).toBe("lab wnam isolate");
    for (const path of ["/_lab/replicas/moon/abort", "/_lab/replicas/wnam/explode"]) {
      expect((await send("POST", path, { headers })).status).toBe(404);
    }
  });

  test("an aborted object takes the call along, which is what was wanted", async () => {
    const network = led();
    network.onLab = () => Promise.reject(new Error("lab: abort"));
    const { send } = appTo(network);
    const headers = { "X-Edgekeeper-Lab": "1" };
    expect((await send("POST", "/_lab/replicas/enam/abort", { headers })).status).toBe(200);
    expect((await send("POST", "/_lab/replicas/enam/heal", { headers })).status).toBe(500);
  });

  test("does not exist in a deployed Worker", async () => {
    const network = led();
    const { send } = appTo(network, { development: false, token: "t" });
    const headers = { "X-Edgekeeper-Lab": "1", Authorization: "Bearer t" };
    for (const [method, path] of [
      ["GET", "/_lab/status"],
      ["POST", "/_lab/replicas/wnam/abort"],
    ] as const) {
      expect((await send(method, path, { headers })).status).toBe(404);
    }
    expect(network.log).toEqual([]);
  });
});
