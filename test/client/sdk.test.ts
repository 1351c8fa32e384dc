// The SDK against a played replica, on a clock that the test moves: leases, watches that nobody reads,
// sockets that nobody needs, tokens that are out of date.

import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { refusalError } from "../../src/api/error.ts";
import type { SessionAnswer, SessionRequest } from "../../src/api/session-call.ts";
import { encodeUtf8, EMPTY } from "../../src/base/bytes.ts";
import { SESSION_WATCHES_MAX } from "../../src/base/limits.ts";
import { asLeaseId, asRevision, NO_LEASE } from "../../src/base/types.ts";
import type { WatchDelivery, WatchEvent } from "../../src/base/watch.ts";
import { Edgekeeper, type EdgekeeperOptions } from "../../src/client/edgekeeper.ts";
import { KeySpace, type Selection } from "../../src/client/keys.ts";
import { WEB_PLATFORM } from "../../src/client/platform.ts";
import { Session } from "../../src/client/session.ts";
import type { WatchBatch } from "../../src/client/watch.ts";
import { DONE, header, PlayedSocket, refused } from "../support/played-socket.ts";

let sockets: PlayedSocket[];
let addresses: [string, readonly string[]][];
let store: Edgekeeper;

/** Lets what is ready happen, and `ms` pass. */
const pass = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const latest = (): PlayedSocket => sockets.at(-1)!;

function open(
  options: Partial<EdgekeeperOptions> = {},
  fetch = (): Promise<Response> => Promise.resolve(Response.json({})),
): void {
  const platform = {
    ...WEB_PLATFORM,
    fetch,
    connect: (url: string, protocols: readonly string[]) => {
      addresses.push([url, protocols]);
      sockets.push(new PlayedSocket());
      return latest();
    },
  };
  store = new Edgekeeper({ url: "https://kv.example", platform, ...options });
}

/** What became of it, in a word. */
const told = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => "done",
    (error: Error) => error.message,
  );

/** Answers all requests of a kind that have none yet, on the latest socket. */
function answer(kind: SessionRequest["kind"], outcome: SessionAnswer): number {
  const asked = latest().requests.filter(({ call }) => call!.request.kind === kind);
  const fresh = asked.filter((frame) => !answered.has(frame));
  for (const frame of fresh) {
    answered.add(frame);
    latest().answer(frame.request, outcome);
  }
  return fresh.length;
}
let answered: Set<unknown>;

const granted = (kind: "leaseGrant" | "leaseKeepAlive", ttlSeconds: number): SessionAnswer => ({
  kind: "answered",
  header: header(),
  result: { kind, answer: { id: asLeaseId(1n), ttlSeconds } },
});

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  addresses = [];
  answered = new Set();
});
afterEach(() => {
  store.close();
  vi.useRealTimers();
});

describe("sockets", () => {
  test("are opened when they are needed, and closed when they no longer are", async ({
    expect,
  }) => {
    open();
    await pass(1_000);
    expect(sockets).toHaveLength(0);
    const first = told(store.put("a", "1"));
    latest().welcome();
    await pass();
    answer("put", DONE);
    expect(await first).toBe("done");
    await pass(4_000);
    const { pings } = latest();
    await pass(10_000);
    expect([latest().pings, latest().isClosed]).toEqual([pings, false]);
    await pass(20_000);
    expect(latest().isClosed).toBe(true);
    expect(sockets).toHaveLength(1);
    const second = told(store.put("a", "2"));
    await pass();
    expect(sockets).toHaveLength(2);
    latest().welcome();
    await pass();
    answer("put", DONE);
    expect(await second).toBe("done");
  });

  test("stay, and are listened to, while anything is watched", async ({ expect }) => {
    open();
    store.watch("a");
    latest().welcome();
    for (let second = 0; second < 60; second++) {
      latest().deliver({ kind: "progress", watch: 1, revision: asRevision(7 + second) });
      await pass(1_000);
    }
    expect([latest().isClosed, latest().pings > 20, sockets.length]).toEqual([false, true, 1]);
    await pass(6_000);
    expect([sockets[0]!.isClosed, sockets.length > 1]).toEqual([true, true]);
  });

  test("are more than one for more watches than one holds; others are with any replica", async ({
    expect,
  }) => {
    open();
    for (let n = 0; n <= SESSION_WATCHES_MAX; n++) store.watch(`${n}`);
    expect(addresses.map(([url]) => url)).toEqual([
      "wss://kv.example/v1/session",
      "wss://kv.example/v1/session?any",
    ]);
    sockets[0]!.welcome();
    sockets[1]!.welcome();
    await pass();
    const watches = (socket: PlayedSocket) => socket.frames.filter(({ kind }) => kind === "watch");
    expect(watches(sockets[0]!)).toHaveLength(SESSION_WATCHES_MAX);
    // What "from now on" means, the leader says.
    expect(watches(sockets[1]!)).toEqual([]);
    const [present] = sockets[0]!.requests;
    const kvs = { kind: "range", answer: { kvs: [], more: false, count: 0 } } as const;
    sockets[0]!.answer(present!.request, { kind: "answered", header: header(), result: kvs });
    await pass();
    expect(watches(sockets[1]!)).toMatchObject([{ spec: { startRevision: 8 } }]);
  });
});

