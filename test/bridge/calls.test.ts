// Calls through a real gRPC server and client, with a played store behind.

import { status, type ServiceError } from "@grpc/grpc-js";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, test } from "vitest";
import { UpstreamError, type Message, type Upstream } from "../../src/bridge/upstream.ts";
import { played, startBench, type Bench, type Heard } from "./support.ts";

const RANGE = "/etcdserverpb.KV/Range";
const RANGE_STREAM = "/etcdserverpb.KV/RangeStream";
const WATCH = "/etcdserverpb.Watch/Watch";
const KEEP_ALIVE = "/etcdserverpb.Lease/LeaseKeepAlive";
const SNAPSHOT = "/etcdserverpb.Maintenance/Snapshot";
const HEALTH = "/grpc.health.v1.Health/Check";

let bench: Bench;
afterEach(() => bench.stop());

const begin = async (parts: Partial<Upstream>): Promise<void> => {
  bench = await startBench(played(parts));
};

const failureOf = (call: Promise<unknown>): Promise<{ code: number; details: string }> =>
  call.then(
    () => ({ code: status.OK, details: "the call was answered" }),
    ({ code, details }: ServiceError) => ({ code, details }),
  );

/** An upstream whose one unary call is recorded, and answered with `answer`. */
function listening(answer: Message): { readonly heard: Heard[]; readonly call: Upstream["call"] } {
  const heard: Heard[] = [];
  const call: Upstream["call"] = (method, request, context) => {
    heard.push({ method, request, context });
    return Promise.resolve(answer);
  };
  return { heard, call };
}

describe("a unary call", () => {
  test("brings the store's answer", async ({ expect }) => {
    const { heard, call } = listening({ header: { revision: "5" }, count: "9007199254740993" });
    await begin({ call });
    const answer = await bench.unary(RANGE, { key: "YQ==", limit: "3" });
    expect(answer).toEqual({ header: { revision: "5" }, count: "9007199254740993" });
    expect(heard[0]).toMatchObject({ method: RANGE, request: { key: "YQ==", limit: "3" } });
  });

  test("brings the store's code and message, of any letters", async ({ expect }) => {
    const message = "etcdserver: 50% of “ключ” not provided\n";
    await begin({ call: () => Promise.reject(new UpstreamError(11, message)) });
    const failure = await failureOf(bench.unary(RANGE, {}));
    expect(failure).toEqual({ code: status.OUT_OF_RANGE, details: message });
  });

  test("an error that nobody expected tells nothing", async ({ expect }) => {
    await begin({ call: () => Promise.reject(new Error("secret")) });
    const failure = await failureOf(bench.unary(RANGE, {}));
    expect(failure.code).toBe(status.INTERNAL);
    expect(failure.details).not.toContain("secret");
  });

  test("passes on who asks, whether a leader is needed, and for how long", async ({ expect }) => {
    const { heard, call } = listening({});
    await begin({ call });
    const said = { token: "t", authorization: "Bearer a" };
    const metadata = { ...said, hasleader: "true", "idempotency-key": "order-7" };
    await bench.unary(RANGE, {}, { metadata, deadline: Date.now() + 5_000 });
    const { token, authorization, idempotencyKey, needsLeader, timeoutMs } = heard[0]!.context;
    expect({ token, authorization, idempotencyKey, needsLeader }).toEqual({
      ...said,
      idempotencyKey: "order-7",
      needsLeader: true,
    });
    expect(timeoutMs).toBeGreaterThan(0);
    expect(timeoutMs).toBeLessThanOrEqual(5_000);
  });

  test("that nobody waits for any more is broken off at the store", async ({ expect }) => {
    const { heard, call } = listening({});
    const gone = Promise.withResolvers<void>();
    await begin({
      call: async (...asked) => {
        await call(...asked);
        const { signal } = heard[0]!.context;
        await once(signal, "abort");
        gone.resolve();
        return {};
      },
    });
    const failure = await failureOf(bench.unary(RANGE, {}, { deadline: Date.now() + 100 }));
    expect(failure.code).toBe(status.DEADLINE_EXCEEDED);
    await gone.promise;
  });

  test("beyond 2 MiB is refused as by etcd", async ({ expect }) => {
    await begin({});
    const value = Buffer.alloc(2_100_000).toString("base64");
    const failure = await failureOf(bench.unary("/etcdserverpb.KV/Put", { key: "YQ==", value }));
    expect(failure).toEqual({
      code: status.RESOURCE_EXHAUSTED,
      details: "grpc: received message larger than max (2100008 vs. 2097152)",
    });
  });

  test("may be answered with more than 4 MiB", async ({ expect }) => {
    const value = Buffer.alloc(3_900_000).toString("base64");
    await begin({ call: () => Promise.resolve({ kvs: [{ key: "YQ==", value }] }) });
    const { kvs } = await bench.unary(RANGE, {});
    expect(kvs).toEqual([{ key: "YQ==", value }]);
  });

  test("members are told to be where the client has reached us", async ({ expect }) => {
    const members = [
      { ID: "1", name: "a", clientURLs: ["http://inside:1"] },
      { ID: "2", peerURLs: ["region://weur"] },
    ];
    await begin({ call: () => Promise.resolve({ members }) });
    const answer = await bench.unary("/etcdserverpb.Cluster/MemberList", {});
    expect(answer["members"]).toEqual([
      { ID: "1", name: "a", clientURLs: [`http://127.0.0.1:${bench.port}`] },
      { ID: "2", peerURLs: ["region://weur"] },
    ]);
  });

  test("of the health service: the whole serves, other names are not known", async ({ expect }) => {
    await begin({});
    expect(await bench.unary(HEALTH, {})).toEqual({ status: 1 });
    expect(await failureOf(bench.unary(HEALTH, { service: "x" }))).toEqual({
      code: status.NOT_FOUND,
      details: "unknown service",
    });
  });
});

