// The plain API as a person with curl sees it.

import { setTimeout as wait } from "node:timers/promises";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { asRevision } from "../../src/base/types.ts";
import { createApp } from "../../src/http/app.ts";
import { PLATFORM } from "../../src/http/platform.ts";
import { BODY_BYTES_MAX } from "../../src/base/limits.ts";
import { printDelivery } from "../../src/http/routes/plain-watch.ts";
import { FakeNetwork, REGIONS } from "./support/fake-network.ts";
import { events, FakeSocket, progress, putEvent, settle } from "./support/fake-session.ts";
import { TinyStore } from "./support/tiny-store.ts";

let store: TinyStore;
let network: FakeNetwork;
let send: (method: string, path: string, init?: RequestInit) => Promise<Response>;

beforeEach(() => {
  store = new TinyStore();
  network = new FakeNetwork({ wnam: store.behaviour });
  const app = createApp({
    ...PLATFORM,
    network,
    regions: REGIONS,
    token: null,
    development: true,
  });
  send = async (method, path, init = {}) =>
    app.fetch(new Request(`http://localhost${path}`, { method, ...init }));
});

const put = (
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
) => send("PUT", path, { body, headers });

describe("one key", () => {
  test("PUT creates with 201, overwrites with 200, and tells the revision", async () => {
    const first = await put("/v1/kv/flags/dark", "on");
    expect([first.status, first.headers.get("ETag"), await first.json()]).toEqual([
      201,
      '"2"',
      { revision: 2 },
    ]);
    const second = await put("/v1/kv/flags/dark", "off");
    expect([second.status, second.headers.get("X-Edgekeeper-Revision")]).toEqual([200, "3"]);
  });

  test("GET gives the raw bytes, the ETag and the revisions", async () => {
    const value = new Uint8Array([0, 255, 10]);
    await put("/v1/kv/k?lease=9007199254740993", value);
    await put("/v1/kv/other", "x");
    const response = await send("GET", "/v1/kv/k");
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(value);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      etag: '"2"',
      "x-edgekeeper-revision": "3",
      "x-edgekeeper-create-revision": "2",
      "x-edgekeeper-version": "1",
      "x-edgekeeper-lease": "9007199254740993",
      "content-type": "application/octet-stream",
      "x-content-type-options": "nosniff",
    });
  });

  test("a value as large as a request may be is carried once", async () => {
    const value = new Uint8Array(1_500_000);
    expect((await put("/v1/kv/big", value)).status).toBe(201);
    const calls = network.calls.map((call) => call.request);
    expect(calls).toMatchObject([{ kind: "put", request: { value: { length: 1_500_000 } } }]);
  });

  test("If-Match on GET is 412 for another revision", async () => {
    await put("/v1/kv/k", "v");
    const get = (tag: string) => send("GET", "/v1/kv/k", { headers: { "If-Match": tag } });
    expect((await get('"1"')).status).toBe(412);
    expect((await get('"2"')).status).toBe(200);
  });

  test("HEAD of a watch opens none", async () => {
    const response = await send("HEAD", "/v1/kv/k?watch");
    expect(response.headers.get("Content-Type")).toBe("text/event-stream");
    expect(network.log).toEqual([]);
  });

  test("a missing key is 404 with the usual body, for GET and DELETE", async () => {
    for (const method of ["GET", "DELETE"]) {
      const response = await send(method, "/v1/kv/nope");
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ code: 5, error: expect.any(String) });
    }
    expect(store.revision).toBe(1);
  });

  test("If-None-Match on GET is 304 while nothing changed", async () => {
    await put("/v1/kv/k", "v");
    const get = (tag: string) => send("GET", "/v1/kv/k", { headers: { "If-None-Match": tag } });
    const unchanged = await get('"1", "2"');
    expect([unchanged.status, await unchanged.text()]).toEqual([304, ""]);
    expect((await get('"1"')).status).toBe(200);
    expect((await get("*")).status).toBe(304);
    expect((await get('W/"2"')).status).toBe(304);
  });

  test("If-Match and If-None-Match guard writes: 412 changes nothing", async () => {
    expect((await put("/v1/kv/k", "a", { "If-Match": "*" })).status).toBe(412);
    expect((await put("/v1/kv/k", "a", { "If-None-Match": "*" })).status).toBe(201);
    expect((await put("/v1/kv/k", "b", { "If-None-Match": "*" })).status).toBe(412);
    expect((await put("/v1/kv/k", "b", { "If-Match": '"1"' })).status).toBe(412);
    expect((await put("/v1/kv/k", "b", { "If-Match": '"2"' })).status).toBe(200);
    expect((await put("/v1/kv/k", "c", { "If-None-Match": '"3"' })).status).toBe(412);
    expect((await put("/v1/kv/k", "c", { "If-Match": "*" })).status).toBe(200);
    const remove = (tag: string) => send("DELETE", "/v1/kv/k", { headers: { "If-Match": tag } });
    expect((await remove('"2"')).status).toBe(412);
    expect(store.revision).toBe(4);
    expect((await remove('"4"')).status).toBe(204);
    expect(store.revision).toBe(5);
  });

  test("a tag that we never gave is a mistake, not an old revision", async () => {
    expect((await put("/v1/kv/k", "a", { "If-Match": 'W/"2"' })).status).toBe(400);
    expect((await put("/v1/kv/k", "a", { "If-Match": '"1", "2"' })).status).toBe(400);
    expect(network.log).toEqual([]);
  });

  test("DELETE is 204 once", async () => {
    await put("/v1/kv/k", "v");
    expect((await send("DELETE", "/v1/kv/k")).status).toBe(204);
    expect((await send("DELETE", "/v1/kv/k")).status).toBe(404);
  });

  test.for([
    ["/v1/kv/a/b%2Fc//d", "a/b/c//d"],
    ["/v1/kv/%C3%A9t%C3%A9", "été"],
    ["/v1/kv/v1/kv/x", "v1/kv/x"],
    ["/c/other/v1/kv/a%20b+c", "a b+c"],
  ] as const)("%s names the key %s", async ([path, key]) => {
    await put(path, "v");
    expect([...store.kvs.values()].map((kv) => Buffer.from(kv.key).toString())).toEqual([key]);
  });

  test("a key may be any bytes, but a stray % is a mistake", async () => {
    await put("/v1/kv/%00%ff", "v");
    expect([...store.kvs.values()][0]?.key).toEqual(new Uint8Array([0, 255]));
    expect((await put("/v1/kv/50%", "v")).status).toBe(400);
    expect((await put("/v1/kv/%zz", "v")).status).toBe(400);
  });

  test.for(["x", "1.5", "9223372036854775808", ""])("the lease %j is refused", async (lease) => {
    expect((await put(`/v1/kv/k?lease=${lease}`, "v")).status).toBe(400);
    expect(network.log).toEqual([]);
  });

  test("a body beyond the limit is 429", async () => {
    expect((await put("/v1/kv/k", "x".repeat(BODY_BYTES_MAX + 1))).status).toBe(429);
    expect((await put("/v1/kv/k", "x".repeat(BODY_BYTES_MAX))).status).toBe(201);
  });

  test("other verbs are 501, and PUT and DELETE know no prefix", async () => {
    expect((await send("POST", "/v1/kv/k")).status).toBe(501);
    expect((await put("/v1/kv/k?prefix", "v")).status).toBe(400);
    expect((await send("DELETE", "/v1/kv/k?prefix")).status).toBe(400);
    expect(network.log).toEqual([]);
  });
});