describe("a call", () => {
  test("ends when its signal aborts, and is not repeated", async ({ expect }) => {
    open();
    const ending = new AbortController();
    const asked = told(store.put("a", "1", { signal: ending.signal }));
    const never = told(store.put("b", "1", { signal: AbortSignal.abort(new Error("before")) }));
    latest().welcome();
    await pass();
    ending.abort(new Error("enough"));
    expect([await asked, await never]).toEqual(["enough", "before"]);
    latest().drop();
    void told(store.put("c", "1"));
    await pass(1_000);
    latest().welcome();
    await pass();
    expect(latest().requests).toHaveLength(1);
  });

  test.for<[string, () => Promise<unknown>, string]>([
    ["a fraction of a revision", () => store.get("a", { revision: 1.5 }), "whole numbers"],
    ["an empty key", () => store.put("", "1"), "key is not provided"],
    ["a value that is none", () => store.put("a", 5 as never), "text or bytes"],
    ["a range that ends at the empty key", () => store.delete({ from: "a", to: "" }), "no keys"],
    ["a lease that is no bigint", () => store.put("a", "1", { lease: 5 as never }), "BigInt"],
    // Its `then` makes it a promise to those who await it.
    ["an uncommitted transaction", () => Promise.resolve(store.txn() as never), "commit()"],
  ])("is refused at once with %s", async ([, call, message], { expect }) => {
    open();
    expect(await told(call())).toContain(message);
    expect(sockets.flatMap(({ requests }) => requests)).toEqual([]);
  });

  test("passes its idempotency key on", async ({ expect }) => {
    open();
    const ask = vi.spyOn(Session.prototype, "ask");
    void told(store.put("a", "1", { idempotencyKey: "order-7", timeoutMs: 1_000 }));
    await pass();
    const options = { idempotencyKey: "order-7", timeoutMs: 1_000 };
    expect(ask).toHaveBeenCalledWith(expect.anything(), expect.objectContaining(options));
    ask.mockRestore();
  });
});

describe("a user", () => {
  test("gets another token when one is refused, once for each call", async ({ expect }) => {
    let tokens = 0;
    open({ token: "secret", user: { name: "ann", password: "a" } }, () =>
      Promise.resolve(Response.json({ token: `t${++tokens}` })),
    );
    const asked = told(store.put("a", "1"));
    await pass();
    latest().welcome();
    await pass();
    answer("put", refused("invalidAuthToken"));
    await pass(1_000);
    expect(addresses.map(([, protocols]) => protocols)).toEqual([
      ["Edgekeeper", "secret", "Bearer", "t1"],
      ["Edgekeeper", "secret", "Bearer", "t2"],
    ]);
    latest().welcome();
    await pass();
    expect(answer("put", refused("invalidAuthToken"))).toBe(1);
    expect(await asked).toBe(refusalError("invalidAuthToken").message);
  });

  test("whose password is wrong is told so, and may ask again", async ({ expect }) => {
    const { code, message, status } = refusalError("authFailed");
    open({ user: { name: "ann", password: "b" } }, () =>
      Promise.resolve(Response.json({ code, message }, { status })),
    );
    const watch = store.watch("a");
    expect(await told(store.put("a", "1"))).toBe(message);
    expect(await told(watch.created)).toBe(message);
    expect(await told(store.put("a", "1"))).toBe(message);
    expect(sockets).toEqual([]);
  });
});

