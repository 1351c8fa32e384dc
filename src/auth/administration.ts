// Owns the changes of users and roles: what each refuses, in etcd's order, and what it does to the
// rows. Whoever calls raises the auth revision when the answer is that something has changed.
// Source: etcd server/auth/store.go.

import type { Permission } from "../base/auth.ts";
import { compareBytes, encodeUtf8, equalBytes } from "../base/bytes.ts";
import { intervalOf, isEmptyInterval } from "../base/interval.ts";
import type { SqlPort } from "../base/ports.ts";
import type { Refusal } from "../base/refusal.ts";
import { accept, refuse, type Result } from "../base/result.ts";
import type { AuthCommand } from "./auth-command.ts";
import {
  deleteRole,
  deleteTokensOf,
  deleteUser,
  readRole,
  readUser,
  readUsers,
  writeRole,
  writeUser,
  type AuthHead,
} from "./auth-tables.ts";

export const ROOT_USER = "root";
/** It need not exist to be granted, and allows everything. */
export const ROOT_ROLE = "root";

type Of<Op extends AuthCommand["op"]> = Extract<AuthCommand, { op: Op }>;

/** A change of users or roles. */
export type Administration = Exclude<
  AuthCommand,
  { op: "enable" | "disable" | "issueToken" | "extendTokens" }
>;

/** Whether anything has changed: a role that a user has already is granted in vain. */
export type Changed = Result<boolean, Refusal>;

const CHANGED: Changed = accept(true);

export function administer(sql: SqlPort, command: Administration, head: AuthHead): Changed {
  switch (command.op) {
    case "userAdd":
      return addUser(sql, command, head);
    case "userDelete":
      return removeUser(sql, command, head);
    case "userChangePassword":
      return changePassword(sql, command, head);
    case "userGrantRole":
      return grantRole(sql, command);
    case "userRevokeRole":
      return revokeRole(sql, command, head);
    case "roleAdd":
      return addRole(sql, command);
    case "roleDelete":
      return removeRole(sql, command, head);
    case "roleGrantPermission":
      return grantPermission(sql, command);
    case "roleRevokePermission":
      return revokePermission(sql, command);
    default:
      return command satisfies never;
  }
}

function addUser(sql: SqlPort, { name, passwordHash }: Of<"userAdd">, head: AuthHead): Changed {
  if (name === "") return refuse("userNameEmpty");
  if (readUser(sql, name) !== null) return refuse("userExists");
  // Tokens of a user of the same name, who was deleted, are not this one's.
  writeUser(sql, { name, passwordHash, roles: [], tokensSince: head.revision + 1 });
  return CHANGED;
}

function removeUser(sql: SqlPort, { name }: Of<"userDelete">, head: AuthHead): Changed {
  if (head.enabled && name === ROOT_USER) return refuse("invalidAuthManagement");
  if (readUser(sql, name) === null) return refuse("userNotFound");
  deleteUser(sql, name);
  deleteTokensOf(sql, name);
  return CHANGED;
}

/** Who was added without a password stays without one, as in etcd. */
function changePassword(
  sql: SqlPort,
  { name, passwordHash }: Of<"userChangePassword">,
  head: AuthHead,
): Changed {
  const user = readUser(sql, name);
  if (user === null) return refuse("userNotFound");
  const kept = user.passwordHash === null ? null : passwordHash;
  writeUser(sql, { ...user, passwordHash: kept, tokensSince: head.revision + 1 });
  deleteTokensOf(sql, name);
  return CHANGED;
}

function grantRole(sql: SqlPort, { name, role }: Of<"userGrantRole">): Changed {
  const user = readUser(sql, name);
  if (user === null) return refuse("userNotFound");
  if (role !== ROOT_ROLE && readRole(sql, role) === null) return refuse("roleNotFound");
  if (user.roles.includes(role)) return accept(false);
  const roles = [...user.roles, role].toSorted(compareNames);
  writeUser(sql, { ...user, roles });
  return CHANGED;
}

function revokeRole(sql: SqlPort, { name, role }: Of<"userRevokeRole">, head: AuthHead): Changed {
  const isRoots = name === ROOT_USER && role === ROOT_ROLE;
  if (head.enabled && isRoots) return refuse("invalidAuthManagement");
  const user = readUser(sql, name);
  if (user === null) return refuse("userNotFound");
  if (!user.roles.includes(role)) return refuse("roleNotGranted");
  writeUser(sql, { ...user, roles: user.roles.filter((each) => each !== role) });
  return CHANGED;
}

function addRole(sql: SqlPort, { name }: Of<"roleAdd">): Changed {
  if (name === "") return refuse("roleNameEmpty");
  if (readRole(sql, name) !== null) return refuse("roleExists");
  writeRole(sql, { name, permissions: [] });
  return CHANGED;
}

function removeRole(sql: SqlPort, { name }: Of<"roleDelete">, head: AuthHead): Changed {
  if (head.enabled && name === ROOT_ROLE) return refuse("invalidAuthManagement");
  if (readRole(sql, name) === null) return refuse("roleNotFound");
  deleteRole(sql, name);
  for (const user of readUsers(sql)) {
    const roles = user.roles.filter((role) => role !== name);
    if (roles.length < user.roles.length) writeUser(sql, { ...user, roles });
  }
  return CHANGED;
}

function grantPermission(sql: SqlPort, { name, permission }: Of<"roleGrantPermission">): Changed {
  if (!isValid(permission)) return refuse("invalidAuthManagement");
  const role = readRole(sql, name);
  if (role === null) return refuse("roleNotFound");
  const others = role.permissions.filter((each) => !isOfSameKeys(each, permission));
  writeRole(sql, { name, permissions: [...others, permission].toSorted(comparePermissions) });
  return CHANGED;
}

function revokePermission(sql: SqlPort, command: Of<"roleRevokePermission">): Changed {
  const role = readRole(sql, command.name);
  if (role === null) return refuse("roleNotFound");
  const permissions = role.permissions.filter((each) => !isOfSameKeys(each, command));
  if (permissions.length === role.permissions.length) return refuse("permissionNotGranted");
  writeRole(sql, { ...role, permissions });
  return CHANGED;
}

type Keys = Pick<Permission, "key" | "rangeEnd">;

const isValid = ({ key, rangeEnd }: Keys): boolean =>
  key.length > 0 && !isEmptyInterval(intervalOf(key, rangeEnd));

const isOfSameKeys = (a: Keys, b: Keys): boolean =>
  equalBytes(a.key, b.key) && equalBytes(a.rangeEnd, b.rangeEnd);

const comparePermissions = (a: Keys, b: Keys): number =>
  compareBytes(a.key, b.key) || compareBytes(a.rangeEnd, b.rangeEnd);

/** By the bytes of UTF-8, as etcd sorts. */
const compareNames = (a: string, b: string): number => compareBytes(encodeUtf8(a), encodeUtf8(b));
