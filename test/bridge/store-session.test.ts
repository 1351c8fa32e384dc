// What the bridge knows of its connection with the store, when that is replaced by another: an endpoint
// is played that does not answer when a socket is closed.

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, test } from "vitest";
import { WebSocketServer, type WebSocket } from "ws";
import { encodeSessionAnswer } from "../../src/api/session-answer-codec.ts";
import { decodeReceiverFrames, encodeReplicaFrames } from "../../src/api/session-codec.ts";
import type { SessionAnswer } from "../../src/api/session-call.ts";
import type { ReplicaFrame } from "../../src/api/session.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { asMemberId, asTerm } from "../../src/base/types.ts";
import { StoreSession } from "../../src/bridge/store-session.ts";
import { DONE, header } from "../support/played-socket.ts";
import { put } from "../support/requests.ts";

const MOVED: SessionAnswer = { kind: "redirect", leader: asMemberId(3n), term: asTerm(4) };
const WELCOME: ReplicaFrame = { kind: "welcome", version: 2, ...header() };

/** The first connection no longer leads, and is not heard of again; the next ones serve. */
class PlayedEndpoint {
  readonly server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  readonly sockets: WebSocket[] = [];

  constructor() {
    this.server.on("connection", (socket) => {
      const isFirst = this.sockets.push(socket) === 1;
      socket.on("message", (data, isBinary) => {
        if (!isBinary) return;
        for (const frame of decodeReceiverFrames(new Uint8Array(data as Buffer))) {
          if (frame.kind === "hello") socket.send(encodeReplicaFrames([WELCOME]));
          if (frame.kind !== "request") continue;
          const body = encodeSessionAnswer(isFirst ? MOVED : DONE);
          socket.send(encodeReplicaFrames([{ kind: "answer", request: frame.request, body }]));
          if (isFirst) socket.pause();
        }
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  stop(): void {
    for (const socket of this.sockets) socket.terminate();
    this.server.close();
  }
}

describe("a session with the store", () => {
  let endpoint: PlayedEndpoint;
  let session: StoreSession;
  let failures: string[];
  beforeEach(async () => {
    endpoint = new PlayedEndpoint();
    failures = [];
    await once(endpoint.server, "listening");
    session = new StoreSession({
      url: endpoint.url,
      headers: {},
      isPatient: false,
      onFailed: ({ message }) => failures.push(message),
    });
  });
  afterEach(() => {
    session.close();
    endpoint.stop();
  });

  test("is not down because of the end of a connection that was replaced", async ({ expect }) => {
    const answered = session.ask(put(encodeUtf8("a"), encodeUtf8("1")), { timeoutMs: 5_000 });
    expect((await answered).result.kind).toBe("put");
    expect(endpoint.sockets).toHaveLength(2);
    expect(session.downSince).toBe(null);
    const [first] = endpoint.sockets;
    const closed = once(first!, "close");
    first!.resume();
    await closed;
    // The end has come to both sides by the time that another request has been there and back.
    await session.ask(put(encodeUtf8("a"), encodeUtf8("2")), { timeoutMs: 5_000 });
    expect(session.downSince).toBe(null);
    expect(failures).toEqual([]);
  });
});