describe("a lease", () => {
  const grant = async (ttlSeconds: number): Promise<AbortSignal> => {
    open();
    const lease = store.grant(ttlSeconds);
    latest().welcome();
    await pass();
    answer("leaseGrant", granted("leaseGrant", ttlSeconds));
    return (await lease).lost;
  };

  test("is kept alive every third of its TTL", async ({ expect }) => {
    const lost = await grant(30);
    let count = 0;
    for (let second = 0; second < 120; second++) {
      await pass(1_000);
      count += answer("leaseKeepAlive", granted("leaseKeepAlive", 30));
    }
    expect([count, lost.aborted, sockets.length]).toEqual([12, false, 1]);
  });

  test("is lost when nobody has acknowledged that it lives for its TTL", async ({ expect }) => {
    const lost = await grant(9);
    await pass(8_900);
    expect(lost.aborted).toBe(false);
    await pass(200);
    expect([lost.aborted, (lost.reason as { refusal: string }).refusal]).toEqual([
      true,
      "leaseNotFound",
    ]);
  });

  test("is lost when it is gone", async ({ expect }) => {
    const lost = await grant(30);
    await pass(10_000);
    answer("leaseKeepAlive", granted("leaseKeepAlive", 0));
    await pass();
    expect(lost.aborted).toBe(true);
    await pass(60_000);
    expect(answer("leaseKeepAlive", granted("leaseKeepAlive", 30))).toBe(0);
  });

  test("is asked for again soon when that has failed", async ({ expect }) => {
    const lost = await grant(30);
    await pass(10_000);
    answer("leaseKeepAlive", refused("tooManyRequests"));
    await pass(600);
    expect(answer("leaseKeepAlive", granted("leaseKeepAlive", 30))).toBe(1);
    // It counts from when it was asked for.
    await pass(29_000);
    expect(lost.aborted).toBe(false);
    await pass(1_500);
    expect(lost.aborted).toBe(true);
  });
});

const event = (revision: number, size = 1): WatchEvent => ({
  kind: "put",
  kv: {
    key: encodeUtf8(`k${revision}`),
    value: new Uint8Array(size),
    createRevision: asRevision(revision),
    modRevision: asRevision(revision),
    version: 1,
    lease: NO_LEASE,
  },
  prevKv: null,
});
const events = (watch: number, revision: number, size = 1, partial = false): WatchDelivery => ({
  kind: "events",
  watch,
  revision: asRevision(revision),
  partial,
  events: [event(revision, size)],
});
const created = (watch: number): WatchDelivery => ({
  kind: "created",
  watch,
  revision: asRevision(7),
});

