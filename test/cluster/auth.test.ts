// Users and roles from the first call to the last, through every door, against a whole server. What is
// answered is what etcd 3.5.16 answered to the same script, without headers; where 3.7 differs, or we
// do on purpose, the line says so.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startServer, type Server } from "../support/server.ts";

let server: Server;
beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
});

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const PATIENCE_MS = 20_000;

/** Tokens by the name of their user, as they are issued. */
const tokens = new Map<string, string>();
const shownBy = (who: string | null): Record<string, string> =>
  who === null ? {} : { Authorization: tokens.get(who) ?? who };

const send = (method: string, path: string, who: string | null, body?: string) =>
  fetch(server.url + path, {
    method,
    headers: shownBy(who),
    body: body ?? null,
    signal: AbortSignal.timeout(PATIENCE_MS),
  });

/** An answer without its header; a refusal as its code and message. */
async function call(who: string | null, path: string, body: object): Promise<object> {
  const response = await send("POST", `/v3/${path}`, who, JSON.stringify(body));
  const { header: _, error: __, ...rest } = (await response.json()) as Record<string, unknown>;
  return response.ok ? rest : [response.status, rest["code"], rest["message"]];
}

type Line = readonly [who: string | null, path: string, body: object, answer: object];

const USER_NOT_FOUND = [400, 9, "etcdserver: user name not found"];
const ROLE_NOT_FOUND = [400, 9, "etcdserver: role name not found"];
const MANAGEMENT = [400, 3, "etcdserver: invalid auth management"];
const NOBODY = [400, 3, "etcdserver: user name is empty"];
const BAD_TOKEN = [401, 16, "etcdserver: invalid auth token"];
const DENIED = [403, 7, "etcdserver: permission denied"];
const FAILED = [400, 3, "etcdserver: authentication failed, invalid user ID or password"];
const NOT_ENABLED = [400, 9, "etcdserver: authentication is not enabled"];

const BEFORE: readonly Line[] = [
  [null, "auth/status", {}, { authRevision: "1" }],
  [null, "auth/enable", {}, [400, 9, "etcdserver: root user does not exist"]],
  [null, "auth/disable", {}, {}],
  [null, "auth/authenticate", { name: "root", password: "x" }, NOT_ENABLED],
  [null, "auth/user/add", {}, NOBODY],
  [null, "auth/user/add", { name: "ann" }, {}],
  [null, "auth/user/add", { name: "ann" }, [400, 9, "etcdserver: user name already exists"]],
  [null, "auth/user/add", { name: "nop", options: { no_password: true } }, {}],
  [
    null,
    "auth/user/add",
    { name: "long", password: "x".repeat(73) },
    [500, 2, "bcrypt: password length exceeds 72 bytes"],
  ],
  [null, "auth/user/changepw", { name: "nobody", password: "x" }, USER_NOT_FOUND],
  [null, "auth/user/changepw", { name: "ann", password: "of ann" }, {}],
  [null, "auth/user/get", {}, USER_NOT_FOUND],
  [null, "auth/user/get", { name: "ann" }, {}],
  [null, "auth/user/list", {}, { users: ["ann", "nop"] }],
  [null, "auth/user/delete", { name: "nobody" }, USER_NOT_FOUND],
  [null, "auth/user/grant", { user: "ann", role: "nope" }, ROLE_NOT_FOUND],
  [null, "auth/user/grant", { name: "ann", role: "root" }, USER_NOT_FOUND],
  [
    null,
    "auth/user/revoke",
    { name: "ann", role: "nope" },
    [400, 9, "etcdserver: role is not granted to the user"],
  ],
  [null, "auth/user/revoke", { user: "ann", role: "nope" }, USER_NOT_FOUND],
  [null, "auth/role/add", { role: "r" }, [400, 3, "etcdserver: role name is empty"]],
  [null, "auth/role/add", { name: "r" }, {}],
  [null, "auth/role/add", { name: "r" }, [400, 9, "etcdserver: role name already exists"]],
  [null, "auth/role/grant", { name: "r" }, [400, 3, "etcdserver: permission not given"]],
  [null, "auth/role/grant", { name: "nope", perm: {} }, MANAGEMENT],
  [null, "auth/role/grant", { name: "root", perm: { key: base64("z") } }, ROLE_NOT_FOUND],
  [
    null,
    "auth/role/grant",
    { name: "r", perm: { permType: "WRITE", key: base64("z"), range_end: base64("a") } },
    MANAGEMENT,
  ],
  [
    null,
    "auth/role/grant",
    { name: "r", perm: { permType: "READ", key: base64("a"), range_end: base64("b") } },
    {},
  ],
  [
    null,
    "auth/role/grant",
    { name: "r", perm: { permType: 1, key: base64("c"), rangeEnd: base64("d") } },
    {},
  ],
  [null, "auth/role/grant", { name: "r", perm: { permType: "READWRITE", key: base64("e") } }, {}],
  [
    null,
    "auth/role/get",
    { role: "r" },
    {
      perm: [
        { key: base64("a"), range_end: base64("b") },
        { permType: "WRITE", key: base64("c"), range_end: base64("d") },
        { permType: "READWRITE", key: base64("e") },
      ],
    },
  ],
  [null, "auth/role/get", { role: "root" }, ROLE_NOT_FOUND],
  [null, "auth/role/list", {}, { roles: ["r"] }],
  [
    null,
    "auth/role/revoke",
    { role: "r", key: base64("q") },
    [400, 9, "etcdserver: permission is not granted to the role"],
  ],
  [null, "auth/role/revoke", { role: "r", key: base64("c"), rangeEnd: base64("d") }, {}],
  [null, "auth/role/delete", {}, ROLE_NOT_FOUND],
  [null, "auth/user/add", { name: "root", password: "of root" }, {}],
  [null, "auth/enable", {}, [400, 9, "etcdserver: root user does not have root role"]],
  [null, "auth/user/grant", { user: "root", role: "root" }, {}],
  [null, "auth/user/grant", { user: "ann", role: "r" }, {}],
  [null, "auth/user/grant", { user: "ann", role: "r" }, {}],
  [null, "auth/status", {}, { authRevision: "12" }],
  [null, "auth/enable", {}, {}],
];

