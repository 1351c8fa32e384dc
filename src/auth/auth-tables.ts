// Owns the rows of auth, and how a snapshot copies them. What a change means stands in
// `auth-state.ts`.

import type { Permission } from "../base/auth.ts";
import { decodeUtf8, encodeUtf8 } from "../base/bytes.ts";
import { Reader, Writer } from "../base/codec.ts";
import type { SqlPort } from "../base/ports.ts";
import { asClusterTime, type Bytes, type ClusterTime } from "../base/types.ts";
import type { Unversioned } from "../base/unversioned.ts";
import {
  readOptionalText,
  readPermission,
  writeOptionalText,
  writePermission,
} from "./auth-command.ts";

/** Where auth stands as a whole. */
export interface AuthHead {
  readonly enabled: boolean;
  /** Raised by every change of users and roles. */
  readonly revision: number;
}

export interface User {
  readonly name: string;
  /** bcrypt's text; null for one without a password. */
  readonly passwordHash: string | null;
  /** Sorted. */
  readonly roles: readonly string[];
  /** Tokens that were found valid at an earlier revision are valid no more. */
  readonly tokensSince: number;
}

export interface Role {
  readonly name: string;
  /** Sorted by key and end; each pair once. */
  readonly permissions: readonly Permission[];
}

export interface Token {
  readonly token: string;
  readonly user: string;
  readonly deadline: ClusterTime;
}

export interface TokensOfUser {
  readonly user: string;
  readonly count: number;
}

type UserRow = {
  readonly name: Bytes;
  readonly password: string | null;
  readonly roles: Bytes;
  readonly tokens_since: number;
};
type RoleRow = { readonly name: Bytes; readonly permissions: Bytes };
type TokenRow = { readonly token: string; readonly user: Bytes; readonly deadline: number };

/** Null while auth was never used. */
export function readHead(sql: SqlPort): AuthHead | null {
  const [row] = sql.all<{ enabled: number; revision: number }>(
    "SELECT enabled, revision FROM auth WHERE id = 0",
  );
  return row === undefined ? null : { enabled: row.enabled === 1, revision: row.revision };
}

export const writeHead = (sql: SqlPort, { enabled, revision }: AuthHead): void =>
  sql.run(
    "INSERT OR REPLACE INTO auth (id, enabled, revision) VALUES (0, ?, ?)",
    enabled ? 1 : 0,
    revision,
  );

export function readUser(sql: SqlPort, name: string): User | null {
  const [row] = sql.all<UserRow>("SELECT * FROM auth_user WHERE name = ?", encodeUtf8(name));
  return row === undefined ? null : userOf(row);
}

/** All of them, sorted by name. */
export const readUsers = (sql: SqlPort): User[] =>
  sql.all<UserRow>("SELECT * FROM auth_user ORDER BY name").map(userOf);

export const writeUser = (sql: SqlPort, user: User): void =>
  sql.run(
    "INSERT OR REPLACE INTO auth_user (name, password, roles, tokens_since) VALUES (?, ?, ?, ?)",
    encodeUtf8(user.name),
    user.passwordHash,
    new Writer().list(user.roles, (item, role) => item.text(role)).finish(),
    user.tokensSince,
  );

export const deleteUser = (sql: SqlPort, name: string): void =>
  sql.run("DELETE FROM auth_user WHERE name = ?", encodeUtf8(name));

export function readRole(sql: SqlPort, name: string): Role | null {
  const [row] = sql.all<RoleRow>("SELECT * FROM auth_role WHERE name = ?", encodeUtf8(name));
  return row === undefined ? null : roleOf(row);
}

/** All of them, sorted by name. */
export const readRoles = (sql: SqlPort): Role[] =>
  sql.all<RoleRow>("SELECT * FROM auth_role ORDER BY name").map(roleOf);

export const writeRole = (sql: SqlPort, { name, permissions }: Role): void =>
  sql.run(
    "INSERT OR REPLACE INTO auth_role (name, permissions) VALUES (?, ?)",
    encodeUtf8(name),
    new Writer().list(permissions, writePermission).finish(),
  );

export const deleteRole = (sql: SqlPort, name: string): void =>
  sql.run("DELETE FROM auth_role WHERE name = ?", encodeUtf8(name));

export function readToken(sql: SqlPort, token: string): Token | null {
  const [row] = sql.all<TokenRow>("SELECT * FROM auth_token WHERE token = ?", token);
  return row === undefined ? null : tokenOf(row);
}

export const writeToken = (sql: SqlPort, { token, user, deadline }: Token): void =>
  sql.run(
    "INSERT OR REPLACE INTO auth_token (token, user, deadline) VALUES (?, ?, ?)",
    token,
    encodeUtf8(user),
    deadline,
  );

