// What many clients of one bridge have of each other: they share sessions with the store, and notice
// nothing of it. Method: a bridge whose way to a running server is counted, cut and closed.

import { once } from "node:events";
import type { ClientDuplexStream } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, test } from "vitest";
import { startBridge, type Bridge } from "../../src/bridge/bridge.ts";
import type { Message } from "../../src/bridge/upstream.ts";
import { callTo, type BenchCall, type Caller } from "../bridge/support.ts";
import { startPassage, type Passage } from "../support/passage.ts";
import { startServer, type Server } from "../support/server.ts";

const PUT = "/etcdserverpb.KV/Put";
const RANGE = "/etcdserverpb.KV/Range";
const WATCH = "/etcdserverpb.Watch/Watch";

let server: Server;
let passage: Passage;
let bridge: Bridge;
let caller: Caller;

beforeAll(async () => {
  server = await startServer({ regions: ["wnam"] });
  passage = await startPassage(server.port);
  const endpoint = new URL(passage.url);
  bridge = await startBridge({ host: "127.0.0.1", port: 0, endpoint, token: null, tls: null });
  caller = callTo(`127.0.0.1:${bridge.port}`);
});
afterAll(async () => {
  caller.stop();
  await bridge.stop();
  await passage.close();
  await server.stop();
});

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const put = (key: string, value: string): Promise<Message> =>
  caller.unary(PUT, { key: base64(key), value: base64(value) });
const revisionOf = ({ header }: Message): number =>
  Number((header as { revision: string }).revision);

interface Answer extends Message {
  readonly watch_id?: string;
  readonly created?: boolean;
  readonly events?: readonly {
    readonly kv: { readonly key: string; readonly mod_revision: string };
  }[];
}

/** A stream of watches whose answers are taken one at a time. */
function watching(said?: BenchCall): {
  readonly call: ClientDuplexStream<Message, Message>;
  readonly next: () => Promise<Answer>;
} {
  const call = caller.converse(WATCH, said);
  call.on("error", () => {});
  const answers = (call as AsyncIterable<Message>)[Symbol.asyncIterator]();
  return { call, next: async () => (await answers.next()).value as Answer };
}

const watch = (key: string, more: Message = {}): Message => ({
  create_request: { key: base64(key), ...more },
});
const tree = (folder: string, more: Message = {}): Message =>
  watch(`${folder}/`, { range_end: base64(`${folder}0`), ...more });

describe("watches of many streams", () => {
  test("share few sockets, are created in order, and each hears of its own key", async ({
    expect,
  }) => {
    const streams = Array.from({ length: 6 }, () => watching());
    const keyOf = (stream: number, n: number): string => `many/${stream}/${n}`;
    for (const [s, { call }] of streams.entries()) {
      for (let n = 0; n < 100; n++) call.write(watch(keyOf(s, n)));
    }
    for (const { next } of streams) {
      for (let n = 0; n < 100; n++) {
        const { created, watch_id: id } = await next();
        expect([created, id ?? "0"]).toEqual([true, `${n}`]);
      }
    }
    // 600 watches, 150 to a session. Requests have one of their own, or none yet.
    expect(passage.sessions).toBeGreaterThanOrEqual(4);
    expect(passage.sessions).toBeLessThanOrEqual(5);
    await Promise.all(streams.map((_, s) => put(keyOf(s, 99 - s), "x")));
    for (const [s, { call, next }] of streams.entries()) {
      const { watch_id: id, events } = await next();
      expect([id, events]).toMatchObject([
        `${99 - s}`,
        [{ kv: { key: base64(keyOf(s, 99 - s)) } }],
      ]);
      call.cancel();
    }
  });

  test("need no socket any more once they have ended", async ({ expect }) => {
    // What the test before has left: sessions without watches are kept for some seconds.
    await expect.poll(() => passage.sessions, { timeout: 30_000 }).toBeLessThanOrEqual(1);
  });

  test("go on where they were when every socket is cut", async ({ expect }) => {
    const { call, next } = watching();
    call.write(tree("cut"));
    await next();
    const seen: number[] = [];
    const made: number[] = [];
    for (let round = 0; round < 5; round++) {
      passage.cut();
      // A write on its way is repeated, with the same id.
      made.push(revisionOf(await put(`cut/${round}`, "x")));
      seen.push(Number((await next()).events![0]!.kv.mod_revision));
    }
    expect(seen).toEqual(made);
    call.cancel();
  });

  test("a chosen id is kept, one that is taken is refused, and what is refused takes no id", async ({
    expect,
  }) => {
    const { call, next } = watching();
    call.write(watch("a"));
    call.write(watch("a", { watch_id: "1" }));
    call.write(watch("a", { watch_id: "1" }));
    call.write(watch("a", { start_revision: "-1" }));
    call.write(watch("a"));
    const answers = [await next(), await next(), await next(), await next(), await next()];
    const ids = answers.map(({ watch_id: id = "0", canceled = false }) => [id, canceled]);
    expect(ids).toEqual([
      ["0", false],
      ["1", false],
      ["-1", true],
      ["-1", true],
      ["2", false],
    ]);
    expect(answers[2]).toMatchObject({
      cancel_reason: "mvcc: duplicate watch ID provided on the WatchStream",
    });
    call.cancel();
  });
});

