// The doors of a running server, where the platform's own sockets and streams take part.

import { once } from "node:events";
import { afterAll, beforeAll, describe, test } from "vitest";
import { startServer, type Server } from "../support/server.ts";

let server: Server;

beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
});

const post = (path: string, body: string | Uint8Array<ArrayBuffer>): Promise<Response> =>
  fetch(`${server.url}${path}`, { method: "POST", body });

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** Sends frames on a WebSocket and returns the first `count` answers. */
async function converse(
  path: string,
  frames: readonly (string | Uint8Array<ArrayBuffer>)[],
  count: number,
): Promise<unknown[]> {
  const socket = new WebSocket(`${server.url.replace("http", "ws")}${path}`);
  const answers: unknown[] = [];
  const enough = Promise.withResolvers<void>();
  socket.addEventListener("message", ({ data }) => {
    answers.push(JSON.parse(data as string));
    if (answers.length === count) enough.resolve();
  });
  await once(socket, "open");
  for (const frame of frames) socket.send(frame);
  await enough.promise;
  socket.close();
  return answers;
}

describe("the WebSocket door", () => {
  const create = (key: string): string =>
    JSON.stringify({ create_request: { key: base64(key), start_revision: 1 } });

  test("takes several documents of one frame", async ({ expect }) => {
    const answers = await converse("/v3/watch", [create("ws-a") + create("ws-b")], 2);
    expect(answers).toMatchObject([
      { result: { created: true } },
      { result: { created: true, watch_id: "1" } },
    ]);
  });

  test("takes a frame of bytes", async ({ expect }) => {
    const answers = await converse("/v3/watch", [Buffer.from(create("ws-c"))], 1);
    expect(answers).toMatchObject([{ result: { created: true } }]);
  });

  test("answers each keepalive of a frame", async ({ expect }) => {
    await post("/v3/lease/grant", '{"ID":551,"TTL":60}');
    const answers = await converse("/v3/lease/keepalive", ['{"ID":551}{"ID":552}'], 2);
    expect(answers).toMatchObject([
      { result: { ID: "551", TTL: "60" } },
      { result: { ID: "552" } },
    ]);
  });
});

describe("bodies", () => {
  test("that are not UTF-8 are refused and change nothing", async ({ expect }) => {
    const body = Buffer.concat([
      Buffer.from(`{"key":"${base64("utf8")}","value":"YQ==","x":"`),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"}'),
    ]);
    const half = Buffer.from(`{"key":"${base64("utf8")}","x":"\\ud800"}`);
    for (const [bad, why] of [
      [body, "invalid UTF-8"],
      [half, "unexpected EOF"],
    ] as const) {
      const response = await post("/v3/kv/put", bad);
      expect(response.status).toBe(400);
      expect(await response.text()).toContain(why);
    }
    expect((await fetch(`${server.url}/v1/kv/utf8`)).status).toBe(404);
  });

  test("of 1.4 MB are stored by the plain API and given back", async ({ expect }) => {
    const value = new Uint8Array(1_400_000).fill(7);
    const url = `${server.url}/v1/kv/large`;
    expect((await fetch(url, { method: "PUT", body: value })).status).toBe(201);
    expect((await (await fetch(url)).arrayBuffer()).byteLength).toBe(value.length);
  });
});

describe("a watch by HEAD", () => {
  test("ends at once", async ({ expect }) => {
    const response = await fetch(`${server.url}/v1/kv/headk?watch`, { method: "HEAD" });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("");
  });
});
