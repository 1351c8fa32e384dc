// The session client across connections: what it resumes, what it drops, what it acknowledges.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ALL_WATCHES } from "../../src/base/watch.ts";
import { asRevision } from "../../src/base/types.ts";
import { CLOSE_RESUME, SESSION_PING_MS } from "../../src/api/session.ts";
import { events, FakeSocket, progress, settle } from "./support/fake-session.ts";
import { reconnect, SPEC, start } from "./support/session-client.ts";

/** Lets so many pings' time pass. */
const pings = (count: number): Promise<unknown> =>
  vi.advanceTimersByTimeAsync(count * SESSION_PING_MS);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a session", () => {
  test("begins with hello, then the watches that were asked for meanwhile", async () => {
    const socket = new FakeSocket();
    const { client, heard } = start([socket]);
    client.watch(3, SPEC);
    await settle();
    expect(socket.received).toEqual([
      { kind: "hello", version: 1 },
      { kind: "watch", watch: 3, spec: SPEC },
    ]);
    expect(heard).toEqual(["created 3@7"]);
    client.close();
    expect(socket.isClosed).toBe(true);
  });

  test("acknowledges only what its owner has taken", async () => {
    const socket = new FakeSocket();
    let taken = Promise.withResolvers<void>();
    const { client } = start([socket], async (delivery) => {
      if (delivery.kind === "events") await taken.promise;
      taken = Promise.withResolvers();
    });
    client.watch(0, SPEC);
    await pings(4);
    socket.deliver(events(0, ["k@8"]), events(0, ["k@9"]));
    await pings(4);
    expect(socket.of("ack")).toEqual([{ kind: "ack", sequence: 1 }]);
    taken.resolve();
    await pings(4);
    expect(socket.of("ack")).toHaveLength(1);
    taken.resolve();
    await pings(4);
    expect(socket.of("ack").at(-1)).toEqual({ kind: "ack", sequence: 3 });
    client.close();
  });

  test("acknowledges small deliveries together, large ones at once", async () => {
    const socket = new FakeSocket();
    const { client } = start([socket]);
    client.watch(0, SPEC);
    for (let revision = 8; revision < 12; revision++) {
      socket.deliver(events(0, [`k@${revision}`]));
      await pings(0.9);
    }
    expect(socket.of("ack")).toEqual([]);
    await pings(1);
    expect(socket.of("ack")).toEqual([{ kind: "ack", sequence: 5 }]);
    socket.deliver(events(0, [`${"k".repeat(70_000)}@12`]));
    await settle();
    expect(socket.of("ack").at(-1)).toEqual({ kind: "ack", sequence: 6 });
    socket.deliver(events(0, ["k@13"]));
    await settle();
    expect(socket.of("ack")).toHaveLength(2);
    client.watch(1, SPEC);
    await settle();
    expect(socket.received.slice(-2).map(({ kind }) => kind)).toEqual(["watch", "ack"]);
    client.close();
  });

  test("whose owner's client is gone ends", async () => {
    const socket = new FakeSocket();
    const { client, givenUp } = start([socket], () => Promise.reject(new Error("gone")));
    client.watch(0, SPEC);
    await settle();
    expect(givenUp).toHaveLength(1);
    expect(socket.isClosed).toBe(true);
  });

  test("that hears nothing for five seconds is dead, one that hears pongs is not", async () => {
    const [silent, lively] = [new FakeSocket(), new FakeSocket()];
    silent.answersPings = false;
    const { client, connections } = start([silent, lively]);
    await vi.advanceTimersByTimeAsync(4_900);
    expect(connections()).toBe(1);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(silent.isClosed).toBe(true);
    expect(connections()).toBe(2);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(connections()).toBe(2);
    expect(lively.pings).toBeGreaterThan(20);
    client.close();
  });
});

