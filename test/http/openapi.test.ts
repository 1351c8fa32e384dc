// The description of the API: it is a valid one, it names every route and no other, and answers are as
// it says. Those of etcd's API were recorded from a running etcd 3.5.16.

import { Validator } from "@seriousme/openapi-schema-validator";
import { describe, expect, test } from "vitest";
import { OPERATIONS } from "../../src/api/openapi.ts";
import { createApp } from "../../src/http/app.ts";
import { PLATFORM } from "../../src/http/platform.ts";
import { answerFaults, DOCUMENT, requestFaults } from "../support/api-description.ts";
import { ETCD_EXCHANGES } from "../support/etcd-exchanges.ts";
import { appTo, led } from "./support/app.ts";
import { directoryOf, FakeNetwork, headerOf, leads, REGIONS } from "./support/fake-network.ts";
import { TinyStore } from "./support/tiny-store.ts";

/** A Hono route in the words of the description; those of clusters and of old versions fold in. */
const described = (path: string): string =>
  path
    .replace(/^\/c\/:cluster/, "")
    .replace(/^\/v3beta\//, "/v3/")
    .replaceAll(/:(\w+)/g, "{$1}")
    .replace("/v1/kv/*", "/v1/kv/{key}");

describe("the document", () => {
  test("is valid OpenAPI 3.1", async () => {
    const result = await new Validator().validate({ ...DOCUMENT });
    expect(result.errors).toBeUndefined();
    expect(result.valid).toBe(true);
  });

  test("a document with a fault would be found out", async () => {
    const faulty = { ...DOCUMENT, paths: { nope: {} } };
    expect((await new Validator().validate(faulty)).valid).toBe(false);
  });

  test("names every route of a deployed Worker, and no other", () => {
    const app = createApp({
      ...PLATFORM,
      network: led(),
      regions: REGIONS,
      token: "secret",
      development: false,
    });
    const routes = app.routes
      .filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method.toLowerCase()} ${described(path)}`);
    expect(new Set(routes).size).toBeGreaterThan(20);
    expect([...new Set(routes)].toSorted()).toEqual(
      OPERATIONS.map(({ method, path }) => `${method} ${path}`).toSorted(),
    );
  });

  test("gives every operation an id of its own", () => {
    const text = JSON.stringify(DOCUMENT);
    const ids = [...text.matchAll(/"operationId":"(\w+)"/g)].map(([, id]) => id);
    expect(ids).toHaveLength(OPERATIONS.length);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("refers to nothing that it does not have", () => {
    const text = JSON.stringify(DOCUMENT);
    const { schemas } = DOCUMENT["components"] as { schemas: object };
    const names = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
    expect(names.length).toBeGreaterThan(50);
    for (const [, name] of names) expect(Object.keys(schemas)).toContain(name);
  });

  test("is served to whoever may come in", async () => {
    const { send } = appTo(led());
    const response = await send("GET", "/openapi.json");
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ openapi: "3.1.0", info: { version: "3.7.1" } });
    expect((await send("POST", "/openapi.json")).status).toBe(501);
    const closed = appTo(led(), { token: "secret", development: false });
    expect((await closed.send("GET", "/openapi.json")).status).toBe(401);
  });
});

describe("etcd's answers", () => {
  const known = ETCD_EXCHANGES.filter(([path]) => path !== "/v3/nope");

  test.for(known)("of %s to %s are as described", ([path, , lines]) => {
    for (const line of lines) {
      const body: unknown = JSON.parse(line);
      const message = (body as { message?: string }).message;
      // Ours have `error` as well.
      const answer =
        message === undefined
          ? { status: 200, body }
          : { status: 400, body: { ...(body as object), error: message } };
      expect(answerFaults({ method: "post", path }, answer)).toEqual([]);
    }
  });

  test.for(known)("%s takes %s, as described", ([path, body]) => {
    expect(requestFaults({ method: "post", path }, JSON.parse(body))).toEqual([]);
  });

  test.for([
    ["/v3/kv/range", { key: 12 }],
    ["/v3/kv/range", { limit: 1.5 }],
    ["/v3/kv/range", { limit: "abc" }],
    ["/v3/kv/range", { serializable: "true" }],
    ["/v3/kv/range", { sort_order: true }],
    ["/v3/kv/txn", { success: {} }],
    ["/v3/kv/txn", { success: [{ request_put: { key: 1 } }] }],
    ["/v3/kv/txn", { success: [{ request_put: {}, request_range: {} }] }],
    ["/v3/kv/txn", { success: [{ request_txn: { failure: [{ request_txn: { compare: 1 } }] } }] }],
    ["/v3/watch", { create_request: {}, progress_request: {} }],
    ["/v3/lease/grant", { TTL: [] }],
    ["/v3/kv/put", []],
  ] as const)("%s does not take %j", ([path, body]) => {
    expect(requestFaults({ method: "post", path }, body)).not.toEqual([]);
  });

  test("what is not described is found out", () => {
    const place = { method: "post", path: "/v3/kv/range" };
    expect(answerFaults(place, { status: 200, body: { header: {}, cnt: "1" } })).not.toEqual([]);
    expect(answerFaults(place, { status: 200, body: { header: {}, count: 1 } })).not.toEqual([]);
  });
});

describe("our own answers", () => {
  const stored = (): FakeNetwork => new FakeNetwork({ wnam: new TinyStore().behaviour });

  async function faultsOf(
    { send }: ReturnType<typeof appTo>,
    [method, path, place, body]: readonly [string, string, string, string?],
  ): Promise<readonly string[]> {
    const response = await send(method, path, body === undefined ? {} : { body });
    const mediaType = response.headers.get("Content-Type")!.split(";")[0]!;
    const answer = { status: response.status, mediaType, body: JSON.parse(await response.text()) };
    return answerFaults({ method: method.toLowerCase(), path: place }, answer);
  }

  test("keys", async () => {
    const app = appTo(stored());
    const place = "/v1/kv/{key}";
    for (const request of [
      ["PUT", "/v1/kv/a", place, "1"],
      ["PUT", "/v1/kv/a", place, "2"],
      ["PUT", "/v1/kv/%ff?lease=7", place, "\u0000"],
      ["GET", "/v1/kv/?prefix", place],
      ["GET", "/v1/kv/?prefix&limit=1", place],
      ["GET", "/v1/kv/none", place],
      ["DELETE", "/v1/kv/none", place],
    ] as const) {
      expect(await faultsOf(app, request)).toEqual([]);
    }
  });

  test("clusters", async () => {
    const place = "/v1/clusters/{cluster}";
    const network = new FakeNetwork({ wnam: leads("wnam") });
    network.onRecover = async () => ({
      kind: "recovered",
      directory: directoryOf(["weur"]),
      revision: 9,
    });
    const recovery = '{"from":{"region":"weur","generation":1},"region":"weur","confirm":"9"}';
    network.statuses.set("wnam", async () => ({
      role: "leader",
      memberId: directoryOf(["wnam"]).members[0]!.id,
      leader: null,
      term: 1 as never,
      commit: 1,
      applied: 1,
      revision: 1,
      incarnation: 1,
      isAsleep: false,
      clusterVersion: 3,
      alarms: [],
    }));
    const app = appTo(network);
    for (const request of [
      ["GET", "/v1/clusters/default", place],
      ["PUT", "/v1/clusters/default", place, "{}"],
      ["PUT", "/v1/clusters/default", place, '{"regions":[1]}'],
      ["GET", "/v1/clusters/default/replicas", `${place}/replicas`],
      ["PUT", "/v1/clusters/default/regions", `${place}/regions`, '{"regions":["wnam"]}'],
      ["PUT", "/v1/clusters/default/version", `${place}/version`, '{"cap":null}'],
      ["POST", "/v1/clusters/default/recover", `${place}/recover`, recovery],
    ] as const) {
      expect(await faultsOf(app, request)).toEqual([]);
    }
  });

  test("what monitors ask, and members", async () => {
    const app = appTo(led());
    expect(await faultsOf(app, ["GET", "/health", "/health"])).toEqual([]);
    expect(await faultsOf(app, ["GET", "/version", "/version"])).toEqual([]);
    const members = "/v3/cluster/member/list";
    expect(await faultsOf(app, ["POST", members, members, "{}"])).toEqual([]);
    const header = headerOf("wnam", 1);
    const sick = appTo(
      new FakeNetwork({ wnam: () => ({ kind: "refused", refusal: "tooManyRequests", header }) }),
    );
    expect(await faultsOf(sick, ["GET", "/health", "/health"])).toEqual([]);
  });
});
