// The session door of a running server, from end to end: the client on one side, real sockets, objects
// that are stopped under it on the other.

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import { rangeOfKey } from "../../src/api/kv-json.ts";
import type { SessionRequest } from "../../src/api/session-call.ts";
import { encodeReceiverFrames } from "../../src/api/session-codec.ts";
import { CLOSE_PROTOCOL } from "../../src/api/session.ts";
import { decodeUtf8, encodeUtf8 } from "../../src/base/bytes.ts";
import { NO_LEASE } from "../../src/base/types.ts";
import type { WatchDelivery, WatchSpec } from "../../src/base/watch.ts";
import type { Answered } from "../../src/client/requests.ts";
import { Session } from "../../src/client/session.ts";
import { lab, leaderRegion } from "../support/nemesis.ts";
import { startServer, type Server } from "../support/server.ts";

let server: Server;

beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
});

const put = (key: string, value: string): SessionRequest => ({
  kind: "put",
  request: {
    key: encodeUtf8(key),
    value: encodeUtf8(value),
    lease: NO_LEASE,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  },
});

const range = (key: string, rangeEnd = ""): SessionRequest => ({
  kind: "range",
  serializable: false,
  request: { ...rangeOfKey(encodeUtf8(key)), rangeEnd: encodeUtf8(rangeEnd) },
});

const watchOf = (key: string, rangeEnd: string): WatchSpec => ({
  key: encodeUtf8(key),
  rangeEnd: encodeUtf8(rangeEnd),
  startRevision: 0,
  prevKv: false,
  progressNotify: false,
  noPut: false,
  noDelete: false,
});

const kvsOf = ({ result }: Answered) => (result.kind === "range" ? result.answer.kvs : []);

describe("a session through the door", () => {
  test("answers requests, and sees what was written by HTTP", async ({ expect }) => {
    const session = new Session({ url: server.url });
    await fetch(`${server.url}/v1/kv/plain`, { method: "PUT", body: "by HTTP" });
    const [read] = kvsOf(await session.ask(range("plain")));
    expect(decodeUtf8(read!.value)).toBe("by HTTP");
    const { header } = await session.ask(put("own", "by session"));
    const response = await fetch(`${server.url}/v1/kv/own`);
    expect(response.headers.get("ETag")).toBe(`"${header.revision}"`);
    session.close();
  });

  test("refuses in etcd's words", async ({ expect }) => {
    const session = new Session({ url: server.url });
    await expect(session.ask(put("", "x"))).rejects.toMatchObject({
      message: "etcdserver: key is not provided",
      code: 3,
      isFateUnknown: false,
    });
    session.close();
  });

  test("is with any replica where that will do", async ({ expect }) => {
    const session = new Session({ url: server.url, any: true });
    const { result } = await session.ask({ kind: "status" });
    expect(result.kind).toBe("status");
    session.close();
  });

  test("is of the cluster that its path names", async ({ expect }) => {
    await fetch(`${server.url}/v1/clusters/apart`, { method: "PUT" });
    const session = new Session({ url: server.url, cluster: "apart" });
    await session.ask(put("apart", "1"));
    expect((await fetch(`${server.url}/v1/kv/apart`)).status).toBe(404);
    expect((await fetch(`${server.url}/c/apart/v1/kv/apart`)).status).toBe(200);
    session.close();
  });

  test("is not opened without an upgrade", async ({ expect }) => {
    const response = await fetch(`${server.url}/v1/session`);
    expect(response.status).toBe(426);
  });

  test("is closed from both sides as soon as its client closes it", async ({ expect }) => {
    const socket = new WebSocket(`${server.url.replace("http", "ws")}/v1/session`);
    await once(socket, "open");
    const closed = once(socket, "close") as Promise<[CloseEvent]>;
    socket.close(1000);
    const [{ code, wasClean }] = await closed;
    expect([code, wasClean]).toEqual([1000, true]);
  });

  test("takes nobody's word for who a client is", async ({ expect }) => {
    // The header that only the Worker may set: from outside it says nothing.
    const response = await fetch(`${server.url}/door`, {
      headers: { "Edgekeeper-Identity": "AAA=" },
    });
    expect(response.status).toBe(404);
  });
});

