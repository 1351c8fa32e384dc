// etcd's calls about users and roles as JSON. The texts of the errors are those that etcd 3.5.16 gave.

import { describe, expect, test } from "vitest";
import { AUTH_READS, authBody, type AuthCall } from "../../src/api/auth-json.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import type { AuthAnswer, AuthRequest, Permission } from "../../src/base/auth.ts";
import { asClusterId, asMemberId, asRevision, asTerm } from "../../src/base/types.ts";

const read = (path: string, body: string) => AUTH_READS[path]!(body);
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const [a, b, none] = [encodeUtf8("a"), encodeUtf8("b"), encodeUtf8("")];

const granted = (permission: Partial<Permission>): AuthRequest => ({
  op: "roleGrantPermission",
  name: "r",
  permission: { type: "read", key: a, rangeEnd: none, ...permission },
});

describe("requests", () => {
  const table: readonly (readonly [string, string, AuthRequest])[] = [
    ["/enable", "", { op: "enable" }],
    ["/disable", "{}", { op: "disable" }],
    ["/status", '{"name":"passed over"}', { op: "status" }],
    ["/user/list", "{}", { op: "userList" }],
    ["/role/list", "{}", { op: "roleList" }],
    ["/user/get", '{"name":"ann"}', { op: "userGet", name: "ann" }],
    ["/user/delete", '{"name":"ann"}', { op: "userDelete", name: "ann" }],
    ["/user/delete", '{"name":null}', { op: "userDelete", name: "" }],
    ["/user/grant", '{"user":"ann","role":"r"}', { op: "userGrantRole", name: "ann", role: "r" }],
    ["/user/grant", '{"name":"ann","role":"r"}', { op: "userGrantRole", name: "", role: "r" }],
    ["/user/revoke", '{"name":"ann","role":"r"}', { op: "userRevokeRole", name: "ann", role: "r" }],
    ["/user/revoke", '{"user":"ann","role":"r"}', { op: "userRevokeRole", name: "", role: "r" }],
    ["/role/add", '{"name":"r"}', { op: "roleAdd", name: "r" }],
    ["/role/add", '{"role":"r"}', { op: "roleAdd", name: "" }],
    ["/role/get", '{"role":"r"}', { op: "roleGet", name: "r" }],
    ["/role/delete", '{"role":"r"}', { op: "roleDelete", name: "r" }],
    ["/role/delete", '{"name":"r"}', { op: "roleDelete", name: "" }],
    ["/role/grant", '{"name":"r","perm":{"key":"YQ=="}}', granted({})],
    [
      "/role/grant",
      '{"name":"r","perm":{"permType":"WRITE","key":"YQ"}}',
      granted({ type: "write" }),
    ],
    [
      "/role/grant",
      '{"name":"r","perm":{"permType":2,"key":"YQ=="}}',
      granted({ type: "readwrite" }),
    ],
    ["/role/grant", '{"name":"r","perm":{"permType":"HUH","key":"YQ=="}}', granted({})],
    // The field has no name in snake_case, unlike range_end.
    ["/role/grant", '{"name":"r","perm":{"perm_type":"WRITE","key":"YQ=="}}', granted({})],
    [
      "/role/grant",
      '{"name":"r","perm":{"key":"YQ==","range_end":"Yg=="}}',
      granted({ rangeEnd: b }),
    ],
    ["/role/grant", '{"name":"r","perm":{}}', granted({ key: none })],
    [
      "/role/revoke",
      '{"role":"r","key":"YQ==","rangeEnd":"Yg=="}',
      { op: "roleRevokePermission", name: "r", key: a, rangeEnd: b },
    ],
  ];
  test.for(table)("%s %s", ([path, body, request]) => {
    expect(read(path, body)).toEqual({ ok: true, value: { kind: "request", request } });
  });

  const hash = `$2a$10$${"x".repeat(53)}`;
  const secrets: readonly (readonly [string, string, Partial<AuthCall>])[] = [
    ["/user/add", '{"name":"u"}', { secret: { kind: "password", password: "" } }],
    ["/user/add", '{"name":"u","password":"p"}', { secret: { kind: "password", password: "p" } }],
    [
      "/user/add",
      '{"name":"u","password":"p","options":{"no_password":true}}',
      { secret: { kind: "none" } },
    ],
    ["/user/add", '{"name":"u","options":{"noPassword":true}}', { secret: { kind: "none" } }],
    ["/user/add", '{"name":"u","options":{}}', { secret: { kind: "password", password: "" } }],
    ["/user/add", '{"name":"u","options":null}', { secret: { kind: "password", password: "" } }],
    ["/user/add", `{"name":"u","hashedPassword":"${hash}"}`, { secret: { kind: "hash", hash } }],
    [
      "/user/add",
      `{"name":"u","hashedPassword":"${hash}","password":"p"}`,
      { secret: { kind: "password", password: "p" } },
    ],
    [
      "/user/add",
      `{"name":"u","hashed_password":"${hash}"}`,
      { secret: { kind: "password", password: "" } },
    ],
    [
      "/user/changepw",
      `{"name":"u","hashedPassword":"${base64(hash)}"}`,
      { secret: { kind: "hash", hash: base64(hash) } },
    ],
    [
      "/user/changepw",
      '{"name":"u","password":"q"}',
      { secret: { kind: "password", password: "q" } },
    ],
  ];
  test.for(secrets)("%s %s", ([path, body, call]) => {
    const op = path === "/user/add" ? "userAdd" : "userChangePassword";
    expect(read(path, body)).toEqual({
      ok: true,
      value: { kind: "keepSecret", op, name: "u", ...call },
    });
  });

  test("authenticate brings name and password", () => {
    expect(read("/authenticate", '{"name":"n","password":"p"}')).toEqual({
      ok: true,
      value: { kind: "authenticate", name: "n", password: "p" },
    });
  });

  test.for([
    ["/role/get", '{"role":5}', "proto: (line 1:9): invalid value for string field role: 5"],
    ["/user/add", '{"name":5}', "proto: (line 1:9): invalid value for string field name: 5"],
    [
      "/user/add",
      '{"name":"x","options":5}',
      "proto: syntax error (line 1:23): unexpected token 5",
    ],
    [
      "/user/add",
      '{"name":"x","options":{"no_password":1}}',
      "proto: (line 1:38): invalid value for bool field noPassword: 1",
    ],
    [
      "/role/grant",
      '{"name":"r1","perm":{"permType":true}}',
      "proto: (line 1:33): invalid value for enum field permType: true",
    ],
    ["/role/grant", '{"name":"r1"}', "etcdserver: permission not given"],
    ["/role/grant", '{"name":"r1","perm":null}', "etcdserver: permission not given"],
    // etcd keeps such a permission, which permits nothing.
    [
      "/role/grant",
      '{"name":"r1","perm":{"permType":7}}',
      "edgekeeper: permType is READ, WRITE or READWRITE",
    ],
  ] as const)("%s %s is refused", ([path, body, message]) => {
    expect(read(path, body)).toMatchObject({ ok: false, error: { code: 3, status: 400, message } });
  });

  test("there are seventeen", () => {
    expect(Object.keys(AUTH_READS)).toHaveLength(17);
  });
});

