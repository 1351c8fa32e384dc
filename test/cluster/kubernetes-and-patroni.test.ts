// Goal: what Kubernetes' API server and Patroni do with etcd works. Method: the calls that they make, in the
// shapes in which they make them: Kubernetes by gRPC through the bridge, Patroni by the JSON gateway on the
// same port.

import { afterAll, beforeAll, describe, test } from "vitest";
import type { Message } from "../../src/bridge/upstream.ts";
import { callTo, type Caller } from "../bridge/support.ts";
import { freePort, startServer, type Server } from "../support/server.ts";

let server: Server;
let caller: Caller;
let gateway: string;

beforeAll(async () => {
  const grpcPort = await freePort();
  const variables = { EDGEKEEPER_WATCH_PROGRESS_NOTIFY_INTERVAL: "300ms" };
  server = await startServer({ grpcPort, variables });
  caller = callTo(`127.0.0.1:${grpcPort}`);
  gateway = `http://127.0.0.1:${grpcPort}`;
});
afterAll(async () => {
  caller.stop();
  await server.stop();
});

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const text = (bytes: unknown): string => Buffer.from(bytes as string, "base64").toString();
const after = (prefix: string): string => base64(prefix.slice(0, -1) + "0");

interface Kv {
  readonly key: string;
  readonly value?: string;
  readonly mod_revision: string;
  readonly version: string;
}
interface Page extends Message {
  readonly header: { readonly revision: string };
  readonly kvs: readonly Kv[];
  readonly more: boolean;
  readonly count: string;
}

