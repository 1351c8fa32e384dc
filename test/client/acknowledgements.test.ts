// When a client acknowledges what it is delivered: seldom, for each message is paid for; but before its
// credit is used up, and before an object that hears nothing falls asleep.

import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { EMPTY, encodeUtf8 } from "../../src/base/bytes.ts";
import type { KeyValue } from "../../src/base/kv.ts";
import { asRevision, NO_LEASE } from "../../src/base/types.ts";
import { WEB_PLATFORM } from "../../src/client/platform.ts";
import { Session } from "../../src/client/session.ts";
import { PlayedSocket } from "../support/played-socket.ts";
import { put, watchOf } from "../support/requests.ts";

const KEY_VALUE: KeyValue = {
  key: encodeUtf8("k"),
  value: EMPTY,
  createRevision: asRevision(7),
  modRevision: asRevision(7),
  version: 1,
  lease: NO_LEASE,
};

let socket: PlayedSocket;
let session: Session;

/** Lets what is ready happen, and `ms` pass. */
const pass = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers();
  socket = new PlayedSocket();
  const platform = { ...WEB_PLATFORM, connect: () => socket };
  session = new Session({ url: "https://kv.example/", platform });
});
afterEach(() => {
  session.close();
  vi.useRealTimers();
});

describe("deliveries are acknowledged", () => {
  const acks = (): number[] =>
    socket.frames.flatMap((frame) => (frame.kind === "ack" ? [frame.sequence] : []));
  const deliver = (revision: number, bytes = 0): void => {
    const kv = { ...KEY_VALUE, value: new Uint8Array(bytes), modRevision: asRevision(revision) };
    const event = { kind: "put", kv, prevKv: null } as const;
    const at = { watch: 1, revision: asRevision(revision), partial: false };
    socket.deliver({ kind: "events", ...at, events: [event] });
  };

  /** Begins to watch, and takes deliveries as `take` does. */
  async function watching(take: () => Promise<void> = async () => undefined): Promise<void> {
    socket.welcome();
    session.watch(watchOf(encodeUtf8("k")), ({ kind }) => (kind === "events" ? take() : undefined));
    socket.deliver({ kind: "created", watch: 1, revision: asRevision(7) });
    await pass();
  }

  test("together, before an object that hears nothing else falls asleep", async ({ expect }) => {
    await watching();
    await pass(4_000);
    for (let second = 0; second < 40; second++) {
      socket.deliver({ kind: "progress", watch: 1, revision: asRevision(8 + second) });
      await pass(1_000);
    }
    // One in eight to ten seconds, of all until then: the creation's, and four.
    expect(acks()).toHaveLength(5);
    expect(acks().at(-1)).toBeGreaterThan(30);
  });

  test("a while after the first of them, however quiet it was before", async ({ expect }) => {
    await watching();
    const quiet = async (seconds: number): Promise<number> => {
      for (let second = 0; second < seconds; second++) {
        // Nothing, but a sign of life.
        socket.say();
        await pass(1_000);
      }
      return acks().length;
    };
    const before = await quiet(20);
    deliver(8);
    expect(await quiet(5)).toBe(before);
    expect(await quiet(3)).toBe(before + 1);
  });

  test("with what is sent meanwhile", async ({ expect }) => {
    await watching();
    session.ask(put(encodeUtf8("a"), EMPTY)).catch(() => undefined);
    await pass();
    expect(acks()).toEqual([1]);
  });

  test("at once while they are large, and each of those that have come", async ({ expect }) => {
    let taken = Promise.withResolvers<void>();
    await watching(() => taken.promise);
    for (const revision of [8, 9, 10]) deliver(revision, 30_000);
    await pass();
    for (const sequence of [2, 3, 4]) {
      const next = Promise.withResolvers<void>();
      const now = taken;
      taken = next;
      now.resolve();
      await pass();
      expect(acks().at(-1)).toBe(sequence);
    }
    taken.resolve();
    deliver(11, 30_000);
    await pass();
    expect(acks().at(-1)).toBe(4);
  });
});