const put = (key: string, value = ""): object => ({ key: base64(key), value: base64(value) });

const IN_FORCE: readonly Line[] = [
  // Open to all from 3.7 on.
  [null, "auth/status", {}, { enabled: true, authRevision: "12" }],
  [null, "auth/enable", {}, NOBODY],
  [null, "kv/put", put("e"), NOBODY],
  ["nonsense", "kv/put", put("e"), BAD_TOKEN],
  ["Bearer nonsense", "kv/put", put("e"), BAD_TOKEN],
  [null, "auth/authenticate", { name: "", password: "" }, FAILED],
  [null, "auth/authenticate", { name: "nobody", password: "x" }, FAILED],
  [null, "auth/authenticate", { name: "root", password: "wrong" }, FAILED],
  [null, "auth/authenticate", { name: "ann" }, FAILED],
  [
    null,
    "auth/authenticate",
    { name: "nop", password: "x" },
    [500, 2, "auth: authentication failed, password was given for no password user"],
  ],
  ["root", "auth/enable", {}, {}],
  ["root", "auth/user/delete", { name: "root" }, MANAGEMENT],
  ["root", "auth/role/delete", { role: "root" }, MANAGEMENT],
  ["root", "auth/user/revoke", { name: "root", role: "root" }, MANAGEMENT],
  ["ann", "kv/put", put("e", "1"), {}],
  ["ann", "kv/put", put("x", "1"), DENIED],
  ["ann", "kv/range", { key: base64("ab") }, {}],
  ["ann", "kv/range", { key: base64("a"), range_end: base64("c") }, DENIED],
  [
    "ann",
    "kv/txn",
    {
      compare: [{ key: base64("e"), target: "VALUE", value: base64("1") }],
      success: [{ request_put: put("e", "2") }],
    },
    { succeeded: true, responses: [{ response_put: { header: { revision: "3" } } }] },
  ],
  [
    "ann",
    "kv/txn",
    { success: [{ request_put: put("e") }], failure: [{ request_put: put("x") }] },
    DENIED,
  ],
  [
    "ann",
    "kv/txn",
    { success: [{ request_txn: { failure: [{ request_put: put("x") }] } }] },
    DENIED,
  ],
  ["ann", "auth/user/list", {}, DENIED],
  ["ann", "auth/user/get", { name: "ann" }, { roles: ["r"] }],
  ["ann", "auth/user/get", { name: "root" }, DENIED],
  ["ann", "auth/role/get", { role: "root" }, DENIED],
  ["ann", "kv/compaction", { revision: 2 }, DENIED],
  [null, "lease/grant", { TTL: 60 }, NOBODY],
  [null, "cluster/member/list", {}, NOBODY],
  [null, "maintenance/transfer-leadership", { targetID: "5" }, NOBODY],
  ["ann", "maintenance/transfer-leadership", { targetID: "5" }, DENIED],
];

