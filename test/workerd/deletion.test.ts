// The end of a cluster: it is asked for twice, and then nothing is left of it, wherever its replicas
// were at the time. Another cluster may have the name afterwards, and knows nothing of the first.

import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, test, vi } from "vitest";
import type { Directory, Place } from "../../src/api/replica.ts";
import { placesIn } from "../../src/base/membership.ts";
import type { Environment } from "../../src/object/environment.ts";
import { pause } from "../../src/object/pause.ts";
import { Replica } from "../../src/object/replica.ts";
import { replicaStub } from "../../src/object/stubs.ts";
import worker from "../../src/worker.ts";
import { genesis, get, REGIONS } from "./cluster.ts";
import { Receiver, watch } from "./receiver.ts";

interface Answer {
  readonly status: number;
  readonly json: Record<string, unknown>;
}

async function call(method: string, path: string, body?: object): Promise<Answer> {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const response = await worker.fetch(new Request(`http://127.0.0.1:8787${path}`, init));
  const text = await response.text();
  return { status: response.status, json: text.startsWith("{") ? JSON.parse(text) : { text } };
}

const stubAt = (cluster: string, place: Place): DurableObjectStub<Replica> =>
  replicaStub(env as unknown as Environment, cluster, place);

/** What an object keeps: its tables, and whether it will wake by itself. */
const keptBy = (stub: DurableObjectStub<Replica>): Promise<unknown> =>
  runInDurableObject(stub, async (_, { storage }) => ({
    tables: storage.sql
      .exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'")
      .toArray(),
    alarm: await storage.getAlarm(),
  }));
const NOTHING = { tables: [], alarm: null };

async function createWithKey(cluster: string, body?: object): Promise<Directory> {
  await call("PUT", `/v1/clusters/${cluster}`, body);
  await call("PUT", `/c/${cluster}/v1/kv/a`, { some: "value" });
  return (await genesis(cluster).directory())!;
}

const remove = (cluster: string, { clusterId }: Directory): Promise<Answer> =>
  call("DELETE", `/v1/clusters/${cluster}?confirm=${clusterId}`);

/** Until the list says so: it is told by and by. */
async function listed(cluster: string, isThere: boolean): Promise<unknown> {
  for (;;) {
    const { json } = await call("GET", "/v1/clusters?limit=1000");
    const clusters = json["clusters"] as { name: string }[];
    const found = clusters.find(({ name }) => name === cluster);
    if ((found !== undefined) === isThere) return found;
    await pause(10);
  }
}

describe("a cluster that is deleted", () => {
  test("is asked for twice, then gone with its keys, and comes back as another one", async ({
    expect,
  }) => {
    const limits = { leases: 3, auto_compaction: { mode: "periodic", retention: "1h" } };
    const first = await createWithKey("twice", { limits });
    expect((await call("GET", "/v1/clusters/twice")).json).toMatchObject({ limits });
    expect(await listed("twice", true)).toEqual({
      name: "twice",
      cluster_id: String(first.clusterId),
      jurisdiction: null,
    });
    const question = await call("DELETE", "/v1/clusters/twice");
    expect(question).toMatchObject({ status: 428, json: { keys: 1 } });
    expect((await call("GET", "/c/twice/v1/kv/a")).status).toBe(200);

    expect(await remove("twice", first)).toMatchObject({ status: 200, json: { unreachable: [] } });
    expect((await call("GET", "/c/twice/v1/kv/a")).status).toBe(404);
    expect((await call("GET", "/v1/clusters/twice")).status).toBe(404);
    expect((await remove("twice", first)).status).toBe(404);
    for (const place of placesIn(first)) {
      expect(await keptBy(stubAt("twice", place))).toEqual(NOTHING);
    }
    await listed("twice", false);

    const second = await createWithKey("twice");
    expect(second.clusterId).not.toBe(first.clusterId);
    expect(second.members.map(({ generation }) => generation)).toEqual([2, 2, 2]);
    expect((await call("GET", "/v1/clusters/twice/limits")).json).toMatchObject({ leases: 0 });
    const list = await call("GET", "/c/twice/v1/kv/?prefix");
    expect(list.json).toMatchObject({ kvs: [{ key: "a" }] });
    expect(await call("POST", "/c/twice/v3/kv/range", { key: "YQ==" })).toMatchObject({
      json: { header: { revision: "2" }, kvs: [{ mod_revision: "2" }] },
    });
    expect((await remove("twice", first)).status).toBe(409);
    await listed("twice", true);
  });

  test("closes the sessions of its watchers", async ({ expect }) => {
    const directory = await createWithKey("watched");
    const [place] = placesIn(directory);
    const { webSocket } = await stubAt("watched", place!).fetch("https://replica/session", {
      headers: { Upgrade: "websocket" },
    });
    const receiver = new Receiver(webSocket!);
    receiver.send({ kind: "hello", version: 1 }, watch(0, "a", 1));
    await receiver.until(() => receiver.events.length > 0);
    await remove("watched", directory);
    await receiver.closed.promise;
    expect(await keptBy(stubAt("watched", place!))).toEqual(NOTHING);
  });

  test("leaves nothing of replicas that were removed before", async ({ expect }) => {
    const first = await createWithKey("shrunk");
    await call("PUT", "/v1/clusters/shrunk/regions", { regions: ["wnam"] });
    await remove("shrunk", first);
    for (const place of placesIn(first)) {
      expect(await keptBy(stubAt("shrunk", place))).toEqual(NOTHING);
    }
  });

  test("is `default` itself: its next request begins it anew", async ({ expect }) => {
    await call("PUT", "/v1/kv/a", {});
    const first = (await genesis("default").directory())!;
    await remove("default", first);
    expect((await call("GET", "/v1/clusters/default")).status).toBe(404);
    expect((await call("GET", "/v1/kv/a")).status).toBe(404);
    expect((await genesis("default").directory())!.clusterId).not.toBe(first.clusterId);
  });
});

