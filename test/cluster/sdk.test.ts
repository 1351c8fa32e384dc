// The SDK against a running server: what its users do, and what befalls them.

import { afterAll, afterEach, beforeAll, beforeEach, describe, test } from "vitest";
import { Edgekeeper } from "../../src/client/edgekeeper.ts";
import type { PutResult } from "../../src/client/operations.ts";
import { WEB_PLATFORM } from "../../src/client/platform.ts";
import { compare, op } from "../../src/client/txn.ts";
import type { WatchBatch } from "../../src/client/watch.ts";
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

describe("keys and values", () => {
  test("are text, JSON or bytes", async ({ expect }) => {
    const { revision } = await store.put("kv/text", "grüß dich");
    const read = await store.get("kv/text");
    expect([read?.keyText(), read?.text(), read?.modRevision]).toEqual([
      "kv/text",
      "grüß dich",
      revision,
    ]);
    await store.putJson("kv/json", { on: true });
    expect((await store.get("kv/json"))?.json<{ on: boolean }>().on).toBe(true);
    await store.put(new Uint8Array([107, 0]), new Uint8Array([0, 255]));
    expect((await store.get(new Uint8Array([107, 0])))?.value).toEqual(new Uint8Array([0, 255]));
    expect(await store.get("kv/none")).toBeNull();
  });

  test("are listed, counted, sorted, limited and read as of a revision", async ({ expect }) => {
    for (const name of ["a", "b", "c"]) await store.put(`list/${name}`, name);
    const { revision } = await store.put("list/a", "again");
    const names = async (options: Parameters<Edgekeeper["range"]>[1]): Promise<string> =>
      (await store.range({ prefix: "list/" }, options)).kvs.map((kv) => kv.text()).join(" ");
    expect(await names({})).toBe("again b c");
    expect(await names({ revision: revision - 1 })).toBe("a b c");
    expect(await names({ sortBy: "modRevision" })).toBe("b c again");
    expect(await names({ order: "descend", limit: 2 })).toBe("c b");
    const cut = await store.range({ prefix: "list/" }, { limit: 1, keysOnly: true });
    expect([cut.count, cut.more, cut.kvs[0]?.text()]).toEqual([3, true, ""]);
    const span = await store.range({ from: "list/b", to: "list/c" }, { countOnly: true });
    expect(span.count).toBe(1);
  });

  test("are deleted, and told of when asked for", async ({ expect }) => {
    await store.put("del/a", "1");
    await store.put("del/b", "2");
    const { previous } = await store.put("del/a", "3", { previous: true });
    expect(previous?.text()).toBe("1");
    const gone = await store.delete({ prefix: "del/" }, { previous: true });
    expect([gone.deleted, gone.previous.map((kv) => kv.text())]).toEqual([2, ["3", "2"]]);
    expect((await store.delete("del/a")).deleted).toBe(0);
  });

  test("are paged through as of one revision", async ({ expect }) => {
    for (let n = 0; n < 7; n++) await store.put(`scan/${n}`, `${n}`);
    const seen: string[] = [];
    for await (const kv of store.scan("scan/", { pageSize: 3 })) {
      seen.push(kv.text());
      await store.put(`scan/${seen.length}`, "later");
      await store.put("scan/9", "later");
    }
    expect(seen.join("")).toBe("0123456");
  });
});

describe("a transaction", () => {
  test("takes the branch that its conditions choose", async ({ expect }) => {
    const begin = () =>
      store
        .txn()
        .if(compare.modRevision("txn/a").equals(0))
        .then(op.put("txn/a", "1"), op.get({ prefix: "txn/" }))
        .else(op.get("txn/a"), op.delete("txn/a", { previous: true }));
    const first = await begin().commit();
    expect(first.succeeded).toBe(true);
    expect(first.responses).toMatchObject([{ kind: "put" }, { kind: "get", count: 1 }]);
    const second = await begin().commit();
    expect(second.succeeded).toBe(false);
    expect(second.responses).toMatchObject([{ kind: "get" }, { kind: "delete", deleted: 1 }]);
    expect(second.revision).toBe(first.revision + 1);
  });
});

