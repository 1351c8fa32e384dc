// The app as a client sees it: paths, verbs, bodies. The replicas are played.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { NO_LEASE } from "../../src/base/types.ts";
import { JSON_BODY_BYTES_MAX } from "../../src/http/request.ts";
import { FakeNetwork, follows, hangs, headerOf, type Behaviour } from "./support/fake-network.ts";

import { appTo, errorOf, led } from "./support/app.ts";

describe("etcd's paths", () => {
  test("a unary call, with the gateway's headers", async () => {
    const response = await appTo(led()).post("/v3/kv/range", '{"key":"aw=="}');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      header: { cluster_id: "9", member_id: "1", revision: "7", raft_term: "1" },
    });
    expect(response.headers.get("Content-Type")).toBe("application/json");
    expect(response.headers.get("Grpc-Metadata-Content-Type")).toBe("application/grpc");
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe("*");
  });

  test.for(["/v3beta/kv/range", "/c/default/v3/kv/range", "/c/other/v3beta/kv/range"])(
    "%s is the same",
    async (path) => expect((await appTo(led()).post(path)).status).toBe(200),
  );

  test.for(["GET", "PUT", "DELETE", "PATCH", "HEAD"])("%s is 501", async (method) => {
    for (const path of ["/v3/kv/range", "/v3/watch", "/c/default/v3/lease/keepalive"]) {
      const response = await appTo(led()).send(method, path);
      expect(response.status).toBe(501);
      if (method === "HEAD") continue;
      expect(await response.json()).toEqual(errorOf(12, "Method Not Allowed"));
    }
  });

  test.for([
    "/v3/kv/range/",
    "/v3/nope",
    "/v3alpha/kv/range",
    "/v3",
    "/",
    "/c/x/v3/kv",
    "/health/",
  ])("%s is 404", async (path) => {
    const { send, post } = appTo(led());
    for (const response of [await post(path), await send("GET", path)]) {
      expect(response.status).toBe(404);
      expect(await response.json()).toEqual(errorOf(5, "Not Found"));
    }
  });

  test("OPTIONS is 200 with the cross-origin headers, everywhere", async () => {
    for (const path of ["/v3/nope", "/nope", "/"]) {
      const response = await appTo(led()).send("OPTIONS", path);
      expect(response.status).toBe(200);
      expect(response.headers.get("Access-Control-Allow-Methods")).toBe(
        "POST, GET, OPTIONS, PUT, DELETE",
      );
    }
  });

  test.for([
    ["/v3/kv/put", '{"key":"***"}', 'proto: (line 1:8): invalid value for bytes field key: "***"'],
    ["/v3/kv/txn", "[1]", "proto: syntax error (line 1:1): unexpected token ["],
    ["/v3/lease/grant", "{bad", "invalid character 'b' looking for beginning of object key string"],
    ["/v3/kv/compaction", '{"revision":', "unexpected EOF"],
  ] as const)("%s with %s is refused, and reaches no replica", async ([path, body, message]) => {
    const network = led();
    const response = await appTo(network).post(path, body);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual(errorOf(3, message));
    expect(network.log).toEqual([]);
  });

  test("a body beyond the limit is 429, announced or not, and reaches no replica", async () => {
    const network = led();
    const { send, post } = appTo(network);
    const response = await post("/v3/kv/put", "x".repeat(JSON_BODY_BYTES_MAX + 1));
    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject({ code: 8 });
    let pulled = 0;
    const endless = new ReadableStream({
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(100_000));
      },
    });
    const streamed = await send("POST", "/v3/kv/put", {
      body: endless,
      duplex: "half",
    });
    expect(streamed.status).toBe(429);
    expect(pulled).toBeLessThan(50);
    expect(network.log).toEqual([]);
  });

  test("a refusal is etcd's error", async () => {
    const refuses: Behaviour = () => ({
      kind: "refused",
      refusal: "leaseNotFound",
      header: headerOf("wnam", 1),
    });
    const response = await appTo(new FakeNetwork({ wnam: refuses })).post("/v3/lease/revoke");
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual(errorOf(5, "etcdserver: requested lease not found"));
  });

  test("a grant without id gets a positive one before it is sent, one with id keeps it", async () => {
    const network = led();
    const { post } = appTo(network);
    await post("/v3/lease/grant", '{"TTL":10}');
    await post("/v3/lease/grant", '{"TTL":10,"ID":9007199254740993}');
    const ids = network.calls.map(({ request }) => ("id" in request ? request.id : 0n));
    expect(ids[0]).toBeGreaterThan(0n);
    expect(BigInt.asIntN(64, ids[0]!)).toBe(ids[0]);
    expect(ids[1]).toBe(9_007_199_254_740_993n);
  });

  test("a name that is no cluster's is refused, an unknown cluster is 404 and not created", async () => {
    const network = new FakeNetwork();
    network.directory = null;
    const { post } = appTo(network);
    expect((await post("/c/Not_A_Name/v3/kv/range")).status).toBe(400);
    const unknown = await post("/c/unknown/v3/kv/range");
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({ code: 5 });
    expect(network.log).not.toContain("genesis create unknown");
  });
});