describe("a replica that does not hear of the deletion", () => {
  test("is told until it has heard, while another cluster has the name", async ({ expect }) => {
    const first = await createWithKey("away");
    const [lost] = placesIn(first);
    // oxlint-disable-next-line typescript/unbound-method -- called with the object it is taken from
    const original = Replica.prototype.fetch;
    const spy = vi.spyOn(Replica.prototype, "fetch").mockImplementation(away);
    function away(this: Replica, request: Request): Promise<Response> {
      const { ctx } = this as unknown as { ctx: DurableObjectState };
      const isAway = ctx.id.name === "away/wnam/1" && request.url.endsWith("/erase");
      if (isAway) return Promise.resolve(new Response(null, { status: 503 }));
      return original.call(this, request);
    }
    expect((await remove("away", first)).json).toMatchObject({
      unreachable: [{ region: "wnam", generation: 1 }],
    });
    // Alone it has no majority.
    const stub = stubAt("away", lost!);
    const question = { request: get("a"), requestId: new Uint8Array(16), trace: "" };
    expect(await stub.serve({ ...question, timeoutMs: 100 })).not.toMatchObject({
      kind: "answered",
    });

    const second = await createWithKey("away");
    expect(await runDurableObjectAlarm(genesis("away"))).toBe(true);
    expect(await stub.status()).not.toBeNull();
    spy.mockRestore();
    expect(await runDurableObjectAlarm(genesis("away"))).toBe(true);
    expect(await keptBy(stub)).toEqual(NOTHING);
    expect(await runDurableObjectAlarm(genesis("away"))).toBe(false);
    expect((await genesis("away").directory())!.clusterId).toBe(second.clusterId);
    expect((await call("GET", "/c/away/v1/kv/a")).status).toBe(200);
  });

  test("wakes nobody: an object that was emptied stays so, whoever calls it", async ({
    expect,
  }) => {
    const first = await createWithKey("woken");
    await remove("woken", first);
    // A new instance, which has not asked for a certificate yet.
    await stubAt("woken", placesIn(first)[0]!)
      .lab("abort")
      .catch(() => {});
    const stub = stubAt("woken", placesIn(first)[0]!);
    expect((await stub.fetch("https://replica/peer", { method: "POST" })).status).toBe(503);
    await stub.beBorn();
    expect(await stub.status()).toBeNull();
    expect(await keptBy(stub)).toEqual(NOTHING);
  });
});

describe("a cluster in a jurisdiction", () => {
  test("has its replicas there, grows there, and is rebuilt and deleted there", async ({
    expect,
  }) => {
    const first = await createWithKey("bound", { regions: ["weur"], jurisdiction: "eu" });
    expect(placesIn(first)).toEqual([{ region: "weur", generation: 1, jurisdiction: "eu" }]);
    const outside = stubAt("bound", { ...placesIn(first)[0]!, jurisdiction: null });
    expect(await outside.status()).toBeNull();
    const grown = await call("PUT", "/v1/clusters/bound/regions", { regions: REGIONS });
    expect(grown.status).toBe(200);
    await vi.waitUntil(async () => (await genesis("bound").directory())!.members.length === 3);
    const three = (await genesis("bound").directory())!;
    for (const place of placesIn(three)) {
      expect((await stubAt("bound", place).status())?.memberId).toBeDefined();
    }

    for (const region of ["wnam", "enam"]) {
      const place = placesIn(three).find((one) => one.region === region)!;
      await stubAt("bound", place).lab("isolate");
    }
    const from = { region: "weur", generation: 1 };
    const confirm = String(first.clusterId);
    const order = { from, region: "weur", confirm };
    const rebuilt = await call("POST", "/v1/clusters/bound/recover", order);
    expect(rebuilt.status).toBe(200);
    expect((await call("GET", "/c/bound/v1/kv/a")).status).toBe(200);
    const last = (await genesis("bound").directory())!;
    expect(last.jurisdiction).toBe("eu");

    expect((await remove("bound", last)).json).toMatchObject({ unreachable: [] });
    for (const place of [...placesIn(three), ...placesIn(last)]) {
      expect(await keptBy(stubAt("bound", place))).toEqual(NOTHING);
    }
  });
});
