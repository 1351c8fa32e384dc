// Owns the replicated state of auth: whether it is on, its revision, users, roles and tokens. Equal on
// all replicas at the same applied index. Who may do what stands in `permission.ts`.
//
// A cluster that never used auth has none of its rows; reading where it stands is one look at start.

import type { AuthAnswer } from "../base/auth.ts";
import { EMPTY } from "../base/bytes.ts";
import { ZERO_BYTE } from "../base/interval.ts";
import { TOKEN_SLACK_MS, TOKEN_TTL_MS, TOKENS_MAX } from "../base/auth-limits.ts";
import type { SqlPort } from "../base/ports.ts";
import type { Refusal } from "../base/refusal.ts";
import { accept, refuse, type Result } from "../base/result.ts";
import { asClusterTime, type ClusterTime, type LogIndex } from "../base/types.ts";
import { administer, ROOT_ROLE, ROOT_USER, type Administration } from "./administration.ts";
import type { AuthCommand, AuthQuery } from "./auth-command.ts";
import {
  countTokens,
  countTokensOf,
  deleteFirstTokenOf,
  deleteTokens,
  readHead,
  readMostTokens,
  readRole,
  readRoles,
  readToken,
  readUser,
  readUsers,
  writeHead,
  writeToken,
  type AuthHead,
  type Token,
} from "./auth-tables.ts";
import { Holders, type Holder } from "./holders.ts";

/** As in etcd a store that was never changed is at revision 1. */
const AT_BIRTH: AuthHead = { enabled: false, revision: 1 };

const DONE: AuthAnswer = { op: "done" };

export class AuthState {
  readonly #sql: SqlPort;
  readonly #holders: Holders;
  #head: AuthHead;

  constructor(sql: SqlPort) {
    this.#sql = sql;
    this.#holders = new Holders(sql);
    this.#head = readHead(sql) ?? AT_BIRTH;
  }

  /** Whether requests are checked at all. */
  get enabled(): boolean {
    return this.#head.enabled;
  }

  /** 1 at birth, one more with every change of users and roles, and when auth is turned off. */
  get revision(): number {
    return this.#head.revision;
  }

  /** What the user may do; null when there is none of this name. */
  holder(name: string): Holder | null {
    return this.#holders.of(name);
  }

  /** A token that was issued and not ended, whatever its deadline says; null for any other text. */
  token(token: string): Token | null {
    return readToken(this.#sql, token);
  }

  /** Applies a command of the entry `index`, stamped `time`. A refused one has changed nothing. */
  apply(
    command: AuthCommand,
    { index, time }: { readonly index: LogIndex; readonly time: ClusterTime },
  ): Result<AuthAnswer, Refusal> {
    switch (command.op) {
      case "enable":
        return this.#enable();
      case "disable":
        return this.#disable();
      case "issueToken":
        return this.#issueToken(command, `${command.letters}.${index}`, time);
      case "extendTokens":
        for (const token of command.tokens) this.#extend(token, time);
        return accept(DONE);
      default:
        return this.#administer(command);
    }
  }

  /** Answers a question from the state as it is. */
  answer(query: AuthQuery): Result<AuthAnswer, Refusal> {
    const { op } = query;
    switch (op) {
      case "status":
        return accept({ op, enabled: this.enabled, authRevision: this.revision });
      case "userGet": {
        const user = readUser(this.#sql, query.name);
        return user === null ? refuse("userNotFound") : accept({ op: "user", roles: user.roles });
      }
      case "userList":
        return accept({ op: "users", users: readUsers(this.#sql).map(({ name }) => name) });
      case "roleGet":
        return this.#role(query.name);
      case "roleList":
        return accept({ op: "roles", roles: readRoles(this.#sql).map(({ name }) => name) });
      case "passwordOf":
        return this.#passwordOf(query.name);
      default:
        return query satisfies never;
    }
  }

  #enable(): Result<AuthAnswer, Refusal> {
    if (this.enabled) return accept(DONE);
    const root = readUser(this.#sql, ROOT_USER);
    if (root === null) return refuse("rootUserMissing");
    if (!root.roles.includes(ROOT_ROLE)) return refuse("rootRoleMissing");
    this.#moveTo({ enabled: true, revision: this.revision });
    return accept(DONE);
  }

  #disable(): Result<AuthAnswer, Refusal> {
    if (!this.enabled) return accept(DONE);
    deleteTokens(this.#sql);
    this.#moveTo({ enabled: false, revision: this.revision + 1 });
    return accept(DONE);
  }

  #administer(command: Administration): Result<AuthAnswer, Refusal> {
    const result = administer(this.#sql, command, this.#head);
    if (!result.ok) return result;
    if (result.value) this.#moveTo({ ...this.#head, revision: this.revision + 1 });
    return accept(DONE);
  }

  #moveTo(head: AuthHead): void {
    this.#head = head;
    writeHead(this.#sql, head);
    this.#holders.forget();
  }

  #role(name: string): Result<AuthAnswer, Refusal> {
    const role = readRole(this.#sql, name);
    if (role === null) return refuse("roleNotFound");
    const { permissions } = role;
    return accept({ op: "role", permissions: name === ROOT_ROLE ? EVERYTHING : permissions });
  }

  #passwordOf(name: string): Result<AuthAnswer, Refusal> {
    if (!this.enabled) return refuse("authNotEnabled");
    const user = readUser(this.#sql, name);
    if (user === null) return refuse("authFailed");
    const { passwordHash } = user;
    return accept({ op: "password", passwordHash, authRevision: this.revision });
  }

  /** The password was compared at `authRevision`: whoever has changed it since is asked again. */
  #issueToken(
    { name, authRevision }: Extract<AuthCommand, { op: "issueToken" }>,
    token: string,
    time: ClusterTime,
  ): Result<AuthAnswer, Refusal> {
    if (!this.enabled) return refuse("authNotEnabled");
    if (authRevision !== this.revision) return refuse("authRevisionOld");
    if ((readUser(this.#sql, name)?.passwordHash ?? null) === null) return refuse("authFailed");
    deleteTokens(this.#sql, time);
    if (!this.#hasRoomFor(name)) return refuse("tooManyRequests");
    writeToken(this.#sql, { token, user: name, deadline: deadlineAt(time) });
    return accept({ op: "token", token });
  }

  /**
   * When all tokens are given out, whoever has most gives one up for somebody who has fewer: one user
   * alone keeps nobody out.
   */
  #hasRoomFor(name: string): boolean {
    if (countTokens(this.#sql) < TOKENS_MAX) return true;
    const most = readMostTokens(this.#sql);
    if (most === null || most.count <= countTokensOf(this.#sql, name) + 1) return false;
    deleteFirstTokenOf(this.#sql, most.user);
    return true;
  }

  /** A token that has ended by the time of the entry stays so: its row is there until it is tidied. */
  #extend(text: string, time: ClusterTime): void {
    const token = readToken(this.#sql, text);
    if (token === null || token.deadline <= time) return;
    const deadline = deadlineAt(time);
    if (token.deadline < deadline) writeToken(this.#sql, { ...token, deadline });
  }
}

/** What the role root allows, whatever was granted to it. */
const EVERYTHING = [{ type: "readwrite", key: EMPTY, rangeEnd: ZERO_BYTE }] as const;

const deadlineAt = (time: ClusterTime): ClusterTime =>
  asClusterTime(time + TOKEN_TTL_MS + TOKEN_SLACK_MS);
