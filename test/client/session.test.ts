// The client of the session door against a played replica: what it repeats and under which ids, where
// it comes again, what it gives back of its credit.

import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { encodeSessionAnswer } from "../../src/api/session-answer-codec.ts";
import type { SessionAnswer, SessionRequest } from "../../src/api/session-call.ts";
import { answerWeight, CLOSE_PROTOCOL, CLOSE_RESUME } from "../../src/api/session.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { SESSION_REQUESTS_MAX } from "../../src/base/limits.ts";
import { asMemberId, asRevision, asTerm } from "../../src/base/types.ts";
import { GRPC } from "../../src/api/grpc-code.ts";
import { EdgekeeperError } from "../../src/client/error.ts";
import { WEB_PLATFORM } from "../../src/client/platform.ts";
import { Session, type SessionOptions } from "../../src/client/session.ts";
import { DONE, PlayedSocket, refused } from "../support/played-socket.ts";
import { put, watchOf } from "../support/requests.ts";

const MOVED: SessionAnswer = { kind: "redirect", leader: asMemberId(3n), term: asTerm(4) };
const PUT: SessionRequest = put(encodeUtf8("a"), encodeUtf8("1"));

let sockets: PlayedSocket[];
let addresses: [string, readonly string[]][];
let session: Session;

/** Lets what is ready happen, and `ms` pass. */
const pass = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

const latest = (): PlayedSocket => sockets.at(-1)!;

function open(options: Partial<SessionOptions> = {}): void {
  session = new Session({
    url: "https://kv.example/",
    platform: {
      ...WEB_PLATFORM,
      connect: (url, protocols) => {
        addresses.push([url, protocols]);
        sockets.push(new PlayedSocket());
        return latest();
      },
    },
    ...options,
  });
}

/** What became of it, in a word. */
const told = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => "done",
    (error: { message: string; isFateUnknown: boolean }) =>
      `${error.message}${error.isFateUnknown ? ", perhaps" : ""}`,
  );

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  addresses = [];
});
afterEach(() => {
  session.close();
  vi.useRealTimers();
});

describe("a session", () => {
  test("connects where it is told, with the tokens of that moment", async ({ expect }) => {
    let count = 0;
    const tokens = () => ({ deployment: "secret", user: `u${++count}` });
    open({ cluster: "blue", any: true, tokens });
    await pass();
    latest().welcome();
    void told(session.ask(PUT));
    latest().drop();
    await pass(1_000);
    expect(addresses).toEqual([
      ["wss://kv.example/c/blue/v1/session?any", ["Edgekeeper", "secret", "Bearer", "u1"]],
      ["wss://kv.example/c/blue/v1/session?any", ["Edgekeeper", "secret", "Bearer", "u2"]],
    ]);
  });

  test("sends nothing before the welcome but hello, and then all in one message", async ({
    expect,
  }) => {
    open();
    const asked = [session.ask(PUT), session.ask(PUT)].map((one) => told(one));
    await pass();
    expect(latest().frames).toEqual([]);
    latest().welcome();
    await pass();
    expect(latest().frames.map(({ kind }) => kind)).toEqual(["hello", "request", "request"]);
    latest().answer(2, DONE);
    latest().answer(1, DONE);
    expect(await Promise.all(asked)).toEqual(["done", "done"]);
  });

  test("has no more under way than a replica takes", async ({ expect }) => {
    open();
    latest().welcome();
    for (let n = 0; n < SESSION_REQUESTS_MAX + 5; n++) void told(session.ask(PUT));
    await pass();
    expect(latest().requests).toHaveLength(SESSION_REQUESTS_MAX);
    latest().answer(1, DONE);
    await pass(3);
    expect(latest().requests).toHaveLength(SESSION_REQUESTS_MAX + 1);
  });

  test("sends at once when nothing is under way, else with what comes within 3 ms", async ({
    expect,
  }) => {
    open();
    latest().welcome();
    const sent = () => latest().requests.length;
    const steps: number[] = [];
    void told(session.ask(PUT));
    void told(session.ask(PUT));
    await pass();
    steps.push(sent());
    for (let ms = 0; ms < 3; ms++) {
      void told(session.ask(PUT));
      await pass(1);
      steps.push(sent());
    }
    expect(steps).toEqual([2, 2, 2, 5]);
    void told(session.ask(PUT));
    for (let request = 1; request <= 5; request++) latest().answer(request, DONE);
    await pass();
    // What was gathered waits for nothing when the last answer has come.
    expect(sent()).toBe(6);
    latest().answer(6, DONE);
    void told(session.ask(PUT));
    await pass();
    expect(sent()).toBe(7);
  });

  test("gives credit back with what it sends next, and at once when it is much", async ({
    expect,
  }) => {
    open();
    latest().welcome();
    void told(session.ask(PUT));
    await pass();
    latest().answer(1, DONE);
    await pass();
    const taken = () => latest().frames.filter(({ kind }) => kind === "taken");
    expect(taken()).toEqual([]);
    void told(session.ask(PUT));
    await pass();
    const bytes = answerWeight(encodeSessionAnswer(DONE));
    expect(taken()).toEqual([{ kind: "taken", bytes }]);
    const large = refused("noSpace");
    latest().answer(2, { ...large, message: "x".repeat(70_000) } as SessionAnswer);
    await pass();
    expect(taken()).toHaveLength(2);
  });
});