describe("the script", () => {
  test.for(BEFORE)("%s: %s %j", async ([who, path, body, answer]) => {
    expect(await call(who, path, body)).toEqual(answer);
  });

  test.for(["root", "ann"])("%s authenticates", async (name) => {
    const answer = await call(null, "auth/authenticate", { name, password: `of ${name}` });
    expect(answer).toEqual({ token: expect.stringMatching(/^[A-Za-z]{16}\.\d+$/) });
    tokens.set(name, (answer as { token: string }).token);
  });

  test.for(IN_FORCE)("in force, %s: %s %j", async ([who, path, body, answer]) => {
    expect(await call(who, path, body)).toEqual(answer);
  });
});

/** The first line of a watch on `body`'s range, without its header. */
async function firstLine(who: string | null, range: object): Promise<unknown> {
  const response = await send("POST", "/v3/watch", who, JSON.stringify({ create_request: range }));
  const reader = response.body!.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  const { result } = JSON.parse(Buffer.from(value).toString()) as { result: { header: object } };
  const { header: _, ...rest } = result;
  return rest;
}

describe("watches", () => {
  const refused = (reason: string): object => ({
    watch_id: "-1",
    created: true,
    canceled: true,
    cancel_reason: `rpc error: code = ${reason}`,
  });
  const denied = refused("PermissionDenied desc = etcdserver: permission denied");

  test.for([
    ["ann", { key: base64("ab") }, { created: true }],
    ["ann", { key: base64("x") }, denied],
    ["ann", { key: base64("a"), range_end: base64("c") }, denied],
    ["ann", { key: base64("b"), range_end: base64("a") }, denied],
    // 3.5.16 lets this pass.
    ["ann", { key: base64("a"), range_end: base64("\0") }, denied],
    [
      "nonsense",
      { key: base64("x") },
      refused("Unauthenticated desc = etcdserver: invalid auth token"),
    ],
    [null, { key: base64("x") }, refused("InvalidArgument desc = etcdserver: user name is empty")],
  ] as const)("%s, %j", async ([who, range, line]) => {
    expect(await firstLine(who, range)).toEqual(line);
  });

  test("one that was let in hears what it watches", async () => {
    const body = JSON.stringify({ create_request: { key: base64("e") } });
    const response = await send("POST", "/v3/watch", "ann", body);
    const reader = response.body!.getReader();
    await reader.read();
    await call("root", "kv/put", put("e", "heard"));
    const { value } = await reader.read();
    expect(Buffer.from(value).toString()).toContain(base64("heard"));
    await reader.cancel();
  });

  test.for([
    ["ann", "e", ": watching"],
    ["ann", "x", "rpc error: code = PermissionDenied"],
    [null, "e", "rpc error: code = InvalidArgument"],
  ] as const)("by server-sent events: %s, %s", async ([who, key, text]) => {
    const response = await send("GET", `/v1/kv/${key}?watch&from=1`, who);
    const reader = response.body!.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    expect(Buffer.from(value).toString()).toContain(text);
  });

  test.for([
    ["watch", (key: string) => ({ create_request: { key: base64(key) } }), '"created":true}'],
    ["kv/range", (key: string) => ({ key: base64(key) }), '"count":"1"}'],
  ] as const)(
    "%s by WebSocket, with the token among the subprotocols",
    async ([path, bodyOf, answer]) => {
      const url = `${server.url.replace("http", "ws")}/v3/${path}`;
      const heardBy = async (protocols: string[], key: string): Promise<string> => {
        const socket = new WebSocket(url, protocols);
        const heard = new Promise<string>((resolve, reject) => {
          socket.addEventListener("message", ({ data }) => resolve(String(data)));
          socket.addEventListener("error", () => reject(new Error("the socket failed")));
        });
        const opened = Promise.withResolvers<unknown>();
        socket.addEventListener("open", opened.resolve);
        await Promise.race([opened.promise, heard]);
        socket.send(JSON.stringify(bodyOf(key)));
        const line = await heard;
        socket.close();
        return line;
      };
      const offer = ["Bearer", tokens.get("ann")!];
      expect(await heardBy(offer, "e")).toContain(answer);
      expect(await heardBy(offer, "x")).toContain("etcdserver: permission denied");
      expect(await heardBy([], "e")).toContain("etcdserver: user name is empty");
    },
  );
});