describe("Kubernetes", () => {
  // What is zero, false or empty does not travel.
  const pageOf = (answer: Message): Page =>
    ({ kvs: [], more: false, count: "0", ...answer }) as unknown as Page;
  const range = async (request: Message): Promise<Page> =>
    pageOf(await caller.unary("/etcdserverpb.KV/Range", request));
  const txn = async (request: Message): Promise<Message> => ({
    succeeded: false,
    responses: [],
    ...(await caller.unary("/etcdserverpb.KV/Txn", request)),
  });
  const unchanged = (key: string, revision: string | number): Message => ({
    key: base64(key),
    target: "MOD",
    result: "EQUAL",
    mod_revision: String(revision),
  });
  const putting = (key: string, value: string, lease = "0"): Message => ({
    request_put: { key: base64(key), value: base64(value), lease },
  });
  const getting = (key: string): Message => ({ request_range: { key: base64(key) } });
  const deleting = (key: string): Message => ({ request_delete_range: { key: base64(key) } });

  /** As the client's interface for Kubernetes has it: creation is an update from revision 0. */
  const optimisticPut = (key: string, value: string, revision: string | number, lease?: string) =>
    txn({
      compare: [unchanged(key, revision)],
      success: [putting(key, value, lease)],
      ...(revision === 0 ? {} : { failure: [getting(key)] }),
    });
  const optimisticDelete = (key: string, revision: string | number) =>
    txn({
      compare: [unchanged(key, revision)],
      success: [deleting(key)],
      failure: [getting(key)],
    });
  const revisionOf = (answer: Message): string =>
    (answer["header"] as { revision: string }).revision;
  const found = (answer: Message): Kv => {
    const [first] = answer["responses"] as [{ response_range: { kvs: [Kv] } }];
    return first.response_range.kvs[0];
  };

  test("creates, updates and deletes an object only as it knows it", async ({ expect }) => {
    const key = "/registry/pods/default/one";
    const created = await optimisticPut(key, "v1", 0);
    expect(created).toMatchObject({ succeeded: true });
    const again = await optimisticPut(key, "v1", 0);
    expect([again["succeeded"], again["responses"]]).toEqual([false, []]);
    const updated = await optimisticPut(key, "v2", revisionOf(created));
    expect(updated).toMatchObject({ succeeded: true });
    const stale = await optimisticPut(key, "v3", revisionOf(created));
    expect([stale["succeeded"], text(found(stale).value)]).toEqual([false, "v2"]);
    expect(found(stale).mod_revision).toBe(revisionOf(updated));
    const kept = await optimisticDelete(key, revisionOf(created));
    expect([kept["succeeded"], text(found(kept).value)]).toEqual([false, "v2"]);
    expect(await optimisticDelete(key, revisionOf(updated))).toMatchObject({ succeeded: true });
    expect(await range({ key: base64(key), limit: "1" })).toMatchObject({ kvs: [], count: "0" });
  });

  test("lists page by page as of one revision, whatever is written meanwhile", async ({
    expect,
  }) => {
    const prefix = "/registry/configmaps/";
    const names = Array.from({ length: 25 }, (_, n) => `${prefix}${String(n).padStart(3, "0")}`);
    for (const name of names) await optimisticPut(name, "x", 0);
    const first = await range({ key: base64(prefix), range_end: after(prefix), limit: "10" });
    const { revision } = first.header;
    const listed = first.kvs.map(({ key }) => text(key));
    const counts = [first.count];
    for (let page = first; page.more;) {
      await optimisticPut(`${prefix}${listed.length}-later`, "y", 0);
      const start = Buffer.from(`${listed.at(-1)}\0`).toString("base64");
      page = await range({ key: start, range_end: after(prefix), limit: "10", revision });
      listed.push(...page.kvs.map(({ key }) => text(key)));
      counts.push(page.count);
    }
    expect(listed).toEqual(names);
    expect(counts).toEqual(["25", "15", "5"]);
    const count = await range({ key: base64(prefix), range_end: after(prefix), count_only: true });
    expect([count.count, count.kvs]).toEqual(["27", []]);
    const keys = await range({ key: base64(prefix), range_end: after(prefix), keys_only: true });
    expect(keys.kvs.every(({ value }) => value === undefined)).toBe(true);
  });

  test("one API server compacts, the others see that it did", async ({ expect }) => {
    const key = "compact_rev_key";
    const old = revisionOf(await optimisticPut("/registry/old", "1", 0));
    await optimisticPut("/registry/old", "2", old);
    const compactAs = (version: string, revision: string): Promise<Message> =>
      txn({
        compare: [{ key: base64(key), target: "VERSION", result: "EQUAL", version }],
        success: [putting(key, revision)],
        failure: [getting(key)],
      });
    const now = revisionOf(await compactAs("0", "0"));
    const mine = await compactAs("1", now);
    expect(mine).toMatchObject({ succeeded: true });
    const others = await compactAs("1", now);
    expect([others["succeeded"], found(others).version, text(found(others).value)]).toEqual([
      false,
      "2",
      now,
    ]);
    await caller.unary("/etcdserverpb.KV/Compact", { revision: now });
    const gone = range({
      key: base64("/registry/"),
      range_end: after("/registry/"),
      revision: old,
    });
    await expect(gone).rejects.toMatchObject({
      code: 11,
      details: "etcdserver: mvcc: required revision has been compacted",
    });
  });

  describe("watches with metadata hasleader", () => {
    function watching(request: Message) {
      const call = caller.converse("/etcdserverpb.Watch/Watch", {
        metadata: { hasleader: "true" },
      });
      call.on("error", () => {});
      call.write({ create_request: request });
      const answers = (call as AsyncIterable<Message>)[Symbol.asyncIterator]();
      const next = async (): Promise<Message> => (await answers.next()).value as Message;
      return { call, next };
    }
    /** `type` is 0 of puts, 1 of deletions. */
    const events = (answer: Message): Message[] =>
      ((answer["events"] ?? []) as Message[]).map((event) => ({ type: 0, ...event }));

    test("from the revision of a list on, with what was before", async ({ expect }) => {
      const prefix = "/registry/secrets/";
      const made = await optimisticPut(`${prefix}a`, "1", 0);
      const list = await range({ key: base64(prefix), range_end: after(prefix) });
      const start_revision = String(BigInt(list.header.revision) + 1n);
      const { call, next } = watching({
        key: base64(prefix),
        range_end: after(prefix),
        start_revision,
        prev_kv: true,
      });
      expect(await next()).toMatchObject({ created: true });
      const changed = await optimisticPut(`${prefix}a`, "2", revisionOf(made));
      expect(events(await next())).toMatchObject([
        { type: 0, kv: { value: base64("2") }, prev_kv: { value: base64("1") } },
      ]);
      await optimisticDelete(`${prefix}a`, revisionOf(changed));
      expect(events(await next())).toMatchObject([{ type: 1, prev_kv: { value: base64("2") } }]);
      call.cancel();
    });

    test("hears by itself how far it has got, and when it asks", async ({ expect }) => {
      const { call, next } = watching({
        key: base64("/registry/quiet/"),
        range_end: after("/registry/quiet/"),
        progress_notify: true,
      });
      await next();
      const elsewhere = revisionOf(await optimisticPut("/registry/elsewhere", "1", 0));
      // A bookmark has a revision and no events; the first may have been on its way.
      let revision = 0n;
      while (revision < BigInt(elsewhere)) {
        const bookmark = await next();
        expect(events(bookmark)).toEqual([]);
        revision = BigInt(revisionOf(bookmark));
      }
      // A consistent list from the cache: the revision of now, then a bookmark that has reached it.
      await optimisticPut("/registry/elsewhere", "2", elsewhere);
      const { header } = await range({ key: base64("/registry/"), limit: "1" });
      call.write({ progress_request: {} });
      while (revision < BigInt(header.revision)) revision = BigInt(revisionOf(await next()));
      call.cancel();
    });
  });

  test("one lease is of many events, which end together", async ({ expect }) => {
    const prefix = "/registry/events/";
    const { ID } = await caller.unary("/etcdserverpb.Lease/LeaseGrant", { TTL: "2" });
    const call = caller.converse("/etcdserverpb.Watch/Watch");
    call.on("error", () => {});
    call.write({
      create_request: { key: base64(prefix), range_end: after(prefix), filters: ["NOPUT"] },
    });
    const names = Array.from({ length: 100 }, (_, n) => `${prefix}${n}`);
    await Promise.all(names.map((name) => optimisticPut(name, "x", 0, ID as string)));
    const ended: Kv[] = [];
    for await (const answer of call as AsyncIterable<{ events?: { kv: Kv }[] }>) {
      ended.push(...(answer.events ?? []).map(({ kv }) => kv));
      if (ended.length >= names.length) break;
    }
    expect(new Set(ended.map(({ key }) => text(key)))).toEqual(new Set(names));
    expect(new Set(ended.map(({ mod_revision }) => mod_revision)).size).toBe(1);
  });

  test("finds a version that has what it wants, a size, and its health key", async ({ expect }) => {
    const status = await caller.unary("/etcdserverpb.Maintenance/Status", {});
    const [major, minor, patch] = String(status["version"]).split(".").map(Number);
    const rank = major! * 1e6 + minor! * 1e3 + patch!;
    expect(rank).toBeGreaterThanOrEqual(3_005_013);
    expect(Number(status["dbSize"])).toBeGreaterThan(0);
    expect(await range({ key: base64("/registry/health") })).toMatchObject({ kvs: [] });
    const streamed: string[] = [];
    const request = {
      key: base64("/registry/configmaps/"),
      range_end: after("/registry/configmaps/"),
    };
    for await (const part of caller.receive("/etcdserverpb.KV/RangeStream", request)) {
      const { range_response: page } = part as unknown as { range_response: Message };
      streamed.push(...pageOf(page).kvs.map(({ key }) => text(key)));
    }
    expect(streamed).toHaveLength(27);
  });
});