describe("a request", () => {
  test.for<[string, (socket: PlayedSocket) => void]>([
    ["that is redirected", (socket) => socket.answer(1, MOVED)],
    ["whose connection breaks", (socket) => socket.drop()],
    ["whose session is to resume", (socket) => socket.drop(CLOSE_RESUME)],
  ])("%s is repeated on another connection with the same id", async ([, befall], { expect }) => {
    open();
    latest().welcome();
    const asked = [told(session.ask(PUT)), told(session.ask(PUT))];
    await pass();
    const [first] = sockets;
    befall(first!);
    await pass(1_000);
    expect(sockets).toHaveLength(2);
    latest().welcome();
    await pass();
    expect(latest().requestIds).toEqual(first!.requestIds);
    expect(new Set(first!.requestIds).size).toBe(2);
    for (const { request } of latest().requests) latest().answer(request, DONE);
    expect(await Promise.all(asked)).toEqual(["done", "done"]);
  });

  test("that was overwritten is repeated where it was", async ({ expect }) => {
    open();
    latest().welcome();
    const asked = told(session.ask(PUT));
    await pass();
    latest().answer(1, { kind: "overwritten" });
    await pass();
    expect(sockets).toHaveLength(1);
    expect(latest().requestIds[1]).toBe(latest().requestIds[0]);
    latest().answer(1, DONE);
    expect(await asked).toBe("done");
  });

  test("that is refused is told in etcd's words", async ({ expect }) => {
    open();
    latest().welcome();
    const asked = told(session.ask(PUT));
    await pass();
    latest().answer(1, refused("noSpace"));
    expect(await asked).toBe("etcdserver: mvcc: database space exceeded");
  });

  test("whose session is not opened again may have happened if it was sent", async ({ expect }) => {
    const gone = new EdgekeeperError("no such cluster", { code: GRPC.notFound });
    open({ diagnose: () => Promise.resolve(gone) });
    latest().welcome();
    const sent = told(session.ask(PUT));
    await pass();
    latest().drop();
    const unsent = told(session.ask(PUT));
    await pass(1_000);
    latest().drop();
    expect([await sent, await unsent]).toEqual(["no such cluster, perhaps", "no such cluster"]);
  });

  test.for<[string, Partial<SessionOptions>]>([
    ["without tokens", {}],
    ["with tokens", { tokens: () => ({ deployment: "a/b" }) }],
  ])("that no WebSocket can be had for is told so at once, %s", async ([, options], { expect }) => {
    const connect = (): never => {
      throw new SyntaxError("not a protocol");
    };
    open({ ...options, platform: { ...WEB_PLATFORM, connect } });
    expect(await told(session.ask(PUT))).toContain("SyntaxError: not a protocol");
    expect(await told(session.ask(PUT))).toContain("SyntaxError: not a protocol");
  });

  test("that is turned away after an attempt was lost may have happened", async ({ expect }) => {
    open();
    latest().welcome();
    const asked = told(session.ask(PUT));
    await pass();
    latest().drop();
    await pass(1_000);
    latest().welcome();
    await pass();
    latest().answer(1, refused("tooManyRequests"));
    expect(await asked).toBe("etcdserver: request timed out, perhaps");
  });

  test("ends when its time is over, and says whether it may have happened", async ({ expect }) => {
    open();
    const unsent = told(session.ask(PUT, { timeoutMs: 500 }));
    await pass(600);
    expect(await unsent).toBe("etcdserver: request timed out");
    latest().welcome();
    const sent = told(session.ask(PUT, { timeoutMs: 500 }));
    await pass(600);
    expect(await sent).toBe("etcdserver: request timed out, perhaps");
  });

  test("is not repeated when its time is over", async ({ expect }) => {
    open();
    latest().welcome();
    void told(session.ask(PUT, { timeoutMs: 500 }));
    await pass();
    latest().drop();
    await pass(1_000);
    latest().welcome();
    await pass();
    expect(latest().requests).toEqual([]);
  });

  test("is not repeated in another cluster: no id is known there", async ({ expect }) => {
    open();
    latest().welcome();
    const asked = told(session.ask(PUT));
    await pass();
    latest().drop();
    await pass(1_000);
    latest().welcome(5n);
    expect(await asked).toBe("edgekeeper: the cluster was deleted or rebuilt, perhaps");
    expect(latest().requests).toEqual([]);
  });

  test("ends with a session that broke the protocol", async ({ expect }) => {
    open();
    latest().welcome();
    const asked = told(session.ask(PUT));
    await pass();
    latest().drop(CLOSE_PROTOCOL);
    expect(await asked).toBe("edgekeeper: the replica refused the session protocol, perhaps");
    await pass(5_000);
    expect(sockets).toHaveLength(1);
  });
});