describe("an answer that streams", () => {
  test("comes whole, and fails with what the store says last", async ({ expect }) => {
    await begin({
      stream: async function* () {
        yield { remaining_bytes: "2", blob: "YQ==" };
        yield { remaining_bytes: "0", blob: "Yg==" };
        throw new UpstreamError(15, "etcdserver: corrupt cluster");
      },
    });
    const seen: unknown[] = [];
    const call = bench.receive(SNAPSHOT, {});
    call.on("data", (message) => seen.push(message));
    const [error] = (await once(call, "error")) as [ServiceError];
    expect(seen).toEqual([
      { remaining_bytes: "2", blob: "YQ==" },
      { remaining_bytes: "0", blob: "Yg==" },
    ]);
    expect([error.code, error.details]).toEqual([15, "etcdserver: corrupt cluster"]);
  });

  test("holds the store back when the client does not read", async ({ expect }) => {
    let given = 0;
    const blob = Buffer.alloc(65_536).toString("base64");
    const over = Promise.withResolvers<void>();
    await begin({
      stream: async function* (_method, _request, { signal }) {
        signal.addEventListener("abort", () => over.resolve());
        for (; given < 1_000; given++) yield { blob };
      },
    });
    const call = bench.receive(SNAPSHOT, {});
    call.on("error", () => {});
    await once(call, "readable");
    // As long as a thousand would take many times over, and as it takes for the pipes to be full.
    let before = -1;
    while (before !== given) {
      before = given;
      await sleep(200);
    }
    expect(given).toBeLessThan(900);
    call.cancel();
    await over.promise;
  });
});

/** A store that answers each request of a conversation by `answer`. */
function conversing(answer: (request: Message) => Message | null): {
  readonly converse: Upstream["converse"];
  readonly closed: Promise<void>;
} {
  const closed = Promise.withResolvers<void>();
  const converse: Upstream["converse"] = (_method, { signal }) => {
    const queue: Message[] = [];
    let wake = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => {
      closed.resolve();
      wake.resolve();
    });
    return {
      send: (request) => {
        const answered = answer(request);
        if (answered !== null) queue.push(answered);
        wake.resolve();
        return Promise.resolve();
      },
      answers: (async function* () {
        while (!signal.aborted) {
          await wake.promise;
          wake = Promise.withResolvers();
          yield* queue.splice(0);
        }
      })(),
    };
  };
  return { converse, closed: closed.promise };
}

