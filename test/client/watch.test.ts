// The SDK's watches against a played replica, on a clock that the test moves: those that nobody reads,
// revisions that come in parts, and what ends them.

import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { asRevision, NO_LEASE } from "../../src/base/types.ts";
import type { WatchDelivery, WatchEvent } from "../../src/base/watch.ts";
import { Edgekeeper } from "../../src/client/edgekeeper.ts";
import { WEB_PLATFORM } from "../../src/client/platform.ts";
import type { WatchBatch } from "../../src/client/watch.ts";
import { PlayedSocket } from "../support/played-socket.ts";

let sockets: PlayedSocket[];
let store: Edgekeeper;

/** Lets what is ready happen, and `ms` pass. */
const pass = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const latest = (): PlayedSocket => sockets.at(-1)!;

/** What became of it, in a word. */
const told = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => "done",
    (error: Error) => error.message,
  );

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  const connect = (): PlayedSocket => {
    sockets.push(new PlayedSocket());
    return latest();
  };
  store = new Edgekeeper({ url: "https://kv.example", platform: { ...WEB_PLATFORM, connect } });
});
afterEach(() => {
  store.close();
  vi.useRealTimers();
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
