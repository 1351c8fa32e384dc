// The SDK against a played replica, on a clock that the test moves: leases, sockets
// that nobody needs, tokens that are out of date.

import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { refusalError } from "../../src/api/error.ts";
import type { SessionAnswer, SessionRequest } from "../../src/api/session-call.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { SESSION_WATCHES_MAX } from "../../src/base/limits.ts";
import { asLeaseId, asRevision } from "../../src/base/types.ts";
import { Edgekeeper, type EdgekeeperOptions } from "../../src/client/edgekeeper.ts";
import { WEB_PLATFORM } from "../../src/client/platform.ts";
import { Session } from "../../src/client/session.ts";
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

  test("stay while calls come now and then, however fast these are answered", async ({
    expect,
  }) => {
    open();
    void told(store.put("a", "1"));
    latest().welcome();
    for (let second = 0; second < 50; second++) {
      await pass(999);
      void told(store.put("a", "1"));
      await pass(1);
      answer("put", DONE);
    }
    expect([sockets.length, latest().isClosed]).toEqual([1, false]);
  });

  test("are not closed under a request that is made at the last moment", async ({ expect }) => {
    open();
    const first = told(store.put("a", "1"));
    latest().welcome();
    await pass();
    answer("put", DONE);
    await first;
    await pass(19_999);
    const last = told(store.put("a", "2"));
    await pass(1);
    answer("put", DONE);
    expect(await last).toBe("done");
    expect(sockets).toHaveLength(1);
  });

  test("that say nothing are given up before a call's time is over", async ({ expect }) => {
    open();
    const first = told(store.put("a", "1"));
    latest().welcome();
    await pass();
    answer("put", DONE);
    await first;
    await pass(8_100);
    const next = told(store.put("a", "2"));
    await pass(6_500);
    expect(sockets).toHaveLength(2);
    latest().welcome();
    await pass();
    answer("put", DONE);
    expect(await next).toBe("done");
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
    await pass(8_000);
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
    ["a time that is none", () => store.put("a", "1", { timeoutMs: Number.NaN }), "whole numbers"],
    ["a revision beyond all", () => store.get("a", { revision: 2 ** 52 }), "whole numbers"],
    [
      "an idempotency key of two words",
      () => store.put("a", "1", { idempotencyKey: "a b" }),
      "key",
    ],
    ["a value of 3 MiB", () => store.put("a", new Uint8Array(3 << 20)), "request is too large"],
    [
      "a watch from no revision",
      async () => store.watch("a", { fromRevision: Number.NaN }),
      "whole numbers",
    ],
    ["an uncommitted transaction", () => Promise.resolve(store.txn() as never), "commit()"],
  ])("is refused at once with %s", async ([, call, message], { expect }) => {
    open();
    expect(await told(call())).toContain(message);
    expect(sockets.flatMap(({ requests }) => requests)).toEqual([]);
  });

  test.for<[string, () => Promise<unknown>, boolean]>([
    ["write", () => store.put("a", "1"), true],
    ["read", () => store.get("a"), false],
  ])("that is a %s without an answer may have happened: %s", async ([, call, may], { expect }) => {
    open({ timeoutMs: 500 });
    const asked = call().catch((error: unknown) => error);
    latest().welcome();
    await pass(700);
    expect(latest().requests).toHaveLength(1);
    expect(await asked).toMatchObject({ isFateUnknown: may, code: 4 });
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

describe("a lock", () => {
  const txn = (succeeded: boolean): SessionAnswer => {
    const response = {
      kind: "put",
      revision: asRevision(7),
      answer: { prevKv: null },
    } as const;
    const head = {
      kind: "range",
      revision: asRevision(7),
      answer: { kvs: [own], more: false, count: 1 },
    } as const;
    const result = {
      kind: "txn",
      answer: { succeeded, responses: [response, head] },
    } as const;
    return { kind: "answered", header: header(), result };
  };
  const own = {
    key: encodeUtf8("jobs/5"),
    value: encodeUtf8(""),
    createRevision: asRevision(7),
    modRevision: asRevision(7),
    version: 1,
    lease: asLeaseId(5n),
  };

  test("that could not be unlocked can be unlocked again", async ({ expect }) => {
    open();
    const locked = store.lock("jobs", { lease: store.lease(5n) });
    await pass();
    latest().welcome();
    await pass();
    answer("txn", txn(true));
    const lock = await locked;
    const first = told(lock.unlock());
    await pass();
    answer("txn", refused("noSpace"));
    expect(await first).toBe(refusalError("noSpace").message);
    const second = told(lock.unlock());
    await pass();
    expect(answer("txn", txn(true))).toBe(1);
    expect(await second).toBe("done");
  });

  test("that nobody wants any more leaves alone what its lease holds", async ({ expect }) => {
    open();
    const lease = store.lease(5n);
    const signal = AbortSignal.abort(new Error("before"));
    expect(await told(store.lock("jobs", { lease, signal }))).toBe("before");
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
