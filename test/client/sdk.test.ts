// The SDK against a played replica, on a clock that the test moves: leases, sockets
// that nobody needs, tokens that are out of date.

import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { refusalError } from "../../src/api/error.ts";
import type { SessionAnswer, SessionRequest } from "../../src/api/session-call.ts";
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
