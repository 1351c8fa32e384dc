// The gateway as the bridge reaches it: what is sent, and what is made of answers that are none. Method: a
// played HTTP server.

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, test } from "vitest";
import { WebSocketServer } from "ws";
import { converseBySocket } from "../../src/bridge/gateway-socket.ts";
import { GatewayUpstream } from "../../src/bridge/gateway-upstream.ts";
import type { CallContext, Message } from "../../src/bridge/upstream.ts";

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

const RANGE = "/etcdserverpb.KV/Range";
const SNAPSHOT = "/etcdserverpb.Maintenance/Snapshot";
const WATCH = "/etcdserverpb.Watch/Watch";

let server: Server;
let upstream: GatewayUpstream;
afterEach(() => {
  upstream.close();
  server.closeAllConnections();
  server.close();
});

async function play(answer: Answer, path = "/", token: string | null = null): Promise<void> {
  server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.on("end", () => answer(request, response, body));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  upstream = new GatewayUpstream({ endpoint: new URL(`http://127.0.0.1:${port}${path}`), token });
}

const contextOf = (said: Partial<CallContext> = {}): CallContext => ({
  token: null,
  authorization: null,
  idempotencyKey: null,
  needsLeader: false,
  timeoutMs: null,
  signal: new AbortController().signal,
  ...said,
});

async function all(messages: AsyncIterable<Message>): Promise<Message[]> {
  const seen: Message[] = [];
  for await (const message of messages) seen.push(message);
  return seen;
}

describe("a call", () => {
  test("is a POST below the cluster's path, with what the client has said", async ({ expect }) => {
    const heard: unknown[] = [];
    await play(
      ({ method, url, headers }, response, body) => {
        heard.push(method, url, body, headers);
        response.end('{"count":"1"}');
      },
      "/c/flags/",
      "deployment",
    );
    const said = {
      token: "t",
      authorization: "Bearer a",
      idempotencyKey: "order-7",
      needsLeader: true,
      timeoutMs: 1_500.2,
    };
    const answer = await upstream.call(RANGE, { key: "YQ==" }, contextOf(said));
    expect(answer).toEqual({ count: "1" });
    expect(heard.slice(0, 3)).toEqual(["POST", "/c/flags/v3/kv/range", '{"key":"YQ=="}']);
    expect(heard[3]).toMatchObject({
      "edgekeeper-token": "deployment",
      "grpc-metadata-token": "t",
      "grpc-metadata-authorization": "Bearer a",
      "idempotency-key": "order-7",
      "grpc-metadata-hasleader": "true",
      "grpc-timeout": "1501m",
    });
  });

  const refusals: readonly [name: string, status: number, body: string, expected: object][] = [
    [
      "the gateway's error is the client's",
      400,
      '{"error":"m","code":11,"message":"etcdserver: mvcc: required revision has been compacted"}',
      { code: 11, message: "etcdserver: mvcc: required revision has been compacted" },
    ],
    ["a page of somebody on the way is no answer", 502, "<html>Bad gateway", { code: 14 }],
    ["nor is JSON of somebody else", 500, '{"code":"x"}', { code: 14 }],
    ["who may not pass is told so", 403, "no", { code: 16 }],
  ];
  test.for(refusals)("%s", async ([, status, body, expected], { expect }) => {
    await play((_request, response) => void response.writeHead(status).end(body));
    await expect(upstream.call(RANGE, {}, contextOf())).rejects.toMatchObject(expected);
  });

  test("to an endpoint that is not there is unavailable", async ({ expect }) => {
    await play(() => {});
    server.close();
    await once(server, "close");
    const call = upstream.call(RANGE, {}, contextOf());
    await expect(call).rejects.toMatchObject({ code: 14, message: /no answer from the endpoint/ });
  });

  test("that is given up is broken off", async ({ expect }) => {
    const over = new AbortController();
    const gone = Promise.withResolvers<void>();
    await play((_request, response) => {
      response.on("close", () => gone.resolve());
      over.abort();
    });
    const call = upstream.call(RANGE, {}, contextOf({ signal: over.signal }));
    await expect(call).rejects.toMatchObject({ code: 14 });
    await gone.promise;
  });
});

describe("an answer that streams", () => {
  test("is cut into lines wherever its chunks end", async ({ expect }) => {
    await play((_request, response) => {
      response.write('{"result":{"blob":"YQ');
      setImmediate(() => {
        response.write('=="}}\n{"result":{"blob":"Yg=="}}\n{"result"');
        setImmediate(() => response.end(':{"blob":"Yw=="}}'));
      });
    });
    const blobs = await all(upstream.stream(SNAPSHOT, {}, contextOf()));
    expect(blobs).toEqual([{ blob: "YQ==" }, { blob: "Yg==" }, { blob: "Yw==" }]);
  });

  test("fails with the error of its last line", async ({ expect }) => {
    await play((_request, response) => {
      response.end('{"result":{}}\n{"error":{"code":15,"message":"lost"}}\n');
    });
    const stream = all(upstream.stream(SNAPSHOT, {}, contextOf()));
    await expect(stream).rejects.toMatchObject({ code: 15, message: "lost" });
  });

  test("that is cut off is unavailable", async ({ expect }) => {
    await play((_request, response) => {
      response.write('{"result":{}}\n');
      setImmediate(() => response.destroy());
    });
    const stream = all(upstream.stream(SNAPSHOT, {}, contextOf()));
    await expect(stream).rejects.toMatchObject({ code: 14 });
  });

  test("by WebSocket: an upgrade that is refused says why", async ({ expect }) => {
    await play(() => {});
    server.on("upgrade", (_request, socket) => {
      const body = '{"code":16,"message":"etcdserver: invalid auth token"}';
      socket.end(`HTTP/1.1 401 Unauthorized\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    });
    const { answers } = upstream.converse(WATCH, contextOf());
    const refused = { code: 16, message: "etcdserver: invalid auth token" };
    await expect(all(answers)).rejects.toMatchObject(refused);
  });
});

describe("a WebSocket whose other end", () => {
  test.for([
    { name: "answers pings stays open", autoPong: true },
    { name: "does not, ends: its watch would look alive for ever", autoPong: false },
  ])("$name", async ({ autoPong }, { expect }) => {
    await play(() => {});
    const sockets = new WebSocketServer({ server, autoPong });
    const { port } = server.address() as AddressInfo;
    const over = new AbortController();
    const options = { signal: over.signal, pingEveryMs: 50 };
    const { lines } = converseBySocket(`ws://127.0.0.1:${port}`, {}, options);
    const ended = lines.next().then(
      () => "ended",
      () => "ended",
    );
    await once(sockets, "connection");
    expect(await Promise.race([ended, sleep(300, "open")])).toBe(autoPong ? "open" : "ended");
    over.abort();
    await ended;
    sockets.close();
  });
});