describe("progress of a stream", () => {
  test("is reported though a watch of another stream waits for the future", async ({ expect }) => {
    const { header } = await caller.unary(RANGE, { key: base64("a") });
    const { revision } = header as { revision: string };
    const [patient, quick] = [watching(), watching()];
    patient.call.write(watch("a", { start_revision: String(Number(revision) + 1_000_000) }));
    await patient.next();
    quick.call.write(watch("a", { start_revision: String(Number(revision) + 1) }));
    await quick.next();
    quick.call.write({ progress_request: {} });
    const reported = await quick.next();
    expect([reported.watch_id, revisionOf(reported)]).toEqual(["-1", Number(revision)]);
    patient.call.cancel();
    quick.call.cancel();
  });
});

describe("a client that does not read", () => {
  test("keeps nobody waiting, and reads all later without a gap or a repeat", async ({
    expect,
  }) => {
    const value = Buffer.alloc(524_288, 7).toString("base64");
    const slow = watching();
    const fast = watching();
    for (const { call, next } of [slow, fast]) {
      call.write(tree("slow"));
      await next();
    }
    const made: number[] = [];
    const seenOf = async ({ next }: typeof slow): Promise<number[]> =>
      (await next()).events!.map(({ kv }) => Number(kv.mod_revision));
    // 64 MB: more than waits for one client anywhere.
    for (let n = 0; n < 128; n++) {
      made.push(revisionOf(await caller.unary(PUT, { key: base64(`slow/${n % 7}`), value })));
      expect(await seenOf(fast)).toEqual(made.slice(-1));
    }
    const seen: number[] = [];
    while (seen.length < made.length) seen.push(...(await seenOf(slow)));
    expect(seen).toEqual(made);
    // It is up to date again, and hears of what comes now.
    const last = revisionOf(await put("slow/last", "x"));
    expect(await seenOf(slow)).toEqual([last]);
    for (const { call } of [slow, fast]) call.cancel();
  });
});

describe("a store that cannot be reached", () => {
  test("is unavailable at once, and there again when it is", async ({ expect }) => {
    await passage.close();
    const before = performance.now();
    const unavailable = { code: 14, details: /no answer from the endpoint/ };
    await expect(put("away", "x")).rejects.toMatchObject(unavailable);
    const { call } = watching();
    const failed = once(call, "error");
    call.write(watch("away"));
    expect((await failed)[0]).toMatchObject(unavailable);
    expect(performance.now() - before).toBeLessThan(2_000);
    await passage.open();
    expect(await put("away", "x")).toHaveProperty("header");
  });

  test("ends no watch that was there before, but one whose client needs a leader", async ({
    expect,
  }) => {
    const patient = watching();
    const strict = caller.converse(WATCH, { metadata: { hasleader: "true" } });
    // Whoever awaits `data` is told of an error as well.
    const told = Promise.withResolvers<unknown>();
    strict.once("error", told.resolve);
    const created = once(strict, "data");
    strict.write(watch("led"));
    patient.call.write(watch("led"));
    await Promise.all([patient.next(), created]);
    await passage.close();
    expect(await told.promise).toMatchObject({ code: 14, details: "etcdserver: no leader" });
    await passage.open();
    await put("led", "x");
    expect((await patient.next()).events).toHaveLength(1);
    patient.call.cancel();
  });
});

test("who is nobody is told so, by requests and by watches", async ({ expect }) => {
  const auth = "/etcdserverpb.Auth";
  await caller.unary(`${auth}/UserAdd`, { name: "root", password: "r" });
  await caller.unary(`${auth}/UserGrantRole`, { user: "root", role: "root" });
  await caller.unary(`${auth}/AuthEnable`, {});
  const shown = async (name: string) => {
    const answer = await caller.unary(`${auth}/Authenticate`, { name, password: "r" });
    return { metadata: { token: answer["token"] as string } };
  };
  const root = await shown("root");
  try {
    const read = caller.unary(RANGE, { key: "YQ==" }, root);
    expect(await read).toHaveProperty("header");
    const stranger = { metadata: { token: "madeupmadeupmade.5" } };
    const refused = caller.unary(RANGE, { key: "YQ==" }, stranger);
    const why = { code: 16, details: "etcdserver: invalid auth token" };
    await expect(refused).rejects.toMatchObject(why);
    await expect(put("a", "x")).rejects.toMatchObject({
      details: "etcdserver: user name is empty",
    });
    const { call, next } = watching(stranger);
    call.write(watch("a"));
    expect(await next()).toMatchObject({
      created: true,
      canceled: true,
      cancel_reason: /invalid auth token/,
    });
    call.cancel();
  } finally {
    await caller.unary(`${auth}/AuthDisable`, {}, root);
  }
});