describe("a list", () => {
  test("has text as text and anything else in base64", async () => {
    await put("/v1/kv/a/1", "é");
    await put("/v1/kv/a/%ff?lease=5", new Uint8Array([255]));
    await put("/v1/kv/b", "no");
    const response = await send("GET", "/v1/kv/a/?prefix");
    expect(await response.json()).toEqual({
      revision: 4,
      kvs: [
        { key: "a/1", value: "é", revision: 2, version: 1 },
        { key_base64: "YS//", value_base64: "/w==", revision: 3, version: 1, lease: "5" },
      ],
    });
  });

  test("of the empty prefix is everything, cut at the limit", async () => {
    for (const key of ["a", "b", "c"]) await put(`/v1/kv/${key}`, key);
    const list = async (path: string) =>
      (await (await send("GET", path)).json()) as { kvs: unknown[]; more?: boolean };
    expect((await list("/v1/kv/?prefix")).kvs).toHaveLength(3);
    expect(await list("/v1/kv/?prefix&limit=2")).toMatchObject({ more: true });
    expect(await list("/v1/kv/?prefix&limit=3")).not.toHaveProperty("more");
    expect((await send("GET", "/v1/kv/?prefix&limit=x")).status).toBe(400);
  });
});

describe("server-sent events", () => {
  async function watch(path: string, headers: Record<string, string> = {}) {
    const socket = new FakeSocket();
    network.openSocket = async () => socket;
    const response = await send("GET", path, { headers });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    return { socket, response, reader };
  }

  test("begin with the present, and tell puts and deletions with their revision as id", async () => {
    const { socket, response, reader } = await watch("/v1/kv/k?watch");
    expect(response.headers.get("Content-Type")).toBe("text/event-stream");
    const read = async (): Promise<string | undefined> => (await reader.read()).value;
    expect(await read()).toBe('event: progress\nid: 7\ndata: {"revision":7}\n\n');
    socket.deliver(events(0, ["k@8"]));
    expect(await read()).toBe(
      'event: put\nid: 8\ndata: {"key":"k","value":"v","revision":8,"version":1}\n\n',
    );
    const { kv } = putEvent("k", 9);
    socket.deliver({
      kind: "events",
      watch: 0,
      revision: asRevision(9),
      events: [{ kind: "delete", kv: { ...kv, version: 0 }, prevKv: null }],
      partial: false,
    });
    expect(await read()).toBe('event: delete\nid: 9\ndata: {"key":"k","revision":9}\n\n');
    await reader.cancel();
    await settle();
    await wait(5);
    expect(socket.isClosed).toBe(true);
  });

  test("a prefix, from a revision on, or after the last event that was seen", async () => {
    const first = await watch("/v1/kv/a/?watch&prefix&from=5");
    const [asked] = first.socket.of("watch");
    expect(asked?.spec).toMatchObject({ startRevision: 5, rangeEnd: new Uint8Array([97, 48]) });
    expect((await first.reader.read()).value).toBe(": watching\n\n");
    await first.reader.cancel();
    const second = await watch("/v1/kv/a/?watch&from=5", { "Last-Event-ID": "11" });
    expect(second.socket.of("watch")[0]?.spec.startRevision).toBe(12);
    await second.reader.cancel();
  });

  test("nothing is acknowledged that the client has not taken", async () => {
    const { socket, reader } = await watch("/v1/kv/k?watch");
    await reader.read();
    // So large that each is acknowledged by itself.
    const large = "k".repeat(70_000);
    for (const revision of [8, 9, 10]) socket.deliver(events(0, [`${large}@${revision}`]));
    await wait(10);
    expect(socket.of("ack").at(-1)?.sequence ?? 0).toBeLessThan(4);
    for (let count = 0; count < 3; count++) await reader.read();
    await wait(10);
    expect(socket.of("ack").at(-1)!.sequence).toBe(4);
    await reader.cancel();
  });

  test("compacted ends the stream, and an EventSource goes on with what is still there", async () => {
    const { socket, reader } = await watch("/v1/kv/k?watch&from=1");
    await reader.read();
    const cause = { kind: "compacted", compactRevision: asRevision(4) } as const;
    socket.deliver({ kind: "canceled", watch: 0, revision: asRevision(9), cause });
    expect((await reader.read()).value).toBe(
      'event: compacted\nid: 3\ndata: {"compact_revision":4}\n\n',
    );
    expect((await reader.read()).done).toBe(true);
    expect(socket.isClosed).toBe(true);
  });

  test("only the last event of a revision carries the id: before it, resuming would skip", () => {
    const ids = (text: string): (string | null)[] =>
      text
        .trim()
        .split("\n\n")
        .map((event) => /^id: (.*)$/m.exec(event)?.[1] ?? null);
    const spec = { startRevision: 0 };
    expect(ids(printDelivery(events(0, ["a@8", "b@8", "c@9"]), spec))).toEqual([null, "8", "9"]);
    const part = events(0, ["a@8", "b@9", "c@9"], { partial: true });
    expect(ids(printDelivery(part, spec))).toEqual(["8", null, null]);
    expect(ids(printDelivery(progress(0, 12), spec))).toEqual(["12"]);
  });

  test("a quiet stream says so every 15 seconds, which finds clients that went away", async () => {
    vi.useFakeTimers();
    try {
      const { reader } = await watch("/v1/kv/k?watch");
      await reader.read();
      const next = reader.read();
      await vi.advanceTimersByTimeAsync(15_000);
      expect((await next).value).toBe(":\n\n");
      await reader.cancel();
      await vi.advanceTimersByTimeAsync(15_000);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  test("is not compressed on the way, which would hold events back", async () => {
    const { response, reader } = await watch("/v1/kv/k?watch");
    expect(response.headers.get("Cache-Control")).toContain("no-transform");
    expect(response.headers.get("Content-Encoding")).toBe("identity");
    await reader.cancel();
  });

  test("without a replica the response is an error, not a stream", async () => {
    network.replicas.clear();
    network.directory = null;
    const response = await send("GET", "/c/unknown/v1/kv/k?watch");
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: 5 });
  });
});

describe("streaming POST /v3/watch", () => {
  test("each message is one chunk, and the stream lives on after the body's end", async () => {
    const socket = new FakeSocket();
    network.openSocket = async () => socket;
    const response = await send("POST", "/v3/watch", {
      body: '{"create_request":{"key":"aw=="}}\n{"create_request":{"key":"aw=="}}',
    });
    expect(response.status).toBe(200);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const lines = [(await reader.read()).value, (await reader.read()).value];
    socket.deliver(events(1, ["k@8"]));
    lines.push((await reader.read()).value);
    for (const line of lines) expect(line?.indexOf("\n")).toBe(line!.length - 1);
    expect(lines.map((line) => JSON.parse(line!).result.watch_id ?? "0")).toEqual(["0", "1", "1"]);
    await reader.cancel();
    await wait(5);
    expect(socket.isClosed).toBe(true);
  });

  test("a request acts as soon as it has come, before the body ends", async () => {
    const socket = new FakeSocket();
    network.openSocket = async () => socket;
    let feed!: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void (feed = controller),
    });
    const pending = send("POST", "/v3/watch", { body, duplex: "half" });
    const text = new TextEncoder();
    feed.enqueue(text.encode('{"create_request":{"key":'));
    feed.enqueue(text.encode('"aw=="}}{"create_req'));
    const response = await pending;
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    expect(JSON.parse((await reader.read()).value!)).toMatchObject({ result: { created: true } });
    feed.enqueue(text.encode('uest":{"key":"eA=="}}'));
    expect(JSON.parse((await reader.read()).value!)).toMatchObject({ result: { watch_id: "1" } });
    await reader.cancel();
  });

  test("malformed at once is etcd's 400; without a cluster 404", async () => {
    const malformed = await send("POST", "/v3/watch", { body: "{bad" });
    expect(malformed.status).toBe(400);
    expect(await malformed.json()).toMatchObject({ error: { code: 3 } });
    network.replicas.clear();
    network.directory = null;
    const unknown = await send("POST", "/c/unknown/v3/watch", { body: '{"create_request":{}}' });
    expect(unknown.status).toBe(404);
  });
});