describe("a lost connection", () => {
  test("is opened again, and each watch resumes after what was passed on, in silence", async () => {
    const [first, second] = [new FakeSocket(), new FakeSocket()];
    const { client, heard } = start([first, second]);
    client.watch(0, SPEC);
    client.watch(1, { ...SPEC, startRevision: 3 });
    client.watch(2, { ...SPEC, startRevision: 100 });
    await settle();
    first.deliver(events(0, ["k@8", "k@9"]));
    await settle();
    first.drop(CLOSE_RESUME);
    await reconnect();
    const resumed = second.of("watch").map(({ watch, spec }) => [watch, spec.startRevision]);
    expect(resumed).toEqual([
      [0, 10],
      [1, 3],
      [2, 100],
    ]);
    second.deliver(events(0, ["k@10"]));
    await settle();
    expect(heard).toEqual([
      "created 0@7",
      "created 1@7",
      "created 2@7",
      "events 0: k@8 k@9",
      "events 0: k@10",
    ]);
    client.close();
  });

  test("a watch from now resumes from its creation, though nothing happened since", async () => {
    const [first, second] = [new FakeSocket(), new FakeSocket()];
    const { client } = start([first, second]);
    client.watch(0, SPEC);
    await settle();
    first.drop();
    await reconnect();
    expect(second.of("watch")[0]?.spec.startRevision).toBe(8);
    client.close();
  });

  test("a watch that was not created yet is asked for as it was", async () => {
    const [first, second] = [new FakeSocket(), new FakeSocket()];
    first.createsAt = null;
    const { client, heard } = start([first, second]);
    client.watch(0, SPEC);
    await settle();
    first.drop();
    await reconnect();
    expect(second.of("watch")[0]?.spec).toEqual(SPEC);
    expect(heard).toEqual(["created 0@7"]);
    client.close();
  });

  test("progress moves the place to resume at, of one watch or of all", async () => {
    const [first, second] = [new FakeSocket(), new FakeSocket()];
    const { client } = start([first, second]);
    client.watch(0, SPEC);
    client.watch(1, SPEC);
    await settle();
    first.deliver(progress(ALL_WATCHES, 20), progress(1, 30));
    await settle();
    first.drop();
    await reconnect();
    expect(second.of("watch").map(({ spec }) => spec.startRevision)).toEqual([21, 31]);
    client.close();
  });

  test("what is delivered again is dropped", async () => {
    const [first, second] = [new FakeSocket(), new FakeSocket()];
    const { client, heard } = start([first, second]);
    client.watch(0, SPEC);
    await settle();
    first.deliver(events(0, ["k@8"]), events(0, ["k@8"]));
    await settle();
    first.drop();
    await reconnect();
    second.deliver(events(0, ["k@7", "k@8", "k@9"]));
    await settle();
    expect(heard.slice(1)).toEqual(["events 0: k@8", "events 0: k@9"]);
    await pings(4);
    expect(second.of("ack").at(-1)?.sequence).toBe(2);
    client.close();
  });

  test("within a revision that comes in parts nothing is lost and nothing comes twice", async () => {
    const [first, second] = [new FakeSocket(), new FakeSocket()];
    const { client, heard } = start([first, second]);
    client.watch(0, SPEC);
    await settle();
    first.deliver(events(0, ["z@8", "a@9", "b@9"], { partial: true }));
    first.deliver(events(0, ["c@9"], { partial: true }));
    await settle();
    first.drop();
    await reconnect();
    expect(second.of("watch")[0]?.spec.startRevision).toBe(9);
    second.deliver(events(0, ["a@9", "b@9"], { partial: true }));
    second.deliver(events(0, ["c@9", "d@9"]), events(0, ["a@10"]));
    await settle();
    expect(heard.slice(1)).toEqual([
      "part 0: z@8 a@9 b@9",
      "part 0: c@9",
      "events 0: d@9",
      "events 0: a@10",
    ]);
    client.close();
  });

  test("the end of a revision is told although its last event was passed on", async () => {
    const [first, second] = [new FakeSocket(), new FakeSocket()];
    const { client, heard } = start([first, second]);
    client.watch(0, SPEC);
    await settle();
    first.deliver(events(0, ["a@9"], { partial: true }));
    await settle();
    first.drop();
    await reconnect();
    second.deliver(events(0, ["a@9"]));
    await settle();
    expect(heard.at(-1)).toBe("events 0: ");
    client.close();
  });

  test("a cancellation that was under way is told once, and the watch does not come back", async () => {
    const [first, second] = [new FakeSocket(), new FakeSocket()];
    const { client, heard } = start([first, second]);
    client.watch(0, SPEC);
    await settle();
    first.drop();
    client.cancel(0);
    await reconnect();
    expect(second.of("watch")).toEqual([]);
    expect(heard).toEqual(["created 0@7", "canceled 0@7"]);
    client.close();
  });

  test("a resumption from a compacted revision is told, and the watch is over", async () => {
    const [first, second, third] = [new FakeSocket(), new FakeSocket(), new FakeSocket()];
    const { client, heard } = start([first, second, third]);
    client.watch(0, SPEC);
    await settle();
    first.drop();
    await reconnect();
    const cause = { kind: "compacted", compactRevision: asRevision(50) } as const;
    second.deliver({ kind: "canceled", watch: 0, revision: asRevision(60), cause });
    await settle();
    expect(heard).toEqual(["created 0@7", "canceled 0@60"]);
    second.drop();
    await reconnect();
    expect(third.of("watch")).toEqual([]);
    client.close();
  });

  test("a watch begun while a cancellation is being passed on is asked for once", async () => {
    const [first, second] = [new FakeSocket(), new FakeSocket()];
    const slow = Promise.withResolvers<void>();
    const { client } = start([first, second], async ({ kind }) => {
      if (kind === "canceled") await slow.promise;
    });
    client.watch(0, SPEC);
    await settle();
    first.drop();
    client.cancel(0);
    await reconnect();
    client.watch(1, SPEC);
    slow.resolve();
    await settle();
    expect(second.of("watch")).toHaveLength(1);
    client.close();
  });

  test("connections that fail right after their welcome are tried ever more slowly", async () => {
    const sockets = Array.from({ length: 100 }, () => new FakeSocket());
    const { client, connections } = start(sockets);
    const spoil = setInterval(() => {
      const socket = sockets[connections() - 1];
      if (socket !== undefined && !socket.isClosed) socket.sendBytes(new Uint8Array([99]));
    }, 10);
    await vi.advanceTimersByTimeAsync(20_000);
    clearInterval(spoil);
    expect(connections()).toBeGreaterThan(5);
    expect(connections()).toBeLessThan(30);
    client.close();
  });

  test("malformed bytes end the connection, not the session", async () => {
    const [first, second] = [new FakeSocket(), new FakeSocket()];
    const { client, givenUp } = start([first, second]);
    client.watch(0, SPEC);
    await settle();
    first.sendBytes(new Uint8Array([99]));
    await reconnect();
    expect(first.isClosed).toBe(true);
    expect(second.of("watch")).toHaveLength(1);
    expect(givenUp).toEqual([]);
    client.close();
  });
});
