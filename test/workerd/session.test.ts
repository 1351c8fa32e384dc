// A replica's sessions on real sockets: what the receiver sees of the platform's part in it.

import { beforeAll, describe, test } from "vitest";
import { decodeReplicaFrames, encodeReceiverFrames } from "../../src/api/session-codec.ts";
import {
  CLOSE_PROTOCOL,
  CLOSE_RESUME,
  SESSION_PING,
  SESSION_PONG,
  type ReceiverFrame,
  type ReplicaFrame,
} from "../../src/api/session.ts";
import { EMPTY, encodeUtf8 } from "../../src/base/bytes.ts";
import { ask, createCluster, leaderOf, put, REGIONS, replica } from "./cluster.ts";

const CLUSTER = "sessions";

/** One end of a session, as the router holds it. */
class Receiver {
  readonly frames: ReplicaFrame[] = [];
  readonly texts: string[] = [];
  readonly closed = Promise.withResolvers<number>();
  readonly #socket: WebSocket;
  #onFrame = (): void => {};

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.accept();
    socket.addEventListener("message", ({ data }) => {
      if (typeof data === "string") this.texts.push(data);
      else this.frames.push(...decodeReplicaFrames(new Uint8Array(data as ArrayBuffer)));
      this.#onFrame();
    });
    socket.addEventListener("close", ({ code }) => this.closed.resolve(code));
  }

  send(...frames: ReceiverFrame[]): void {
    this.#socket.send(encodeReceiverFrames(frames));
  }

  sendRaw(data: string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(data);
  }

  /** Resolves once `condition` holds. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#onFrame = resolve;
      });
    }
  }

  close(): void {
    this.#socket.close(1000);
  }
}

async function connect(region: string): Promise<Receiver> {
  const response = await replica(CLUSTER, region).fetch("https://replica/session", {
    headers: { Upgrade: "websocket" },
  });
  if (response.webSocket === null) throw new Error(`no session: ${response.status}`);
  return new Receiver(response.webSocket);
}

const watch = (id: number, key: string, startRevision = 0): ReceiverFrame => ({
  kind: "watch",
  watch: id,
  spec: {
    key: encodeUtf8(key),
    rangeEnd: EMPTY,
    startRevision,
    prevKv: false,
    progressNotify: false,
    noPut: false,
    noDelete: false,
  },
});

const eventsOf = (receiver: Receiver): string[] =>
  receiver.frames.flatMap((frame) =>
    frame.kind === "delivery" && frame.delivery.kind === "events"
      ? frame.delivery.events.map(({ kv }) => new TextDecoder().decode(kv.value))
      : [],
  );

describe("a session", () => {
  beforeAll(async () => {
    await createCluster(CLUSTER);
  });

  test("is served by any replica, and hears of every put", async ({ expect }) => {
    const receivers = await Promise.all(REGIONS.map(connect));
    for (const receiver of receivers) receiver.send({ kind: "hello", version: 1 }, watch(0, "a"));
    for (const receiver of receivers) await receiver.until(() => receiver.frames.length >= 2);
    for (const value of ["1", "2", "3"]) await ask(CLUSTER, put("a", value));
    for (const receiver of receivers) {
      await receiver.until(() => eventsOf(receiver).length >= 3);
      expect(eventsOf(receiver)).toEqual(["1", "2", "3"]);
      receiver.close();
    }
  });

  test("answers pings by the platform", async ({ expect }) => {
    const receiver = await connect(await leaderOf(CLUSTER));
    receiver.sendRaw(SESSION_PING);
    await receiver.until(() => receiver.texts.length > 0);
    expect(receiver.texts).toEqual([SESSION_PONG]);
    receiver.close();
  });

  test("ends when its receiver breaks the protocol", async ({ expect }) => {
    const receiver = await connect(await leaderOf(CLUSTER));
    receiver.sendRaw(new Uint8Array([255, 255, 255]));
    expect(await receiver.closed.promise).toBe(CLOSE_PROTOCOL);
  });

  test("falls silent while its replica is isolated, and must resume when it is healed", async ({
    expect,
  }) => {
    const leader = await leaderOf(CLUSTER);
    const follower = REGIONS.find((region) => region !== leader)!;
    const receiver = await connect(follower);
    receiver.send({ kind: "hello", version: 1 }, watch(0, "b"));
    await receiver.until(() => receiver.frames.length >= 2);
    await replica(CLUSTER, follower).lab("isolate");
    receiver.sendRaw(SESSION_PING);
    await ask(CLUSTER, put("b", "unheard"));
    await replica(CLUSTER, follower).lab("heal");
    expect(await receiver.closed.promise).toBe(CLOSE_RESUME);
    expect([eventsOf(receiver), receiver.texts]).toEqual([[], []]);

    const resumed = await connect(leader);
    resumed.send({ kind: "hello", version: 1 }, watch(0, "b", 2));
    await resumed.until(() => eventsOf(resumed).length > 0);
    expect(eventsOf(resumed)).toEqual(["unheard"]);
    resumed.close();
  });
});