describe("a conversation", () => {
  test("of keepalives ends with the last answer once the client is done", async ({ expect }) => {
    const { converse, closed } = conversing(({ ID }) => ({ ID, TTL: "9" }));
    await begin({ converse });
    const call = bench.converse(KEEP_ALIVE);
    const seen: unknown[] = [];
    call.on("data", (message) => seen.push(message));
    call.write({ ID: "7587848390867461234" });
    call.write({ ID: "-1" });
    call.end();
    const [last] = (await once(call, "status")) as [{ code: number }];
    expect(last.code).toBe(status.OK);
    expect(seen).toEqual([
      { ID: "7587848390867461234", TTL: "9" },
      { ID: "-1", TTL: "9" },
    ]);
    await closed;
  });

  test("of watches goes on when the client is done, until it leaves", async ({ expect }) => {
    const { converse, closed } = conversing((request) =>
      "create_request" in request ? { created: true } : null,
    );
    await begin({ converse });
    const call = bench.converse(WATCH);
    call.on("error", () => {});
    call.write({ create_request: { key: "YQ==" } });
    call.end();
    const [created] = (await once(call, "data")) as [Message];
    expect(created).toEqual({ created: true });
    const ended = once(call, "status");
    const first = await Promise.race([ended.then(() => "ended"), sleep(100, "goes on")]);
    expect(first).toBe("goes on");
    call.cancel();
    await closed;
  });

  test("that the store breaks off is unavailable, so that clients come again", async ({
    expect,
  }) => {
    await begin({
      converse: () => ({
        send: () => Promise.resolve(),
        answers: (async function* () {
          yield { created: true };
        })(),
      }),
    });
    const call = bench.converse(WATCH);
    call.on("data", () => {});
    const [error] = (await once(call, "error")) as [ServiceError];
    expect(error.code).toBe(status.UNAVAILABLE);
  });
});

describe("RangeStream", () => {
  const KEYS = Array.from({ length: 45 }, (_, n) => `k${String(n).padStart(3, "0")}`);
  const encode = (text: string): string => Buffer.from(text).toString("base64");
  const decode = (text: unknown): string => Buffer.from(text as string, "base64").toString();

  /** A store of the keys, whose revision is one more with each page. */
  function keyStore(): { readonly pages: Message[]; readonly call: Upstream["call"] } {
    const pages: Message[] = [];
    const call: Upstream["call"] = (_method, request) => {
      pages.push(request);
      const rest = KEYS.filter((key) => key >= decode(request["key"]));
      const kvs = rest.slice(0, Number(request["limit"])).map((key) => ({ key: encode(key) }));
      return Promise.resolve({
        header: { revision: String(100 + pages.length) },
        kvs,
        more: kvs.length < rest.length,
        count: String(rest.length),
      });
    };
    return { pages, call };
  }

  async function merged(request: Message): Promise<{ chunks: Message[]; keys: string[] }> {
    const chunks: Message[] = [];
    for await (const chunk of bench.receive(RANGE_STREAM, request)) {
      chunks.push((chunk as { range_response: Message }).range_response);
    }
    const kvs = chunks.flatMap(({ kvs: some }) => (some ?? []) as { key: string }[]);
    return { chunks, keys: kvs.map(({ key }) => decode(key)) };
  }

  test("merged is what Range gives: all keys, of one revision, counted once", async ({
    expect,
  }) => {
    const { pages, call } = keyStore();
    await begin({ call });
    const { chunks, keys } = await merged({ key: encode("k"), range_end: encode("l") });
    expect(keys).toEqual(KEYS);
    expect(chunks.map(({ kvs }) => (kvs as unknown[]).length)).toEqual([10, 20, 15]);
    expect(chunks.slice(0, -1).every(({ header }) => header === undefined)).toBe(true);
    expect(chunks.at(-1)).toMatchObject({ header: { revision: "101" }, count: "45" });
    expect(pages.map(({ revision }) => revision)).toEqual([undefined, "101", "101"]);
  });

  test("keeps to a limit, and says that there is more", async ({ expect }) => {
    const { call } = keyStore();
    await begin({ call });
    const { chunks, keys } = await merged({
      key: encode("k"),
      range_end: encode("l"),
      limit: "12",
    });
    expect(keys).toEqual(KEYS.slice(0, 12));
    expect(chunks.at(-1)).toMatchObject({ more: true, count: "45" });
  });

  test("does not sort: clients ask Range then", async ({ expect }) => {
    await begin({});
    const call = bench.receive(RANGE_STREAM, { key: encode("k"), sort_order: 1 });
    call.on("data", () => {});
    const [error] = (await once(call, "error")) as [ServiceError];
    expect(error.code).toBe(status.UNIMPLEMENTED);
  });
});