describe("a watch", () => {
  const frames = (kind: string) => latest().frames.filter((frame) => frame.kind === kind);
  const keys = ({ events: some }: WatchBatch) => some.map(({ kv }) => kv.keyText()).join();

  test("that nobody reads pauses, and others do not", async ({ expect }) => {
    open();
    const idle = store.watch("a");
    const busy = store.watch("b");
    latest().welcome();
    latest().deliver(created(1));
    latest().deliver(created(2));
    latest().deliver(events(1, 8, 600_000));
    latest().deliver(events(1, 9, 600_000));
    latest().deliver(events(1, 10));
    latest().deliver(events(2, 11));
    const batches = busy[Symbol.asyncIterator]();
    expect(keys((await batches.next()).value!)).toBe("k11");
    await pass();
    expect(frames("cancel")).toEqual([{ kind: "cancel", watch: 1 }]);
    expect(frames("ack")).toHaveLength(6);

    const heard: string[] = [];
    const reading = (async () => {
      for await (const batch of idle) if (heard.push(keys(batch)) === 3) break;
    })();
    await pass();
    expect(heard).toEqual(["k8", "k9"]);
    expect(frames("watch").at(-1)).toMatchObject({ watch: 3, spec: { startRevision: 10 } });
    latest().deliver(created(3));
    latest().deliver(events(3, 10));
    await reading;
    expect(heard).toEqual(["k8", "k9", "k10"]);
    await pass();
    expect(frames("cancel").at(-1)).toEqual({ kind: "cancel", watch: 3 });
  });

  test("tells whole revisions, whatever parts they come in, over two sockets", async ({
    expect,
  }) => {
    open();
    const watch = store.watch({ prefix: "" }, { fromRevision: 5 });
    latest().welcome();
    latest().deliver(created(1));
    const part = (name: string, partial: boolean): WatchDelivery => ({
      ...(events(1, 8) as Extract<WatchDelivery, { kind: "events" }>),
      events: [{ ...event(8), kv: { ...event(8).kv, key: encodeUtf8(name) } }],
      partial,
    });
    latest().deliver(part("x", true));
    await pass();
    latest().drop();
    await pass(1_000);
    latest().welcome();
    await pass();
    expect(frames("watch")).toMatchObject([{ spec: { startRevision: 8 } }]);
    latest().deliver(created(1));
    latest().deliver(part("x", true));
    latest().deliver(part("y", false));
    const { value } = await watch[Symbol.asyncIterator]().next();
    expect([keys(value!), value!.revision]).toEqual(["x,y", 8]);
    expect(await watch.created).toBe(4);
  });

  test.for<[string, WatchDelivery, object]>([
    [
      "is compacted",
      {
        kind: "canceled",
        watch: 1,
        revision: asRevision(9),
        cause: { kind: "compacted", compactRevision: asRevision(6) },
      },
      { refusal: "compacted", compactRevision: 6, code: 11 },
    ],
    [
      "is refused",
      {
        kind: "canceled",
        watch: 1,
        revision: asRevision(9),
        cause: {
          kind: "refused",
          reason: "rpc error: code = PermissionDenied desc = etcdserver: permission denied",
        },
      },
      { message: "etcdserver: permission denied", code: 7, compactRevision: null },
    ],
  ])(
    "that %s throws what it was, after what had come",
    async ([, canceled, thrown], { expect }) => {
      open();
      const watch = store.watch("a");
      latest().welcome();
      latest().deliver(created(1));
      latest().deliver(events(1, 8));
      latest().deliver(canceled);
      await pass();
      const batches = watch[Symbol.asyncIterator]();
      expect(keys((await batches.next()).value!)).toBe("k8");
      await expect(batches.next()).rejects.toMatchObject(thrown);
    },
  );

  test("ends with its signal, with its cluster, and with its client", async ({ expect }) => {
    open();
    const ending = new AbortController();
    const next = (options = {}): Promise<string> =>
      told(store.watch("a", options)[Symbol.asyncIterator]().next());
    const ended = [next({ signal: ending.signal }), next()];
    latest().welcome();
    await pass();
    ending.abort(new Error("enough"));
    latest().drop();
    await pass(1_000);
    latest().welcome(5n);
    await pass();
    expect(await Promise.all(ended)).toEqual([
      "enough",
      "edgekeeper: the cluster was deleted or rebuilt",
    ]);
    const closed = next();
    store.close();
    expect(await closed).toContain("is closed");
  });
});

describe("keys below a prefix", () => {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
  test.for<[Selection, string, string]>([
    ["a", "p/a", ""],
    [{ key: "a" }, "p/a", ""],
    [{ prefix: "a" }, "p/a", "p/b"],
    [{ prefix: "" }, "p/\0", "p0"],
    [{ prefix: new Uint8Array([255]) }, "p/\u{ff}", "p0"],
    [{ from: "a", to: "b" }, "p/a", "p/b"],
    [{ from: "a" }, "p/a", "p0"],
    [{ from: "a", to: "\0" }, "p/a", "p0"],
    [{ to: "b" }, "p/\0", "p/b"],
    [{}, "p/\0", "p0"],
  ])("%j are from %j to %j", ([selection, key, rangeEnd], { expect }) => {
    const range = new KeySpace(EMPTY).within("p/").range(selection);
    expect([text(range.key), text(range.rangeEnd)]).toEqual([key, rangeEnd]);
  });

  test.for<[Selection, string, string]>([
    [{ prefix: "" }, "\0", "\0"],
    [{}, "\0", "\0"],
    [{ from: "a" }, "a", "\0"],
    [{ prefix: "a" }, "a", "b"],
  ])("%j of all keys are from %j to %j", ([selection, key, rangeEnd], { expect }) => {
    const range = new KeySpace(EMPTY).range(selection);
    expect([text(range.key), text(range.rangeEnd)]).toEqual([key, rangeEnd]);
  });
});