describe("a watch", () => {
  test("goes on over another connection after what was passed on", async ({ expect }) => {
    open();
    latest().welcome();
    const heard: string[] = [];
    const spec = watchOf(encodeUtf8("k"));
    session.watch(spec, ({ kind, revision }) => void heard.push(`${kind}@${revision}`));
    await pass();
    const term = asTerm(3);
    const tell = (sequence: number, kind: "created" | "progress", revision: number): void =>
      latest().say({
        kind: "delivery",
        sequence,
        term,
        delivery: { kind, watch: 1, revision: asRevision(revision) },
      });
    tell(1, "created", 7);
    tell(2, "progress", 9);
    await pass();
    latest().drop();
    await pass(1_000);
    latest().welcome();
    await pass();
    expect(latest().frames).toContainEqual({
      kind: "watch",
      watch: 1,
      spec: { ...spec, startRevision: 10 },
    });
    tell(1, "created", 9);
    tell(2, "progress", 12);
    await pass();
    expect(heard).toEqual(["created@7", "progress@9", "progress@12"]);
  });

  test("begun anew before its creation was passed on begins where it was begun anew", async ({
    expect,
  }) => {
    open();
    latest().welcome();
    const slow = Promise.withResolvers<void>();
    const heard: string[] = [];
    session.watch(watchOf(encodeUtf8("a")), () => slow.promise);
    session.watch(watchOf(encodeUtf8("b")), ({ kind, revision }) => {
      heard.push(`${kind}@${revision}`);
    });
    await pass();
    const created = (watch: number, revision: number): void =>
      latest().deliver({ kind: "created", watch, revision: asRevision(revision) });
    created(1, 7);
    created(2, 7);
    await pass();
    latest().drop();
    await pass(1_000);
    latest().welcome();
    await pass();
    const begun = latest().frames.filter((frame) => frame.kind === "watch");
    expect(begun.map(({ spec }) => spec.startRevision)).toEqual([8, 0]);
    created(1, 20);
    created(2, 20);
    slow.resolve();
    await pass();
    expect(heard).toEqual(["created@20"]);
  });
});
