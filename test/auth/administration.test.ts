// The rules of users and roles: each refusal with its order, as a running etcd 3.5.16 has them, and
// what raises the auth revision.

import { describe, test } from "vitest";
import type { AuthRequest } from "../../src/base/auth.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { addUser, AuthMachine, grant, HASH, permission, permit, ROOT_USER } from "./requests.ts";

const on: AuthRequest = { op: "enable" };
const off: AuthRequest = { op: "disable" };
const addRole = (name: string): AuthRequest => ({ op: "roleAdd", name });
const revoke = (name: string, role: string): AuthRequest => ({ op: "userRevokeRole", name, role });
const forbid = (name: string, key: string, rangeEnd = ""): AuthRequest => ({
  op: "roleRevokePermission",
  name,
  key: encodeUtf8(key),
  rangeEnd: encodeUtf8(rangeEnd),
});
const issue = (name: string, authRevision: number): AuthRequest => ({
  op: "issueToken",
  name,
  authRevision,
  letters: "abcdefghijklmnop",
});

const SOME = [addUser("ann"), addRole("reader"), permit("reader", "read", "a", "c")];
const WITH_ROOT = [...ROOT_USER, addRole("root"), ...SOME];

describe("is refused", () => {
  test.for<[string, readonly AuthRequest[], AuthRequest, string]>([
    ["enable without a root user", [], on, "rootUserMissing"],
    ["enable without the root role", [addUser("root")], on, "rootRoleMissing"],
    ["a user without a name", [], addUser(""), "userNameEmpty"],
    ["a user that is there", SOME, addUser("ann"), "userExists"],
    ["deleting nobody", SOME, { op: "userDelete", name: "bob" }, "userNotFound"],
    [
      "a password for nobody",
      SOME,
      { op: "userChangePassword", name: "bob", passwordHash: HASH },
      "userNotFound",
    ],
    ["a role for nobody", SOME, grant("bob", "nosuch"), "userNotFound"],
    ["a role that is not there", SOME, grant("ann", "nosuch"), "roleNotFound"],
    ["revoking from nobody", SOME, revoke("bob", "reader"), "userNotFound"],
    ["revoking what was not granted", SOME, revoke("ann", "reader"), "roleNotGranted"],
    ["a role without a name", [], addRole(""), "roleNameEmpty"],
    ["a role that is there", SOME, addRole("reader"), "roleExists"],
    ["deleting no role", SOME, { op: "roleDelete", name: "nosuch" }, "roleNotFound"],
    ["permitting to no role", SOME, permit("nosuch", "read", "a"), "roleNotFound"],
    [
      "an empty range, before the role is looked for",
      SOME,
      permit("nosuch", "read", "b", "a"),
      "invalidAuthManagement",
    ],
    ["a range of nothing", SOME, permit("reader", "read", "b", "b"), "invalidAuthManagement"],
    ["no key", SOME, permit("reader", "read", ""), "invalidAuthManagement"],
    ["no key, without end", SOME, permit("reader", "read", "", "\0"), "invalidAuthManagement"],
    ["forbidding to no role", SOME, forbid("nosuch", "a"), "roleNotFound"],
    ["forbidding what is not permitted", SOME, forbid("reader", "a"), "permissionNotGranted"],
    ["an unknown user's roles", SOME, { op: "userGet", name: "bob" }, "userNotFound"],
    ["an unknown role", SOME, { op: "roleGet", name: "root" }, "roleNotFound"],
    ["a password while auth is off", SOME, { op: "passwordOf", name: "ann" }, "authNotEnabled"],
    ["a token while auth is off", SOME, issue("ann", 4), "authNotEnabled"],
    ["the password of nobody", [...WITH_ROOT, on], { op: "passwordOf", name: "bob" }, "authFailed"],
    ["a token for nobody", [...WITH_ROOT, on], issue("bob", 7), "authFailed"],
    ["a token for an old comparison", [...WITH_ROOT, on], issue("ann", 6), "authRevisionOld"],
    [
      "a token without a password",
      [...ROOT_USER, addUser("ann", null), on],
      issue("ann", 4),
      "authFailed",
    ],
    [
      "while on: deleting root",
      [...WITH_ROOT, on],
      { op: "userDelete", name: "root" },
      "invalidAuthManagement",
    ],
    [
      "while on: deleting the role root",
      [...WITH_ROOT, on],
      { op: "roleDelete", name: "root" },
      "invalidAuthManagement",
    ],
    [
      "while on: taking root from root",
      [...WITH_ROOT, on],
      revoke("root", "root"),
      "invalidAuthManagement",
    ],
  ])("%s", ([, before, request, refusal], { expect }) => {
    const machine = new AuthMachine(before);
    const revision = machine.state.revision;
    expect(machine.ask(request)).toEqual({ ok: false, error: refusal });
    expect(machine.state.revision).toBe(revision);
  });
});

