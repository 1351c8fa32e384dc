// Simple tokens: how they are named, how long they hold, and what ends them.

import { describe, test } from "vitest";
import { AUTH } from "../../src/auth/auth-tables.ts";
import type { AuthRequest } from "../../src/base/auth.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { TOKENS_MAX } from "../../src/base/auth-limits.ts";
import { addUser, AuthMachine, HASH, ROOT_USER } from "./requests.ts";

const ON: readonly AuthRequest[] = [...ROOT_USER, addUser("ann"), { op: "enable" }];

describe("a token", () => {
  test("is 16 letters and the index of its entry", ({ expect }) => {
    expect(new AuthMachine(ON).token("ann")).toBe("abcdefghijklmnop.5");
  });

  test("is written down for 360 s, and an extension sets it anew", ({ expect }) => {
    const machine = new AuthMachine(ON);
    const token = machine.token("ann");
    expect(machine.state.token(token)).toEqual({ token, user: "ann", deadline: 361_000 });
    machine.wait(100_000);
    machine.extend(token);
    machine.extend("unknown.1");
    expect(machine.state.token(token)?.deadline).toBe(461_000);
    expect(machine.state.token("unknown.1")).toBeNull();
  });

  test("that has ended is not extended", ({ expect }) => {
    const machine = new AuthMachine(ON);
    const token = machine.token("ann");
    machine.wait(360_000);
    machine.extend(token);
    expect(machine.state.token(token)?.deadline).toBe(361_000);
  });

  test.for<[string, AuthRequest, boolean]>([
    ["its user's deletion", { op: "userDelete", name: "ann" }, false],
    [
      "its user's new password",
      { op: "userChangePassword", name: "ann", passwordHash: HASH },
      false,
    ],
    ["the end of auth", { op: "disable" }, false],
    ["another user", addUser("bob"), true],
    ["another's password", { op: "userChangePassword", name: "root", passwordHash: HASH }, true],
  ])("after %s it is there: %3$s", ([, request, isThere], { expect }) => {
    const machine = new AuthMachine(ON);
    const token = machine.token("ann");
    expect(machine.ask(request)).toMatchObject({ ok: true });
    expect(machine.state.token(token) !== null).toBe(isThere);
  });

  test("that has ended goes when another is issued", ({ expect }) => {
    const machine = new AuthMachine(ON);
    const first = machine.token("ann");
    machine.wait(359_999);
    machine.token("ann");
    expect(machine.state.token(first)).not.toBeNull();
    machine.wait(1);
    machine.token("ann");
    expect(machine.state.token(first)).toBeNull();
  });

  /** As many tokens as there may be, given out to `users` in turn. */
  function full(users: readonly string[]): AuthMachine {
    const machine = new AuthMachine(ON);
    for (let n = 0; n < TOKENS_MAX; n++) {
      const user = encodeUtf8(users[n % users.length]!);
      const row = [`t${n}`, user, 9e9 - n] as const;
      machine.sql.run("INSERT INTO auth_token VALUES (?, ?, ?)", ...row);
    }
    return machine;
  }
  const askFor = (machine: AuthMachine, name: string): unknown => {
    const { revision: authRevision } = machine.state;
    const issued = machine.ask({ op: "issueToken", name, authRevision, letters: "x" });
    return issued.ok || issued.error;
  };

  test("is refused to who has most of them, when all are given out", ({ expect }) => {
    expect(askFor(full(["ann"]), "ann")).toBe("tooManyRequests");
  });

  test("is refused when all are given out to many", ({ expect }) => {
    const users = Array.from({ length: TOKENS_MAX }, (_, n) => `user ${n}`);
    expect(askFor(full(users), "ann")).toBe("tooManyRequests");
  });

  test("is given up by who has most, when somebody else needs one", ({ expect }) => {
    const machine = full(["greedy", "greedy", "root"]);
    expect(askFor(machine, "ann")).toBe(true);
    const counts = machine.sql.all("SELECT user, count(*) AS n FROM auth_token GROUP BY user");
    expect(counts.map((row) => row["n"])).toEqual([1, 6_666, 3_333]);
    // The one that ends first.
    expect(machine.state.token("t9999")).toBeNull();
  });
});

describe("a snapshot of auth", () => {
  test("is nothing while it was never used, and as at birth when it is put in place", ({
    expect,
  }) => {
    const machine = new AuthMachine();
    expect(AUTH.copy(machine.sql)).toBeNull();
    const other = new AuthMachine(ON);
    AUTH.restore(other.sql, null);
    other.restart();
    expect(other.state).toMatchObject({ enabled: false, revision: 1 });
    expect(other.state.holder("ann")).toBeNull();
  });

  test("has everything", ({ expect }) => {
    const machine = new AuthMachine([
      ...ON,
      addUser("nopw", null),
      { op: "roleAdd", name: "r" },
      {
        op: "roleGrantPermission",
        name: "r",
        permission: { type: "write", key: new Uint8Array([0xff]), rangeEnd: new Uint8Array([0]) },
      },
      { op: "userGrantRole", name: "nopw", role: "r" },
    ]);
    const token = machine.token("ann");
    const body = AUTH.copy(machine.sql);
    const other = new AuthMachine([addUser("old"), { op: "roleAdd", name: "old" }]);
    AUTH.restore(other.sql, body);
    other.restart();
    expect(AUTH.copy(other.sql)).toEqual(body);
    expect(other.state).toMatchObject({ enabled: true, revision: machine.state.revision });
    expect(other.state.token(token)?.user).toBe("ann");
    expect(other.state.holder("nopw")).toEqual(machine.state.holder("nopw"));
    for (const table of ["auth", "auth_user", "auth_role", "auth_token"]) {
      const rows = (of: AuthMachine): unknown => of.sql.all(`SELECT * FROM ${table}`);
      expect(rows(other)).toEqual(rows(machine));
    }
  });
});