describe("Patroni", () => {
  const LEADER = base64("/service/demo/leader");

  async function post(path: string, body: object | string): Promise<Record<string, unknown>> {
    const sent = typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(gateway + path, { method: "POST", body: sent });
    const answer = await response.text();
    // Ids of leases have more digits than JSON's numbers here.
    return JSON.parse(answer.replaceAll(/("ID":)(\d+)/g, '$1"$2"')) as Record<string, unknown>;
  }
  const create = (value: string, lease: unknown) =>
    post("/v3/kv/txn", {
      compare: [{ key: LEADER, target: "CREATE", create_revision: "0" }],
      success: [{ request_put: { key: LEADER, value: base64(value), lease } }],
    });

  test("finds the version, and addresses that it can reach", async ({ expect }) => {
    const version = (await (await fetch(`${gateway}/version`)).json()) as Record<string, string>;
    expect(version["etcdcluster"]).toMatch(/^3\.[4-9]\.\d+$/);
    const { members } = (await post("/v3/cluster/member/list", {})) as {
      members: { clientURLs: string[] }[];
    };
    const [address] = members.flatMap(({ clientURLs }) => clientURLs);
    expect((await fetch(`${address}/version`)).status).toBe(200);
  });

  test("has one leader, who stays by keepalives and goes by deletion", async ({ expect }) => {
    const watch = await fetch(`${gateway}/v3/watch`, {
      method: "POST",
      body: JSON.stringify({ create_request: { key: LEADER } }),
    });
    const lines = watch.body!.pipeThrough(new TextDecoderStream()).getReader();
    const next = async (): Promise<string> => (await lines.read()).value ?? "";
    // Each chunk is one JSON object with its newline.
    expect(JSON.parse(await next())).toMatchObject({ result: { created: true } });

    const { ID: mine } = await post("/v3/lease/grant", { TTL: 30 });
    const { ID: theirs } = await post("/v3/lease/grant", { TTL: 30 });
    expect(await create("one", mine)).toMatchObject({ succeeded: true });
    expect(JSON.parse(await next())).toMatchObject({
      result: { events: [{ kv: { value: base64("one") } }] },
    });
    expect(await create("two", theirs)).not.toHaveProperty("succeeded");
    // As a number, above 2^53, and the answer ends by itself.
    const kept = await post("/v3/lease/keepalive", `{"ID":${String(mine)}}`);
    expect(kept).toMatchObject({ result: { ID: mine, TTL: "30" } });
    const held = await post("/v3/kv/lease/timetolive", `{"ID":${String(mine)},"keys":true}`);
    expect(held).toMatchObject({ grantedTTL: "30", keys: [LEADER] });
    const released = await post("/v3/kv/txn", {
      compare: [{ key: LEADER, target: "VALUE", value: base64("one") }],
      success: [{ request_delete_range: { key: LEADER } }],
    });
    expect(released).toMatchObject({ succeeded: true });
    expect(JSON.parse(await next())).toMatchObject({ result: { events: [{ type: "DELETE" }] } });
    expect(await create("two", theirs)).toMatchObject({ succeeded: true });
    await lines.cancel();
  });

  test("is told what is wrong by all three members of an error", async ({ expect }) => {
    expect(await post("/v3/lease/keepalive", { ID: "12345" })).toMatchObject({
      result: { ID: "12345" },
    });
    const message = "etcdserver: requested lease not found";
    expect(await post("/v3/kv/put", { key: LEADER, lease: "12345" })).toMatchObject({
      error: message,
      code: 5,
      message,
    });
  });
});
