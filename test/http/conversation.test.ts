// How the router takes the frames of a client's WebSocket, and what it does with a client that does
// not read. What is expected of framing was seen on a running etcd 3.5.16.

import { describe, expect, test } from "vitest";
import { GATEWAY_ERRORS, malformed } from "../../src/api/error.ts";
import {
  SOCKET_FRAMES_WAITING_MAX,
  SOCKET_UNHEARD_CHARACTERS_MAX,
  SOCKET_WAITING_CHARACTERS_MAX,
} from "../../src/base/limits.ts";
import { converseBySocket, type Conversation } from "../../src/http/conversation.ts";
import { SocketLines } from "../../src/http/line-sink.ts";
import { RequestError } from "../../src/http/response.ts";
import { SocketCall } from "../../src/http/socket-call.ts";
import { appTo, led } from "./support/app.ts";
import { ClientSocket } from "./support/client-socket.ts";
import { settle } from "./support/fake-session.ts";

function listening(receive: (document: string) => Promise<boolean> = async () => true) {
  const socket = new ClientSocket();
  const heard: string[] = [];
  const conversation: Conversation & { isClosed: boolean } = {
    isClosed: false,
    receive: (document) => {
      heard.push(document.trim());
      return receive(document);
    },
    inputEnded: async () => undefined,
    close: () => {
      conversation.isClosed = true;
    },
  };
  converseBySocket(socket, new SocketLines(socket), conversation);
  return { socket, heard, conversation };
}

describe("frames", () => {
  test.for<readonly [readonly (string | ArrayBuffer)[], readonly string[]]>([
    [['{"a":1}'], ['{"a":1}']],
    [
      ['{"a":1}{"b":2}', '{"c":3}'],
      ['{"a":1}', '{"b":2}', '{"c":3}'],
    ],
    [['{"a":', "1}"], ['{"a":\n1}']],
    [
      ['{"a"', ":1}{", "}"],
      ['{"a"\n:1}', "{\n}"],
    ],
    [["", "  "], []],
    [
      ["xx", "{}"],
      ["xx", "{}"],
    ],
    [["{bad"], ["{bad"]],
    [[new TextEncoder().encode('{"a":1}').buffer], ['{"a":1}']],
  ])("%j are the documents %j", async ([frames, documents]) => {
    const { socket, heard } = listening();
    for (const frame of frames) socket.say(frame);
    await settle();
    expect(heard).toEqual(documents);
  });

  test("are taken one at a time, and none after the last that is wanted", async () => {
    const first = Promise.withResolvers<boolean>();
    const { socket, heard } = listening(() => first.promise);
    socket.say("{}");
    socket.say("[]");
    await settle();
    expect(heard).toEqual(["{}"]);
    first.resolve(false);
    await settle();
    expect(heard).toEqual(["{}"]);
  });

  test("what is no text is refused", async () => {
    const { socket, conversation } = listening();
    socket.say(new Uint8Array([0xff]).buffer);
    await settle();
    expect(socket.frames).toEqual([expect.stringContaining("invalid UTF-8")]);
    expect(conversation.isClosed).toBe(true);
  });

  test("an error of a document ends the socket with it", async () => {
    const { socket } = listening(() => Promise.reject(new RequestError(malformed("bad"))));
    socket.say("{}");
    await socket.closed;
    expect(JSON.parse(socket.frames[0]!)).toMatchObject({ error: { code: 3, message: "bad" } });
  });

  test.for([
    ["many", SOCKET_FRAMES_WAITING_MAX, "{}"],
    ["large", 1, "x".repeat(SOCKET_WAITING_CHARACTERS_MAX)],
  ] as const)("too %s frames that wait end the socket", async ([, count, frame]) => {
    const { socket, conversation } = listening(() => Promise.withResolvers<never>().promise);
    for (let sent = 0; sent < count; sent++) socket.say(frame);
    expect(socket.closedWith).toBeNull();
    socket.say("{}");
    await socket.closed;
    expect(JSON.parse(socket.frames[0]!)).toMatchObject({
      error: { code: 8, message: GATEWAY_ERRORS.overloaded.message },
    });
    expect(conversation.isClosed).toBe(true);
  });

  test("the conversation ends when the client goes", () => {
    const { socket, conversation } = listening();
    socket.leave();
    expect(conversation.isClosed).toBe(true);
  });
});