describe("answers", () => {
  const header = {
    clusterId: asClusterId(9n),
    memberId: asMemberId(1n),
    revision: asRevision(7),
    term: asTerm(2),
  };
  const permissions = [
    { type: "write", key: encodeUtf8("\0"), rangeEnd: encodeUtf8("\0") },
    { type: "read", key: a, rangeEnd: b },
    { type: "readwrite", key: b, rangeEnd: none },
  ] as const;
  const table: readonly (readonly [AuthAnswer, object])[] = [
    [{ op: "done" }, {}],
    [{ op: "status", enabled: false, authRevision: 1 }, { authRevision: "1" }],
    [
      { op: "status", enabled: true, authRevision: 32 },
      { enabled: true, authRevision: "32" },
    ],
    [{ op: "user", roles: [] }, {}],
    [{ op: "user", roles: ["r1"] }, { roles: ["r1"] }],
    [{ op: "users", users: ["a", "b"] }, { users: ["a", "b"] }],
    [{ op: "roles", roles: ["r1"] }, { roles: ["r1"] }],
    [
      { op: "role", permissions },
      {
        perm: [
          { permType: "WRITE", key: "AA==", range_end: "AA==" },
          { key: "YQ==", range_end: "Yg==" },
          { permType: "READWRITE", key: "Yg==" },
        ],
      },
    ],
    [{ op: "token", token: "abc.5" }, { token: "abc.5" }],
    // A hash is for the router alone.
    [{ op: "password", passwordHash: "$2a$...", authRevision: 3 }, {}],
  ];
  test.for(table)("%o", ([answer, body]) => {
    const printed = { cluster_id: "9", member_id: "1", revision: "7", raft_term: "2" };
    expect(JSON.parse(authBody(header, answer))).toEqual({ header: printed, ...body });
  });
});