describe("a watch", () => {
  test("hears what happens from now on, and from a revision", async ({ expect }) => {
    const watch = store.watch({ prefix: "watch/" }, { previous: true });
    const since = await watch.created;
    await store.put("watch/a", "1");
    await store.put("watch/a", "2");
    await store.delete("watch/a");
    const batches = await take(watch, 3);
    const told = (batch: WatchBatch): string =>
      batch.events
        .map(({ type, kv, previous }) => `${type} ${kv.text()} was ${previous?.text() ?? "none"}`)
        .join();
    expect(batches.map(told)).toEqual(["put 1 was none", "put 2 was 1", "delete  was 2"]);
    expect(batches.map(({ revision }) => revision - since)).toEqual([1, 2, 3]);
    const again = store.watch("watch/a", { fromRevision: since + 3 });
    expect((await take(again, 1)).map(told)).toEqual(["delete  was none"]);
  });

  test("goes on when the leader stops, and misses nothing", async ({ expect }) => {
    const watch = store.watch({ prefix: "on/" });
    await watch.created;
    const names = Array.from({ length: 60 }, (_, n) => `${n}`);
    const heard = (async () => {
      const seen: string[] = [];
      for await (const { kv } of watch.events()) if (seen.push(kv.text()) === names.length) break;
      return seen;
    })();
    for (const [n, name] of names.entries()) {
      if (n % 20 === 10) await lab(server.url, await leaderRegion(server.url), "abort");
      await store.put(`on/${name}`, name, { timeoutMs: 20_000 });
    }
    expect(await heard).toEqual(names);
  });
});

describe("a lease", () => {
  test("ends its keys when it is revoked, and is lost then", async ({ expect }) => {
    const lease = await store.grant(60);
    await store.put("lease/a", "1", { lease });
    expect((await store.get("lease/a"))?.lease).toBe(lease.id);
    expect(await lease.timeToLive({ keys: true })).toMatchObject({ grantedTtlSeconds: 60 });
    expect(await store.leases()).toContain(lease.id);
    await lease.revoke();
    expect(lease.lost.aborted).toBe(true);
    expect(await store.get("lease/a")).toBeNull();
    expect((await store.lease(lease.id).timeToLive()).ttlSeconds).toBe(-1);
  });

  test("is kept alive for longer than its TTL", async ({ expect }) => {
    const lease = await store.grant(2);
    const other = await store.grant(2, { keepAlive: false });
    await store.put("kept/other", "1", { lease: other });
    // It ends by itself, a moment after the one that is kept would have.
    const gone = store.watch("kept/other", { filters: ["noPut"] });
    await take(gone, 1);
    expect(lease.lost.aborted).toBe(false);
    expect((await lease.timeToLive()).ttlSeconds).toBeGreaterThan(0);
    await lease.revoke();
  });
});

describe("a leader that stops while 1,000 writes are under way", () => {
  test("has each of them happen once, and each caller succeed once", async ({ expect }) => {
    let sockets = 0;
    const connect: typeof WEB_PLATFORM.connect = (...place) => {
      sockets++;
      return WEB_PLATFORM.connect(...place);
    };
    using writer = new Edgekeeper({ url: server.url, platform: { ...WEB_PLATFORM, connect } });
    const watch = store.watch({ prefix: "once/" });
    await watch.created;
    const names = Array.from({ length: 1_000 }, (_, n) => `once/${String(n).padStart(4, "0")}`);
    const seen = (async () => {
      const heard: string[] = [];
      for await (const { kv } of watch.events()) {
        if (heard.push(`${kv.keyText()} ${kv.version}`) === names.length) break;
      }
      return heard;
    })();
    const region = await leaderRegion(server.url);
    const writes: Promise<PutResult>[] = [];
    let stopped = Promise.resolve();
    for (let wave = 0; wave < 20; wave++) {
      const some = names.slice(wave * 50, wave * 50 + 50);
      writes.push(...some.map((name) => writer.put(name, "v", { timeoutMs: 30_000 })));
      if (wave === 5) stopped = lab(server.url, region, "abort");
      // The next wave begins while this one is still under way.
      await Promise.race(writes.slice(-50));
    }
    await stopped;
    const answered = await Promise.all(writes);
    expect(new Set(answered.map(({ revision }) => revision)).size).toBe(1_000);
    expect(sockets).toBeGreaterThan(1);
    expect((await seen).toSorted()).toEqual(names.map((name) => `${name} 1`));
    const { kvs } = await store.range({ prefix: "once/" });
    expect(kvs.map((kv) => `${kv.keyText()} ${kv.version}`)).toEqual(
      names.map((name) => `${name} 1`),
    );
  });
});