describe("users", () => {
  const call = async (
    path: string,
    body: object,
    token = "",
  ): Promise<{ token?: string; code?: number }> => {
    const response = await fetch(`${server.url}/c/secured/v3/auth/${path}`, {
      method: "POST",
      headers: token === "" ? {} : { Authorization: token },
      body: JSON.stringify(body),
    });
    return (await response.json()) as { token?: string; code?: number };
  };
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const told = (asked: Promise<Answered>): Promise<string> =>
    asked.then(
      () => "done",
      (error: Error) => error.message,
    );
  let token: string;

  beforeAll(async () => {
    await fetch(`${server.url}/v1/clusters/secured`, { method: "PUT" });
    await call("user/add", { name: "root", password: "r" });
    await call("user/grant", { user: "root", role: "root" });
    await call("user/add", { name: "ann", password: "a" });
    await call("role/add", { name: "reader" });
    const perm = { permType: "READWRITE", key: base64("a"), range_end: base64("c") };
    await call("role/grant", { name: "reader", perm });
    await call("user/grant", { user: "ann", role: "reader" });
    await call("enable", {});
    ({ token = "" } = await call("authenticate", { name: "ann", password: "a" }));
  });

  test.for<[string, () => string | null, readonly string[]]>([
    ["who shows a token does what that user may", () => token, ["done", "permission denied"]],
    ["who shows none may do nothing", () => null, ["user name is empty", "user name is empty"]],
    [
      "who shows one that nobody gave may do nothing",
      () => "madeupmadeupmade.5",
      ["invalid auth token", "invalid auth token"],
    ],
  ])("%s", async ([, shown, outcomes], { expect }) => {
    const user = shown();
    const tokens = () => (user === null ? {} : { user });
    const session = new Session({ url: server.url, cluster: "secured", tokens });
    const asked = [told(session.ask(put("apple", "1"))), told(session.ask(put("zebra", "1")))];
    const answers = await Promise.all(asked);
    expect(answers.map((text) => text.replace("etcdserver: ", ""))).toEqual(outcomes);
    session.close();
  });

  test("a client that says itself who it is gets its socket closed", async ({ expect }) => {
    const socket = new WebSocket(`${server.url.replace("http", "ws")}/c/secured/v1/session`);
    const closed = Promise.withResolvers<number>();
    socket.addEventListener("close", ({ code }) => closed.resolve(code));
    socket.addEventListener("open", () => {
      const credentials = { kind: "user", name: "root", authRevision: 9 } as const;
      const claim = { credentials, isResumed: true };
      const watch = { kind: "watch", watch: 1, spec: watchOf("a", "c"), ...claim } as const;
      socket.send(encodeReceiverFrames([{ kind: "hello", version: 2 }, watch]));
    });
    expect(await closed.promise).toBe(CLOSE_PROTOCOL);
  });
});

describe("a leader that stops while 200 writes are under way", () => {
  test("has each of them happen once, and the watch sees each once", async ({ expect }) => {
    const session = new Session({ url: server.url });
    const seen: string[] = [];
    const created = Promise.withResolvers<void>();
    session.watch(watchOf("once/", "once0"), (delivery: WatchDelivery) => {
      if (delivery.kind === "created") created.resolve();
      if (delivery.kind !== "events") return;
      for (const { kv } of delivery.events) seen.push(`${decodeUtf8(kv.key)} ${kv.version}`);
    });
    await created.promise;
    const region = await leaderRegion(server.url);
    const names = Array.from({ length: 200 }, (_, n) => `once/${String(n).padStart(3, "0")}`);
    const stopped = lab(server.url, region, "abort");
    const writes = names.map(async (name, n) => {
      // Some before it stops, some at that very time, some after.
      await sleep(Math.floor(n / 10) * 2);
      return session.ask(put(name, "v"), { timeoutMs: 20_000 });
    });
    await stopped;
    const answered = await Promise.all(writes);
    expect(new Set(answered.map(({ header }) => header.revision)).size).toBe(200);

    const kvs = kvsOf(await session.ask(range("once/", "once0")));
    expect(kvs.map(({ key, version }) => `${decodeUtf8(key)} ${version}`)).toEqual(
      names.map((name) => `${name} 1`),
    );
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(200);
    expect(seen.toSorted()).toEqual(names.map((name) => `${name} 1`));
    session.close();
  });
});
