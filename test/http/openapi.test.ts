// The description of the API: it is a valid one, it names every route and no other, and the answers of
// etcd, recorded from a running 3.5.16, are as it says. Ours are in `described-answers.test.ts`.

import { Validator } from "@seriousme/openapi-schema-validator";
import { describe, expect, test } from "vitest";
import { OPERATIONS } from "../../src/api/openapi.ts";
import { createApp } from "../../src/http/app.ts";
import { PLATFORM } from "../../src/http/platform.ts";
import { answerFaults, DOCUMENT, requestFaults } from "../support/api-description.ts";
import { ETCD_EXCHANGES } from "../support/etcd-exchanges.ts";
import { ETCD_SERVICE_EXCHANGES } from "../support/etcd-service-exchanges.ts";
import { appTo, led } from "./support/app.ts";
import { REGIONS } from "./support/fake-network.ts";

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
  const known = [...ETCD_EXCHANGES, ...ETCD_SERVICE_EXCHANGES].filter(
    ([path]) => path !== "/v3/nope",
  );

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
    ["/v3/auth/role/grant", { perm: { permType: true } }],
    ["/v3/auth/user/add", { options: { no_password: 1 } }],
    ["/v3/election/proclaim", { leader: { rev: "x" } }],
    ["/v3/maintenance/alarm", { memberID: [] }],
    ["/v3/lock/lock", { name: 1 }],
  ] as const)("%s does not take %j", ([path, body]) => {
    expect(requestFaults({ method: "post", path }, body)).not.toEqual([]);
  });

  test("what is not described is found out", () => {
    const place = { method: "post", path: "/v3/kv/range" };
    expect(answerFaults(place, { status: 200, body: { header: {}, cnt: "1" } })).not.toEqual([]);
    expect(answerFaults(place, { status: 200, body: { header: {}, count: 1 } })).not.toEqual([]);
  });
});