describe("a user", () => {
  test("is shown by a password, and again when the token is of no more use", async ({ expect }) => {
    const url = `${server.url}/c/users`;
    await fetch(`${server.url}/v1/clusters/users`, { method: "PUT" });
    const call = async (path: string, body: object): Promise<number> =>
      (await fetch(`${url}/v3/auth/${path}`, { method: "POST", body: JSON.stringify(body) }))
        .status;
    // A newborn cluster has no users before its members have told what code they run.
    await expect
      .poll(() => call("user/add", { name: "root", password: "r" }), { timeout: 20_000 })
      .toBe(200);
    await call("user/grant", { user: "root", role: "root" });
    await call("enable", {});
    const of = (password: string): Edgekeeper =>
      new Edgekeeper({ url: server.url, cluster: "users", user: { name: "root", password } });

    const root = of("r");
    await root.put("a", "1");
    // Another password ends the tokens that were given for the one before.
    const [, authenticated] = await Promise.all([
      root.get("a"),
      fetch(`${url}/v3/auth/authenticate`, {
        method: "POST",
        body: JSON.stringify({ name: "root", password: "r" }),
      }),
    ]);
    const { token } = (await authenticated.json()) as { token: string };
    const headers = { Authorization: token };
    await fetch(`${url}/v3/auth/user/changepw`, {
      method: "POST",
      headers,
      body: JSON.stringify({ name: "root", password: "r" }),
    });
    expect((await root.get("a"))?.text()).toBe("1");
    root.close();

    const wrong = of("w");
    await expect(wrong.get("a")).rejects.toMatchObject({
      message: "etcdserver: authentication failed, invalid user ID or password",
    });
    wrong.close();
    const nobody = new Edgekeeper({ url: server.url, cluster: "users" });
    await expect(nobody.get("a")).rejects.toMatchObject({ refusal: "userNameEmpty" });
    nobody.close();
  });
});

describe("a place that there is none of", () => {
  test("is told of, instead of being sought until time is over", async ({ expect }) => {
    const nowhere = new Edgekeeper({ url: server.url, cluster: "never-made" });
    await expect(nowhere.get("a")).rejects.toMatchObject({ code: 5 });
    nowhere.close();
  });
});

describe("many watches", () => {
  test("are heard, though no socket holds them all", async ({ expect }) => {
    const watches = Array.from({ length: 320 }, (_, n) => store.watch(`many/${n}`));
    await Promise.all(watches.map(({ created }) => created));
    const first = watches.map((watch) => take(watch, 1));
    await Promise.all(watches.map((_, n) => store.put(`many/${n}`, `${n}`)));
    const heard = (await Promise.all(first)).map(([batch]) => batch?.events[0]?.kv.text());
    expect(heard).toEqual(watches.map((_, n) => `${n}`));
  });
});

describe("a cluster", () => {
  test("tells its members and its state, and refuses what was compacted", async ({ expect }) => {
    expect((await store.members()).map(({ isLearner }) => isLearner)).toEqual([
      false,
      false,
      false,
    ]);
    const { revision } = await store.put("compact/a", "1");
    await store.put("compact/a", "2");
    expect((await store.status()).revision).toBe(revision + 1);
    await store.compact(revision + 1);
    await expect(store.get("compact/a", { revision })).rejects.toMatchObject({
      message: "etcdserver: mvcc: required revision has been compacted",
      refusal: "compacted",
      isFateUnknown: false,
    });
    await expect(
      take(store.watch("compact/a", { fromRevision: revision }), 1),
    ).rejects.toMatchObject({ refusal: "compacted", compactRevision: revision + 1 });
  });
});
