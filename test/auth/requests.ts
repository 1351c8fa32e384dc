// Owns requests about auth as tests write them, and a state to apply them to.

import { AuthState } from "../../src/auth/auth-state.ts";
import { isAuthQuery } from "../../src/auth/auth-command.ts";
import type { AuthAnswer, AuthRequest, Permission, PermissionType } from "../../src/base/auth.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import type { Refusal } from "../../src/base/refusal.ts";
import type { Result } from "../../src/base/result.ts";
import { asClusterTime, asLogIndex } from "../../src/base/types.ts";
import { insertMeta, openNodeSql, type NodeSql } from "../support/node-sql.ts";

export const HASH = "$2a$04$abcdefghijklmnopqrstuv";

export const permission = (type: PermissionType, key: string, rangeEnd = ""): Permission => ({
  type,
  key: encodeUtf8(key),
  rangeEnd: encodeUtf8(rangeEnd),
});

export const addUser = (name: string, passwordHash: string | null = HASH): AuthRequest => ({
  op: "userAdd",
  name,
  passwordHash,
});

export const grant = (name: string, role: string): AuthRequest => ({
  op: "userGrantRole",
  name,
  role,
});

export const permit = (name: string, ...rest: Parameters<typeof permission>): AuthRequest => ({
  op: "roleGrantPermission",
  name,
  permission: permission(...rest),
});

/** What it takes to turn auth on. */
export const ROOT_USER: readonly AuthRequest[] = [addUser("root"), grant("root", "root")];

export class AuthMachine {
  readonly sql: NodeSql = openNodeSql();
  state: AuthState;
  #index = 0;
  #time = 1_000;

  constructor(requests: readonly AuthRequest[] = []) {
    insertMeta(this.sql);
    this.state = new AuthState(this.sql);
    for (const request of requests) {
      if (!this.ask(request).ok) throw new Error(`${request.op} is refused`);
    }
  }

  get time(): number {
    return this.#time;
  }

  wait(ms: number): void {
    this.#time += ms;
  }

  restart(): void {
    this.state = new AuthState(this.sql);
  }

  ask(request: AuthRequest): Result<AuthAnswer, Refusal> {
    if (isAuthQuery(request)) return this.state.answer(request);
    return this.#apply(request);
  }

  extend(token: string): void {
    this.#apply({ op: "extendTokens", tokens: [token] });
  }

  token(name: string): string {
    const { revision: authRevision } = this.state;
    const issued = this.ask({ op: "issueToken", name, authRevision, letters: "abcdefghijklmnop" });
    if (!issued.ok || issued.value.op !== "token") throw new Error("a token is issued");
    return issued.value.token;
  }

  #apply(command: Parameters<AuthState["apply"]>[0]): Result<AuthAnswer, Refusal> {
    const entry = { index: asLogIndex(++this.#index), time: asClusterTime(this.#time) };
    return this.state.apply(command, entry);
  }
}