export function countTokens(sql: SqlPort): number {
  const [row] = sql.all<{ count: number }>("SELECT count(*) AS count FROM auth_token");
  return row?.count ?? 0;
}

/** Who has most tokens, and how many; of several the first by name. Null when there are none. */
export function readMostTokens(sql: SqlPort): TokensOfUser | null {
  const [row] = sql.all<{ user: Bytes; count: number }>(
    "SELECT user, count(*) AS count FROM auth_token GROUP BY user ORDER BY count DESC, user LIMIT 1",
  );
  return row === undefined ? null : { user: decodeUtf8(row.user), count: row.count };
}

export function countTokensOf(sql: SqlPort, user: string): number {
  const [row] = sql.all<{ count: number }>(
    "SELECT count(*) AS count FROM auth_token WHERE user = ?",
    encodeUtf8(user),
  );
  return row?.count ?? 0;
}

/** That token of the user which ends first. */
export const deleteFirstTokenOf = (sql: SqlPort, user: string): void =>
  sql.run(
    `DELETE FROM auth_token WHERE token =
       (SELECT token FROM auth_token WHERE user = ? ORDER BY deadline, token LIMIT 1)`,
    encodeUtf8(user),
  );

export const deleteTokensOf = (sql: SqlPort, user: string): void =>
  sql.run("DELETE FROM auth_token WHERE user = ?", encodeUtf8(user));

/** Those that have ended at `time`; all of them without one. */
export const deleteTokens = (sql: SqlPort, time = Infinity): void =>
  time === Infinity
    ? sql.run("DELETE FROM auth_token")
    : sql.run("DELETE FROM auth_token WHERE deadline <= ?", time);

const userOf = (row: UserRow): User => ({
  name: decodeUtf8(row.name),
  passwordHash: row.password,
  roles: new Reader(row.roles).list((item) => item.text()),
  tokensSince: row.tokens_since,
});

const roleOf = ({ name, permissions }: RoleRow): Role => ({
  name: decodeUtf8(name),
  permissions: new Reader(permissions).list(readPermission),
});

const tokenOf = ({ token, user, deadline }: TokenRow): Token => ({
  token,
  user: decodeUtf8(user),
  deadline: asClusterTime(deadline),
});

/** Users, roles and tokens as a snapshot copies them: null while auth was never used. */
export const AUTH: Unversioned = {
  name: "auth",
  since: 3,

  copy: (sql) =>
    copyAuth(sql, sql.all<TokenRow>("SELECT * FROM auth_token ORDER BY token").map(tokenOf)),

  restore(sql, body) {
    for (const table of ["auth", "auth_user", "auth_role", "auth_token"]) {
      sql.run(`DELETE FROM ${table}`);
    }
    if (body === null) return;
    const reader = new Reader(body);
    writeHead(sql, { enabled: reader.flag(), revision: reader.uint() });
    for (const user of reader.list(takeUser)) writeUser(sql, user);
    for (const role of reader.list(takeRole)) writeRole(sql, role);
    for (const token of reader.list(takeToken)) writeToken(sql, token);
    reader.end();
  },
};

/** The same for files: whoever comes to see one is to have no token of a cluster that goes on. */
export const AUTH_WITHOUT_TOKENS: Unversioned = { ...AUTH, copy: (sql) => copyAuth(sql, []) };

function copyAuth(sql: SqlPort, tokens: readonly Token[]): Bytes | null {
  const head = readHead(sql);
  if (head === null) return null;
  return new Writer()
    .flag(head.enabled)
    .uint(head.revision)
    .list(readUsers(sql), putUser)
    .list(readRoles(sql), (item, { name, permissions }) =>
      item.text(name).list(permissions, writePermission),
    )
    .list(tokens, (item, { token, user, deadline }) => item.text(token).text(user).uint(deadline))
    .finish();
}

function putUser(writer: Writer, user: User): void {
  writeOptionalText(writer.text(user.name), user.passwordHash);
  writer.list(user.roles, (item, role) => item.text(role)).uint(user.tokensSince);
}

const takeUser = (reader: Reader): User => ({
  name: reader.text(),
  passwordHash: readOptionalText(reader),
  roles: reader.list((item) => item.text()),
  tokensSince: reader.uint(),
});

const takeRole = (reader: Reader): Role => ({
  name: reader.text(),
  permissions: reader.list(readPermission),
});

const takeToken = (reader: Reader): Token => ({
  token: reader.text(),
  user: reader.text(),
  deadline: asClusterTime(reader.uint()),
});