describe("the auth revision", () => {
  test("is 1 at birth, and nothing is written before the first change", ({ expect }) => {
    const machine = new AuthMachine();
    machine.ask(off);
    expect(machine.ask({ op: "status" })).toEqual({
      ok: true,
      value: { op: "status", enabled: false, authRevision: 1 },
    });
    expect(machine.sql.all("SELECT * FROM auth")).toEqual([]);
  });

  test.for<[string, AuthRequest, number]>([
    ["adding a user", addUser("bob"), 1],
    ["deleting a user", { op: "userDelete", name: "ann" }, 1],
    ["changing a password", { op: "userChangePassword", name: "ann", passwordHash: HASH }, 1],
    ["granting a role", grant("ann", "reader"), 1],
    ["granting it again", grant("root", "root"), 0],
    ["adding a role", addRole("writer"), 1],
    ["deleting a role", { op: "roleDelete", name: "reader" }, 1],
    ["permitting", permit("reader", "write", "x"), 1],
    ["permitting the same again", permit("reader", "read", "a", "c"), 1],
    ["forbidding", forbid("reader", "a", "c"), 1],
    ["turning it on again", on, 0],
    ["turning it off", off, 1],
  ])("%s: +%3$s", ([, request, step], { expect }) => {
    const machine = new AuthMachine([...WITH_ROOT, on]);
    const { revision } = machine.state;
    expect(machine.ask(request)).toMatchObject({ ok: true });
    expect(machine.state.revision).toBe(revision + step);
    machine.restart();
    expect(machine.state.revision).toBe(revision + step);
  });

  test("stays when auth is turned on", ({ expect }) => {
    const machine = new AuthMachine(WITH_ROOT);
    const { revision } = machine.state;
    machine.ask(on);
    expect(machine.state).toMatchObject({ enabled: true, revision });
  });
});

describe("users and roles", () => {
  test("are listed by the bytes of their names", ({ expect }) => {
    const names = ["ü", "b", "\u{1F600}", "\uFFFD", "B", "a"];
    const machine = new AuthMachine(names.flatMap((name) => [addUser(name), addRole(name)]));
    for (const name of names) machine.ask(grant("b", name));
    const sorted = ["B", "a", "b", "ü", "\uFFFD", "\u{1F600}"];
    const value = (request: AuthRequest): unknown => machine.ask(request);
    expect(value({ op: "userList" })).toEqual({ ok: true, value: { op: "users", users: sorted } });
    expect(value({ op: "roleList" })).toEqual({ ok: true, value: { op: "roles", roles: sorted } });
    expect(value({ op: "userGet", name: "b" })).toEqual({
      ok: true,
      value: { op: "user", roles: sorted },
    });
  });

  test("a permission for the same keys takes the place of the one before", ({ expect }) => {
    const machine = new AuthMachine([
      addRole("r"),
      permit("r", "read", "b", "d"),
      permit("r", "read", "b"),
      permit("r", "read", "a", "\0"),
      permit("r", "write", "b", "d"),
      permit("r", "readwrite", "b"),
    ]);
    expect(machine.ask({ op: "roleGet", name: "r" })).toEqual({
      ok: true,
      value: {
        op: "role",
        permissions: [
          permission("read", "a", "\0"),
          permission("readwrite", "b"),
          permission("write", "b", "d"),
        ],
      },
    });
  });

  test("the role root shows that it allows everything", ({ expect }) => {
    const machine = new AuthMachine([addRole("root"), permit("root", "read", "a")]);
    expect(machine.ask({ op: "roleGet", name: "root" })).toEqual({
      ok: true,
      value: { op: "role", permissions: [permission("readwrite", "", "\0")] },
    });
  });

  test("a role that is deleted is nobody's any more", ({ expect }) => {
    const machine = new AuthMachine([...SOME, grant("ann", "reader"), grant("ann", "root")]);
    machine.ask({ op: "roleDelete", name: "reader" });
    expect(machine.ask({ op: "userGet", name: "ann" })).toEqual({
      ok: true,
      value: { op: "user", roles: ["root"] },
    });
    machine.ask(addRole("reader"));
    expect(machine.state.holder("ann")?.roles).toEqual(["root"]);
  });

  test("who was added without a password stays without one", ({ expect }) => {
    const machine = new AuthMachine([...ROOT_USER, addUser("ann", null), on]);
    machine.ask({ op: "userChangePassword", name: "ann", passwordHash: HASH });
    expect(machine.ask({ op: "passwordOf", name: "ann" })).toMatchObject({
      value: { passwordHash: null },
    });
  });
});