describe("a client that is silent", () => {
  const half = `${"x".repeat(SOCKET_UNHEARD_CHARACTERS_MAX / 2)}\n`;

  test("is sent a bounded amount, then told to resume", async () => {
    const socket = new ClientSocket();
    const sink = new SocketLines(socket);
    await sink.write(half);
    await sink.write(half);
    await expect(sink.write("x\n")).rejects.toThrow("silent");
    expect(socket.frames).toHaveLength(3);
    expect(JSON.parse(socket.frames[2]!)).toMatchObject({
      error: { code: 8, message: GATEWAY_ERRORS.socketUnheard.message },
    });
    expect(socket.closedWith).toBe(1000);
  });

  test("is no longer silent once it says anything", async () => {
    const socket = new ClientSocket();
    const sink = new SocketLines(socket);
    converseBySocket(socket, sink, {
      receive: async () => true,
      inputEnded: async () => undefined,
      close: () => undefined,
    });
    for (let line = 0; line < 5; line++) {
      await sink.write(half);
      socket.say("{}");
    }
    expect(socket.closedWith).toBeNull();
  });

  test("gets one line of any size", async () => {
    const socket = new ClientSocket();
    await new SocketLines(socket).write(half + half + half);
    expect(socket.closedWith).toBeNull();
  });
});

describe("a call over a WebSocket", () => {
  async function call(
    path: string,
    frames: readonly string[],
    headers: Record<string, string> = {},
  ) {
    const { app } = appTo(led());
    const socket = new ClientSocket();
    const sink = new SocketLines(socket);
    const upgrade = { url: `http://127.0.0.1:8787${path}`, headers: new Headers(headers) };
    converseBySocket(socket, sink, new SocketCall(app.fetch, upgrade, sink));
    for (const frame of frames) socket.say(frame);
    await socket.closed;
    return socket.frames.map((frame) => JSON.parse(frame));
  }

  test("is answered as by POST, once, and then the socket ends", async () => {
    const frames = ['{"key":"aw=="}', '{"key":"aw=="}'];
    expect(await call("/v3/kv/range", frames)).toEqual([
      { header: { cluster_id: "9", member_id: "1", revision: "7", raft_term: "1" } },
    ]);
  });

  test.for([
    ["/v3/kv/range", "{bad", 3, "invalid character 'b' looking for beginning of object key string"],
    ["/v3/nope", "{}", 5, "Not Found"],
    ["/v3/kv/range/", "{}", 5, "Not Found"],
  ] as const)("%s with %s is answered with the error", async ([path, frame, code, message]) => {
    expect(await call(path, [frame])).toMatchObject([{ code, message }]);
  });

  test("has the headers of its upgrade, but for those of the socket", async () => {
    const headers = { "Grpc-Timeout": "1n", Upgrade: "websocket" };
    expect(await call("/v3/kv/range", ["{}"], headers)).toMatchObject([{ code: 4 }]);
  });

  test("passes on each line of a longer answer as a frame", async () => {
    const socket = new ClientSocket();
    const sink = new SocketLines(socket);
    const body = '{"result":1}\n{"result":2}\n';
    const upgrade = { url: "http://127.0.0.1/v3/x", headers: new Headers() };
    const answer = new SocketCall(() => new Response(body), upgrade, sink);
    expect(await answer.receive("{}")).toBe(false);
    expect(socket.frames).toEqual(['{"result":1}', '{"result":2}']);
  });
});
