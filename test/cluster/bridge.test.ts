// The bridge before a running server: gRPC, HTTP/1 and WebSockets on one port, with and without TLS.

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, test } from "vitest";
import { startBridge, type Bridge } from "../../src/bridge/bridge.ts";
import type { Message } from "../../src/bridge/upstream.ts";
import { callTo, type Caller } from "../bridge/support.ts";
import { startServer, type Server } from "../support/server.ts";

const PUT = "/etcdserverpb.KV/Put";
const WATCH = "/etcdserverpb.Watch/Watch";

let server: Server;
let bridge: Bridge;
let caller: Caller;

const start = (tls: { cert: string; key: string } | null = null): Promise<Bridge> =>
  startBridge({ host: "127.0.0.1", port: 0, endpoint: new URL(server.url), token: null, tls });

beforeAll(async () => {
  server = await startServer({ regions: ["wnam"] });
  bridge = await start();
  caller = callTo(`127.0.0.1:${bridge.port}`);
});
afterAll(async () => {
  caller.stop();
  await bridge.stop();
  await server.stop();
});

const base64 = (text: string): string => Buffer.from(text).toString("base64");

describe("one port", () => {
  test("is the gateway's too", async ({ expect }) => {
    const url = `http://127.0.0.1:${bridge.port}`;
    expect(await (await fetch(`${url}/version`)).json()).toMatchObject({ etcdcluster: "3.7.0" });
    const put = await fetch(`${url}/v3/kv/put`, {
      method: "POST",
      body: `{"key":"${base64("one-port")}","value":"YQ=="}`,
    });
    expect(put.status).toBe(200);
    const missing = await fetch(`${url}/nowhere`);
    expect([missing.status, await missing.json()]).toMatchObject([404, { code: 5 }]);
  });

  test("tells monitors of the store, and of the bridge's own memory", async ({ expect }) => {
    const page = await (await fetch(`http://127.0.0.1:${bridge.port}/metrics`)).text();
    expect(page).toMatch(/^etcd_server_has_leader\{.*\} 1$/m);
    expect(Number(/^process_resident_memory_bytes (\d+)$/m.exec(page)?.[1])).toBeGreaterThan(1e6);
  });

  test("takes WebSockets", async ({ expect }) => {
    const socket = new WebSocket(`ws://127.0.0.1:${bridge.port}/v3/watch`);
    await once(socket, "open");
    socket.send(`{"create_request":{"key":"${base64("one-port")}","start_revision":1}}`);
    const [{ data }] = (await once(socket, "message")) as [{ data: string }];
    expect(JSON.parse(data)).toMatchObject({ result: { created: true } });
    socket.close();
  });

  test("of TLS as well", async ({ expect }) => {
    const folder = mkdtempSync(join(tmpdir(), "bridge-"));
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    const args = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert];
    execFileSync("openssl", [...args, ...subject], { stdio: "ignore" });
    const secure = await start({
      cert: readFileSync(cert, "utf8"),
      key: readFileSync(key, "utf8"),
    });
    const ca = readFileSync(cert);
    const secret = callTo(`localhost:${secure.port}`, credentials.createSsl(ca));
    const { members } = await secret.unary("/etcdserverpb.Cluster/MemberList", {});
    expect(members).toMatchObject([{ clientURLs: [`https://localhost:${secure.port}`] }]);
    const request = get({ host: "localhost", port: secure.port, path: "/health", ca });
    const [response] = (await once(request, "response")) as [
      { statusCode: number; resume(): void },
    ];
    response.resume();
    expect(response.statusCode).toBe(200);
    secret.stop();
    await secure.stop();
    rmSync(folder, { recursive: true });
  });
});

// As clients of 3.4 say it, and those of 3.5.
test.for(["http://store.internal:2379", "#initially=[http://store.internal:2379;http://b:1]"])(
  "is told to those who say that they have reached it as %s",
  async (authority, { expect }) => {
    const old = callTo(`127.0.0.1:${bridge.port}`, credentials.createInsecure(), authority);
    const { members } = await old.unary("/etcdserverpb.Cluster/MemberList", {});
    expect(members).toMatchObject([{ clientURLs: ["http://store.internal:2379"] }]);
    old.stop();
  },
);

describe("a stream of watches", () => {
  /** A stream of watches whose answers are taken one at a time. */
  function watching() {
    const call = caller.converse(WATCH);
    call.on("error", () => {});
    const answers = (call as AsyncIterable<Message>)[Symbol.asyncIterator]();
    const next = async (): Promise<Message> => (await answers.next()).value as Message;
    return { call, next };
  }

  test("carries several, which are created in order, and end one by one", async ({ expect }) => {
    const { call, next } = watching();
    call.write({ create_request: { key: base64("wa") } });
    call.write({ create_request: { key: base64("wb"), watch_id: "4611686018427387905" } });
    expect(await next()).toMatchObject({ created: true });
    expect(await next()).toMatchObject({ created: true, watch_id: "4611686018427387905" });
    await caller.unary(PUT, { key: base64("wb"), value: base64("x") });
    const events = [{ kv: { key: base64("wb"), value: base64("x") } }];
    expect(await next()).toMatchObject({ watch_id: "4611686018427387905", events });
    call.write({ cancel_request: { watch_id: "4611686018427387905" } });
    expect(await next()).toMatchObject({ canceled: true, watch_id: "4611686018427387905" });
    call.write({ progress_request: {} });
    expect(await next()).toMatchObject({ watch_id: "-1" });
    call.cancel();
  });

  test("goes on however much it is sent while it has nothing to say", async ({ expect }) => {
    const { call, next } = watching();
    const value = Buffer.alloc(1_400_000, 7).toString("base64");
    call.write({ create_request: { key: base64("large") } });
    await next();
    // Twenty answers of 1.9 million characters each: more than the router sends to the silent.
    for (let count = 1; count <= 20; count++) {
      await caller.unary(PUT, { key: base64("large"), value });
      const { events } = await next();
      expect(events).toMatchObject([{ kv: { version: String(count) } }]);
    }
    call.cancel();
  });
});

test("RangeStream gives what is too large for one answer", async ({ expect }) => {
  const value = Buffer.alloc(1_400_000, 1).toString("base64");
  const keys = Array.from({ length: 43 }, (_, n) => `stream/${String(n).padStart(2, "0")}`);
  // The large ones come last: pages have grown by then, and the next would be too large.
  for (const [n, key] of keys.entries()) {
    await caller.unary(PUT, { key: base64(key), ...(n < 30 ? {} : { value }) });
  }
  const request = { key: base64("stream/"), range_end: base64("stream0") };
  await expect(caller.unary("/etcdserverpb.KV/Range", request)).rejects.toMatchObject({ code: 8 });
  const seen: string[] = [];
  for await (const chunk of caller.receive("/etcdserverpb.KV/RangeStream", request)) {
    const { range_response: part } = chunk as { range_response: { kvs: { key: string }[] } };
    seen.push(...part.kvs.map(({ key }) => Buffer.from(key, "base64").toString()));
  }
  expect(seen).toEqual(keys);
});

test("a lock is waited for, and a client that leaves the queue is out of it", async ({
  expect,
}) => {
  const lock = "/v3lockpb.Lock/Lock";
  const name = base64("mutex");
  const held = await caller.unary(lock, { name });
  const late = caller.unary(lock, { name }, { deadline: Date.now() + 300 });
  await expect(late).rejects.toMatchObject({ code: 4 });
  const waiting = caller.unary(lock, { name });
  await caller.unary("/v3lockpb.Lock/Unlock", { key: held["key"] });
  expect(await waiting).toHaveProperty("key");
});
