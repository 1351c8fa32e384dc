// The doors of a running server, where the platform's own sockets and streams take part.

import { once } from "node:events";
import { afterAll, beforeAll, describe, test } from "vitest";
import { ETCD_EXCHANGES } from "../support/etcd-exchanges.ts";
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

/** The lines of an answer, as many as are wanted: a watch would go on for ever. */
async function linesOf(path: string, body: string, count: number): Promise<string[]> {
  const over = new AbortController();
  const init = { method: "POST", body, signal: over.signal };
  const response = await fetch(`${server.url}${path}`, init);
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (path.endsWith("/watch") && text.split("\n").length > count) break;
  }
  over.abort();
  return text.trimEnd().split("\n");
}

/** Without what differs from cluster to cluster, from moment to moment, and what we say besides. */
function comparable(line: string): unknown {
  const bare = JSON.parse(line, function (this: object, name: string, value: unknown) {
    if (["cluster_id", "member_id", "raft_term"].includes(name)) return undefined;
    if (name === "error" && "message" in this) return undefined;
    return name === "TTL" && /^(5\d|60)$/.test(String(value)) ? "59" : value;
  });
  return bare;
}

describe("a conversation as etcd's", () => {
  test("answer by answer", async ({ expect }) => {
    await fetch(`${server.url}/v1/clusters/conversation`, { method: "PUT" });
    for (const [path, body, expected] of ETCD_EXCHANGES) {
      const lines = await linesOf(`/c/conversation${path}`, body, expected.length);
      const asked = `${path} ${body}`;
      expect([asked, ...lines.map((line) => comparable(line))]).toEqual([
        asked,
        ...expected.map((line) => comparable(line)),
      ]);
    }
  });
});

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

  test("takes a document of several frames", async ({ expect }) => {
    const document = create("ws-d");
    const answers = await converse("/v3/watch", [document.slice(0, 18), document.slice(18)], 1);
    expect(answers).toMatchObject([{ result: { created: true } }]);
  });

  test("takes unary calls, and whatever else there is below /v3", async ({ expect }) => {
    const [put] = await converse("/v3/kv/put", [`{"key":"${base64("ws-e")}"}`], 1);
    const { header } = put as { header: { revision: string } };
    const [range] = await converse("/v3/kv/range", [`{"key":"${base64("ws-e")}"}`], 1);
    expect(range).toMatchObject({ kvs: [{ mod_revision: header.revision }], count: "1" });
    expect(await converse("/v3/nope", ["{}"], 1)).toMatchObject([{ code: 5 }]);
    expect(await converse("/v3/kv/range", ["{bad"], 1)).toMatchObject([{ code: 3 }]);
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
