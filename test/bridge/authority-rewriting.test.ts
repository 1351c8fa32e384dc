// Goal: whatever a client says in `:authority`, its calls arrive, and what it said is known. Method: Node's own
// client of HTTP/2, which sends anything, before Node's own server, which does not take anything, with
// the rewriting between them.

import { once } from "node:events";
import { connect, createServer as createHttp2Server, type ClientHttp2Session } from "node:http2";
import { createServer, type AddressInfo, type Server } from "node:net";
import { afterAll, beforeAll, test } from "vitest";
import {
  asSaid,
  AuthorityRewriter,
  withTakenAuthority,
} from "../../src/bridge/authority-rewriting.ts";

let listener: Server;
let session: ClientHttp2Session;

beforeAll(async () => {
  const http2 = createHttp2Server((request, response) => {
    const authority = asSaid(request.headers[":authority"] ?? "");
    request
      .resume()
      .on("end", () => response.end(`${authority} ${String(request.headers["x-more"])}`));
  });
  listener = createServer({ noDelay: true }, (socket) =>
    http2.emit("connection", withTakenAuthority(socket)),
  );
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  session = connect(`http://127.0.0.1:${(listener.address() as AddressInfo).port}`);
  session.on("error", () => {});
});
afterAll(() => {
  session.destroy();
  listener.close();
});

async function ask(authority: string, more: string, body = "x"): Promise<string> {
  const request = session.request({
    ":authority": authority,
    ":method": "POST",
    ":path": `/${more}`,
    "x-more": more,
  });
  request.end(body);
  let answer = "";
  for await (const chunk of request.setEncoding("utf8")) answer += chunk as string;
  return answer;
}

const AUTHORITIES = [
  "127.0.0.1:2379",
  "etcd.internal",
  "[::1]:2379",
  "http://127.0.0.1:2379",
  "https://etcd-0.etcd.svc.cluster.local:2379/",
  "#initially=[http://a:1;http://b:2]",
  "#initially=[127.0.0.1:2379]",
  "unix:///run/etcd.sock",
  `http://${"long".repeat(20)}:2379`,
];

// On one connection, which has a table of headers: again and again, and with others in between.
test.for([...AUTHORITIES, ...AUTHORITIES])("%s arrives", async (authority, { expect }) => {
  expect(await ask(authority, authority.slice(0, 9))).toBe(`${authority} ${authority.slice(0, 9)}`);
});

test("so it does while other headers push it out of the table", async ({ expect }) => {
  for (let n = 0; n < 60; n++) {
    const more = `${n}-${"filling".repeat(30)}`;
    expect(await ask("http://127.0.0.1:2379", more, "y".repeat(n * 1_000))).toBe(
      `http://127.0.0.1:2379 ${more}`,
    );
  }
});

test("bytes that come one by one are given on the same", ({ expect }) => {
  const head = (type: number, length: number): Buffer =>
    Buffer.from([0, 0, length, type, 4, 0, 0, 0, 1]);
  const value = Buffer.from("http://a:1");
  const headers = Buffer.from([0x83, 0x41, value.length, ...value, 0x86]);
  const bytes = Buffer.concat([
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    head(4, 0),
    head(1, headers.length),
    headers,
    head(0, 3),
    Buffer.from("a/#"),
    head(1, 2),
    Buffer.from([0x41, 0x7f]),
  ]);
  const rewriter = new AuthorityRewriter();
  const one = Buffer.concat(rewriter.take(bytes)).toString("latin1");
  expect(one).toBe(bytes.toString("latin1").replace("http://a:1", "http:!!a:1"));
  const slowly = new AuthorityRewriter();
  const parts = [...bytes].flatMap((byte) => slowly.take(Buffer.from([byte])));
  expect(Buffer.concat(parts).toString("latin1")).toBe(one);
});
