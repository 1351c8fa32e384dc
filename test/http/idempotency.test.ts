// The key that a client names its write with, on its way from every door to the replica.

import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { ReplicaCall } from "../../src/api/replica.ts";
import { OPERATIONS } from "../../src/api/openapi.ts";
import { SocketLines } from "../../src/http/line-sink.ts";
import { SocketCall } from "../../src/http/socket-call.ts";
import { appTo } from "./support/app.ts";
import { ClientSocket } from "./support/client-socket.ts";
import { FakeNetwork, timesOut, type Behaviour } from "./support/fake-network.ts";
import { answersInFull } from "./support/full-answers.ts";

const KEY = "order-7";

/** An app, and what its replica was asked. */
function appThatHears(): { heard: ReplicaCall[]; app: ReturnType<typeof appTo> } {
  const heard: ReplicaCall[] = [];
  const answers = answersInFull(null);
  const behaviour: Behaviour = (call) => {
    heard.push(call);
    return answers(call);
  };
  return { heard, app: appTo(new FakeNetwork({ wnam: behaviour })) };
}

/** The writes of keys and leases, with a body each that is one. */
const BODIES: Readonly<Record<string, string>> = {
  "post /v3/kv/put": '{"key":"aw=="}',
  "post /v3/kv/deleterange": '{"key":"aw=="}',
  "post /v3/kv/txn": '{"success":[{"requestPut":{"key":"aw=="}}]}',
  "post /v3/kv/compaction": '{"revision":"2"}',
  "post /v3/lease/grant": '{"TTL":"60"}',
  "post /v3/lease/revoke": '{"ID":"7"}',
  "post /v3/kv/lease/revoke": '{"ID":"7"}',
  "put /v1/kv/{key}": "value",
  "delete /v1/kv/{key}": "",
};

const named = OPERATIONS.filter(({ parameters }) =>
  parameters?.some(({ name }) => name === "Idempotency-Key"),
).map(({ method, path }) => `${method} ${path}`);

describe("Idempotency-Key", () => {
  test("is described of all writes of keys and leases", () => {
    expect(named.toSorted()).toEqual(Object.keys(BODIES).toSorted());
  });

  test.for(named)("is passed on by %s", async (operation) => {
    const { heard, app } = appThatHears();
    const [method, path] = operation.replace("{key}", "a").split(" ") as [string, string];
    const body = BODIES[operation]!;
    const headers = { "Idempotency-Key": KEY };
    await app.send(method.toUpperCase(), path, { headers, ...(body === "" ? {} : { body }) });
    expect(heard.map(({ idempotencyKey }) => idempotencyKey)).toEqual([KEY]);
  });

  test("is passed on from the head of a WebSocket", async () => {
    const { heard, app } = appThatHears();
    const socket = new ClientSocket();
    const url = "http://127.0.0.1:8787/v3/kv/put";
    const upgrade = { url, headers: new Headers({ "Idempotency-Key": KEY }) };
    const sink = new SocketLines(socket);
    await new SocketCall((request) => app.app.fetch(request), upgrade, sink).receive(
      '{"key":"aw=="}',
    );
    expect(heard.map(({ idempotencyKey }) => idempotencyKey)).toEqual([KEY]);
  });

  test("is none where there is none, nor of the steps of a lock", async () => {
    const { heard, app } = appThatHears();
    await app.send("PUT", "/v1/kv/a", { body: "1" });
    const headers = { "Idempotency-Key": KEY };
    const over = new AbortController();
    const locking = app.send("POST", "/v3/lock/lock", {
      headers,
      body: '{"name":"bA==","lease":"77"}',
      signal: over.signal,
    });
    while (heard.length < 2) await wait(1);
    over.abort();
    await locking.catch(() => undefined);
    expect(heard.every((call) => !("idempotencyKey" in call))).toBe(true);
  });

  test("is the same in each attempt, as the request id is", async () => {
    const heard: ReplicaCall[] = [];
    const answers = answersInFull(null);
    const behaviour: Behaviour = (call) => {
      if (call.request.kind === "put") heard.push(call);
      return call.request.kind === "put" && heard.length < 3 ? timesOut(call) : answers(call);
    };
    const { send } = appTo(new FakeNetwork({ wnam: behaviour, enam: behaviour, weur: behaviour }));
    await send("PUT", "/v1/kv/a", { body: "1", headers: { "Idempotency-Key": KEY } });
    expect(heard).toHaveLength(3);
    expect(new Set(heard.map(({ requestId }) => String(requestId))).size).toBe(1);
    expect(heard.map(({ idempotencyKey }) => idempotencyKey)).toEqual([KEY, KEY, KEY]);
  });

  test.for(["", "two words", "caf\u00e9", "x".repeat(256)])("may not be %o", async (key) => {
    const { heard, app } = appThatHears();
    const headers = { "Idempotency-Key": key };
    const response = await app.send("PUT", "/v1/kv/a", { body: "1", headers });
    expect([response.status, heard]).toEqual([400, []]);
  });
});