describe("the plain API, and what is about the cluster", () => {
  test.for([
    ["GET", "/v1/kv/e", "ann", 200],
    ["GET", "/v1/kv/e", "Bearer", 401],
    ["GET", "/v1/kv/x", "ann", 403],
    ["GET", "/v1/kv/a?prefix", "ann", 200],
    ["GET", "/v1/kv/?prefix", "ann", 403],
    ["PUT", "/v1/kv/e", "ann", 200],
    ["PUT", "/v1/kv/e", null, 400],
    ["DELETE", "/v1/kv/x", "ann", 403],
    ["GET", "/v1/clusters/default", "ann", 200],
    ["GET", "/v1/clusters/default", null, 400],
    ["GET", "/v1/clusters/default/replicas", "ann", 403],
    ["GET", "/v1/clusters/default/replicas", "root", 200],
    ["PUT", "/v1/clusters/default/version", "ann", 403],
    ["PUT", "/v1/clusters/default/regions", "ann", 403],
    ["GET", "/health", null, 200],
    ["GET", "/version", null, 200],
  ] as const)("%s %s by %s is %i", async ([method, path, who, status]) => {
    const bodies: Record<string, string> = {
      version: '{"cap":null}',
      regions: '{"regions":["wnam"]}',
    };
    const body = method === "PUT" ? (bodies[path.split("/").at(-1)!] ?? "2") : undefined;
    const response = await send(method, path, who, body);
    await response.body?.cancel();
    expect(response.status).toBe(status);
  });

  test("root's password serves to look at replicas, when no token can be had", async () => {
    const basic = (text: string): string => `Basic ${base64(text)}`;
    const path = "/v1/clusters/default/replicas";
    expect((await send("GET", path, basic("root:of root"))).status).toBe(200);
    expect((await send("GET", path, basic("root:wrong"))).status).toBe(403);
  });
});

describe("in the end", () => {
  test("many at once authenticate, and a dropped request holds nobody up", async () => {
    const body = JSON.stringify({ name: "ann", password: "of ann" });
    const path = `${server.url}/v3/auth/authenticate`;
    const dropped = fetch(path, { method: "POST", body, signal: AbortSignal.timeout(30) })
      .then((response) => response.body?.cancel())
      .catch(() => undefined);
    const statuses = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const response = await send("POST", "/v3/auth/authenticate", null, body);
        await response.body?.cancel();
        return response.status;
      }),
    );
    await dropped;
    expect(statuses).toEqual(statuses.map(() => 200));
  });

  const END: readonly Line[] = [
    ["root", "auth/user/delete", { name: "nop" }, {}],
    // A simple token follows the changes of users.
    ["ann", "kv/range", { key: base64("ab") }, {}],
    ["root", "auth/user/changepw", { name: "ann", password: "new" }, {}],
    ["ann", "kv/range", { key: base64("ab") }, BAD_TOKEN],
    ["ann", "auth/disable", {}, BAD_TOKEN],
    ["root", "auth/disable", {}, {}],
    [null, "auth/status", {}, { authRevision: "15" }],
    ["nonsense", "kv/range", { key: base64("ab") }, {}],
    [null, "auth/authenticate", { name: "root", password: "of root" }, NOT_ENABLED],
  ];
  test.for(END)("%s: %s %j", async ([who, path, body, answer]) => {
    expect(await call(who, path, body)).toEqual(answer);
  });
});