describe("without an outcome", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  async function outcome(network: FakeNetwork, path: string, body = "{}"): Promise<Response> {
    const pending = appTo(network).post(path, body);
    await vi.advanceTimersByTimeAsync(8_000);
    return pending;
  }
  const hung = (): FakeNetwork => new FakeNetwork({ wnam: hangs, enam: hangs, weur: hangs });

  test.for([
    ["/v3/kv/put", "{}", 504, "context deadline exceeded"],
    ["/v3/lease/grant", "{}", 504, "context deadline exceeded"],
    ["/v3/kv/txn", '{"success":[{"request_put":{}}]}', 504, "context deadline exceeded"],
    ["/v3/kv/txn", '{"success":[{"request_range":{}}]}', 503, "etcdserver: request timed out"],
    ["/v3/kv/range", "{}", 503, "etcdserver: request timed out"],
    ["/v3/lease/leases", "{}", 503, "etcdserver: request timed out"],
  ] as const)("%s %s is %i", async ([path, body, status, message]) => {
    const response = await outcome(hung(), path, body);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ message });
  });

  test("no leader anywhere is 503 for a write too: it was never taken", async () => {
    const network = new FakeNetwork({
      wnam: follows(null),
      enam: follows(null),
      weur: follows(null),
    });
    const response = await outcome(network, "/v3/kv/put");
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: 14, message: "etcdserver: no leader" });
  });

  test("/health says so", async () => {
    const pending = appTo(hung()).send("GET", "/health");
    await vi.advanceTimersByTimeAsync(8_000);
    const response = await pending;
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ health: "false", reason: "RAFT NO LEADER" });
  });
});

describe("keepalive", () => {
  const alive: Behaviour = ({ request }) => ({
    kind: "answered",
    header: headerOf("wnam", 1),
    answer: {
      kind: "leaseKeepAlive",
      answer: {
        id: request.kind === "leaseKeepAlive" ? request.id : NO_LEASE,
        ttlSeconds: 10,
      },
    },
  });
  const keeping = () => appTo(new FakeNetwork({ wnam: alive }));
  const HEADER = '"header":{"cluster_id":"9","member_id":"1","revision":"7","raft_term":"1"}';

  test("each document one line, in order, and then the end", async () => {
    const response = await keeping().post(
      "/v3/lease/keepalive",
      '{"ID":9007199254740993}{"ID":"9"}\n',
    );
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(
      `{"result":{${HEADER},"ID":"9007199254740993","TTL":"10"}}\n` +
        `{"result":{${HEADER},"ID":"9","TTL":"10"}}\n`,
    );
  });

  test("nothing asked, nothing answered", async () => {
    const response = await keeping().post("/v3/lease/keepalive", null);
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  test("a malformed document is an error: with its status when it is the first", async () => {
    const first = await keeping().post("/v3/lease/keepalive", '{"ID":"x"}');
    expect(first.status).toBe(400);
    expect(await first.json()).toMatchObject({ error: { code: 3 } });
    const second = await keeping().post("/v3/lease/keepalive", '{"ID":"9"}{bad');
    expect(second.status).toBe(200);
    const lines = (await second.text()).trim().split("\n");
    expect(lines.map((line) => Object.keys(JSON.parse(line))[0])).toEqual(["result", "error"]);
  });
});

describe("monitors", () => {
  test("/version and /health", async () => {
    const { send } = appTo(led());
    expect(await (await send("GET", "/version")).json()).toEqual({
      etcdserver: "3.7.1",
      etcdcluster: "3.7.0",
      storage: "3.7.0",
    });
    for (const path of ["/health", "/health?serializable=true", "/c/default/health"]) {
      const response = await send("GET", path);
      expect(await response.text()).toBe('{"health":"true","reason":""}');
    }
    expect((await send("POST", "/health")).status).toBe(405);
  });
});
