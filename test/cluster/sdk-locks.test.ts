// Locks, elections and namespaces of the SDK against a running server, and beside etcd's own services.

import { afterAll, afterEach, beforeAll, beforeEach, describe, test } from "vitest";
import { Edgekeeper } from "../../src/client/edgekeeper.ts";
import { compare, op } from "../../src/client/txn.ts";
import { take } from "../support/batches.ts";
import { lab, leaderRegion } from "../support/nemesis.ts";
import { startServer, type Server } from "../support/server.ts";

let server: Server;
let store: Edgekeeper;

beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
});
beforeEach(() => {
  store = new Edgekeeper({ url: server.url });
});
afterEach(() => {
  store.close();
});

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** A call of the JSON gateway, as somebody else makes it. */
async function post<T>(path: string, body: object): Promise<T> {
  const response = await fetch(server.url + path, { method: "POST", body: JSON.stringify(body) });
  return (await response.json()) as T;
}

const queue = async (name: string): Promise<number> =>
  (await store.range({ prefix: `${name}/` }, { countOnly: true })).count;

describe("a lock", () => {
  test("is held by one at a time, in the order of asking, with growing tokens", async ({
    expect,
  }) => {
    const first = await store.lock("one");
    expect(first.keyText()).toBe(`one/${first.lease.id.toString(16)}`);
    expect(await store.lock("one", { wait: false })).toBeNull();
    const others = [];
    for (const n of [2, 3]) {
      others.push(store.lock("one"));
      await expect.poll(() => queue("one")).toBe(n);
    }
    const [second, third] = others;
    await first.unlock();
    const next = await second!;
    expect(await Promise.race([third, queue("one")])).toBe(2);
    expect(next.fencingToken).toBeGreaterThan(first.fencingToken);
    const guarded = (held: typeof first) =>
      store.txn().if(held.held).then(op.put("result", "by")).commit();
    expect((await guarded(first)).succeeded).toBe(false);
    expect((await guarded(next)).succeeded).toBe(true);
    await next.unlock();
    await (await third!).unlock();
    expect(await queue("one")).toBe(0);
  });

  test("excludes those who lock by etcd's service, and is excluded by them", async ({ expect }) => {
    const mine = await store.lock("shared");
    await post("/v3/lease/grant", { ID: 91, TTL: 60 });
    const theirs = post<{ key: string }>("/v3/lock/lock", { name: base64("shared"), lease: 91 });
    await expect.poll(() => queue("shared")).toBe(2);
    await mine.unlock();
    const { key } = await theirs;
    const again = store.lock("shared");
    await expect.poll(() => queue("shared")).toBe(2);
    await post("/v3/lock/unlock", { key });
    expect((await again).lost.aborted).toBe(false);
    await (await again).unlock();
  });

  test("is not waited for any longer than wanted: the place in the queue is given up", async ({
    expect,
  }) => {
    await using held = await store.lock("left");
    const giving = new AbortController();
    const waiting = store.lock("left", { signal: giving.signal });
    await expect.poll(() => queue("left")).toBe(2);
    giving.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    expect(await queue("left")).toBe(1);
    expect(held.lost.aborted).toBe(false);
  });

  test("is waited for while the leader stops", async ({ expect }) => {
    const held = await store.lock("over");
    const waiting = store.lock("over");
    await expect.poll(() => queue("over")).toBe(2);
    await lab(server.url, await leaderRegion(server.url), "abort");
    await held.unlock();
    await (await waiting).unlock();
  });

  test("is lost with its lease, and then somebody else's", async ({ expect }) => {
    const held = await store.lock("lost");
    const waiting = store.lock("lost");
    await expect.poll(() => queue("lost")).toBe(2);
    // Somebody else ends the lease; the holder hears of it when it keeps the lease alive next.
    await post("/v3/lease/revoke", { ID: held.lease.id.toString() });
    expect((await waiting).fencingToken).toBeGreaterThan(held.fencingToken);
    await held.unlock();
    await (await waiting).unlock();
  });
});

describe("an election", () => {
  test("has one leader, whose words are observed, and then the next one", async ({ expect }) => {
    const election = store.election("boss");
    expect(await election.leader()).toBeNull();
    const said: string[] = [];
    const ending = new AbortController();
    const observing = (async () => {
      for await (const kv of election.observe({ signal: ending.signal })) said.push(kv.text());
    })();
    const first = await election.campaign("a");
    await expect.poll(() => said).toEqual(["a"]);
    const second = election.campaign("b");
    await expect.poll(() => queue("boss")).toBe(2);
    await first.proclaim("a2");
    expect((await election.leader())?.text()).toBe("a2");
    await expect.poll(() => said).toEqual(["a", "a2"]);
    await first.resign();
    const next = await second;
    expect(next.fencingToken).toBeGreaterThan(first.fencingToken);
    await expect(first.proclaim("late")).rejects.toThrow("election: not leader");
    await expect.poll(() => said).toEqual(["a", "a2", "b"]);
    ending.abort(new Error("seen"));
    await expect(observing).rejects.toThrow("seen");
    await next.resign();
    expect(await election.leader()).toBeNull();
  });
});

describe("a namespace", () => {
  test("has keys, watches, leases and locks of its own, named without the prefix", async ({
    expect,
  }) => {
    const app = store.namespace("app/");
    await store.put("apo", "before");
    await store.put("app0", "after");
    await app.put("b", "2");
    const watch = app.watch({ prefix: "" }, { fromRevision: 1 });
    await app.put("a", "1");
    const all = async () => (await app.range({ prefix: "" })).kvs.map((kv) => kv.keyText());
    expect(await all()).toEqual(["a", "b"]);
    expect((await app.range({ from: "b" })).count).toBe(1);
    expect((await app.range({ from: "", to: "b" })).count).toBe(1);
    expect((await store.get("app/a"))?.text()).toBe("1");
    expect(
      (await take(watch, 2)).flatMap(({ events }) => events.map(({ kv }) => kv.keyText())),
    ).toEqual(["b", "a"]);
    await using lock = await app.lock("jobs");
    expect(lock.keyText()).toMatch(/^jobs\/[0-9a-f]+$/);
    expect((await lock.lease.timeToLive({ keys: true })).keys).toEqual([lock.key]);
    expect((await store.get(`app/${lock.keyText()}`))?.lease).toBe(lock.lease.id);
    const deeper = app.namespace("x/");
    await deeper.txn().if(compare.missing("y")).then(op.put("y", "z")).commit();
    expect((await store.get("app/x/y"))?.text()).toBe("z");
    const seen: string[] = [];
    for await (const kv of app.scan("", { pageSize: 1 })) seen.push(kv.keyText());
    expect(seen).toEqual(["a", "b", lock.keyText(), "x/y"]);
    expect((await app.delete({ from: "" })).deleted).toBe(4);
    expect((await store.range({ from: "apo", to: "apq" })).count).toBe(2);
    await expect(app.get("")).rejects.toMatchObject({ refusal: "keyNotProvided" });
  });
});
