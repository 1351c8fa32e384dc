// Owns the JSON of etcd's auth calls, requests in and answers out. What a password becomes before a
// replica hears of it is the router's affair: here it is still as the client wrote it.

import type { AuthAnswer, AuthRequest, Permission, PermissionType } from "../base/auth.ts";
import { accept, refuse, type Result } from "../base/result.ts";
import { printBytes, printFlag, printHeader, printInteger, printList } from "./answer-json.ts";
import { GATEWAY_ERRORS, type ApiError } from "./error.ts";
import { named } from "./json-schema.ts";
import {
  bool,
  bytes,
  decodeMessage,
  emptyMessage,
  enumeration,
  message,
  string,
} from "./proto-json.ts";
import type { Header } from "./replica.ts";

/** What a user is to prove with, as the client gave it. */
export type Secret =
  /** A user that cannot authenticate by password. */
  | { readonly kind: "none" }
  | { readonly kind: "password"; readonly password: string }
  /** Hashed elsewhere, not yet looked at. */
  | { readonly kind: "hash"; readonly hash: string };

export type AuthCall =
  | { readonly kind: "request"; readonly request: AuthRequest }
  | {
      readonly kind: "keepSecret";
      readonly op: "userAdd" | "userChangePassword";
      readonly name: string;
      readonly secret: Secret;
    }
  | { readonly kind: "authenticate"; readonly name: string; readonly password: string };

export const nameMessage = named("AuthNameRequest", message({ name: string }));
export const roleMessage = named("AuthRoleRequest", message({ role: string }));
export const authenticateMessage = named(
  "AuthenticateRequest",
  message({ name: string, password: string }),
);
export const userAddMessage = named(
  "AuthUserAddRequest",
  message(
    {
      name: string,
      password: string,
      options: message({ noPassword: bool }).optional(),
      hashedPassword: string,
    },
    {},
    ["hashedPassword"],
  ),
);
export const changePasswordMessage = named(
  "AuthUserChangePasswordRequest",
  message({ name: string, password: string, hashedPassword: string }, {}, ["hashedPassword"]),
);
export const userGrantMessage = named(
  "AuthUserGrantRoleRequest",
  message({ user: string, role: string }),
);
export const userRevokeMessage = named(
  "AuthUserRevokeRoleRequest",
  message({ name: string, role: string }),
);

const PERMISSION_TYPES: readonly PermissionType[] = ["read", "write", "readwrite"];
const PERMISSION_NAMES = PERMISSION_TYPES.map((name) => name.toUpperCase());
const permissionMessage = named(
  "PermissionRequest",
  message({ permType: enumeration(PERMISSION_NAMES), key: bytes, rangeEnd: bytes }, {}, [
    "permType",
  ]),
);
export const roleGrantMessage = named(
  "AuthRoleGrantPermissionRequest",
  message({ name: string, perm: permissionMessage.optional() }),
);
export const roleRevokeMessage = named(
  "AuthRoleRevokePermissionRequest",
  message({ role: string, key: bytes, rangeEnd: bytes }),
);

type Read = (body: string) => Result<AuthCall, ApiError>;

const ask = (request: AuthRequest): Result<AuthCall, never> => accept({ kind: "request", request });

const readEmpty =
  (op: "enable" | "disable" | "status" | "userList" | "roleList"): Read =>
  (body) => {
    const read = decodeMessage(emptyMessage, body);
    return read.ok ? ask({ op }) : read;
  };

const readNamed =
  (op: "userGet" | "userDelete" | "roleAdd"): Read =>
  (body) => {
    const read = decodeMessage(nameMessage, body);
    return read.ok ? ask({ op, ...read.value }) : read;
  };

/** etcd names the role `role` where it is looked for, and `name` where it is made. */
const readRole =
  (op: "roleGet" | "roleDelete"): Read =>
  (body) => {
    const read = decodeMessage(roleMessage, body);
    return read.ok ? ask({ op, name: read.value.role }) : read;
  };

const readAuthenticate: Read = (body) => {
  const read = decodeMessage(authenticateMessage, body);
  return read.ok ? accept({ kind: "authenticate", ...read.value }) : read;
};

const readUserAdd: Read = (body) => {
  const read = decodeMessage(userAddMessage, body);
  if (!read.ok) return read;
  const { name, options } = read.value;
  const secret: Secret = options?.noPassword === true ? { kind: "none" } : secretOf(read.value);
  return accept({ kind: "keepSecret", op: "userAdd", name, secret });
};

const readChangePassword: Read = (body) => {
  const read = decodeMessage(changePasswordMessage, body);
  if (!read.ok) return read;
  const { name } = read.value;
  return accept({
    kind: "keepSecret",
    op: "userChangePassword",
    name,
    secret: secretOf(read.value),
  });
};

/** A password counts before a hash; without either the password is the empty one, as in etcd. */
const secretOf = ({ password, hashedPassword }: HasSecret): Secret =>
  password === "" && hashedPassword !== ""
    ? { kind: "hash", hash: hashedPassword }
    : { kind: "password", password };

interface HasSecret {
  readonly password: string;
  readonly hashedPassword: string;
}

/** `user` here and `name` in revoke: so etcd has it. */
const readUserGrant: Read = (body) => {
  const read = decodeMessage(userGrantMessage, body);
  if (!read.ok) return read;
  const { user, role } = read.value;
  return ask({ op: "userGrantRole", name: user, role });
};

const readUserRevoke: Read = (body) => {
  const read = decodeMessage(userRevokeMessage, body);
  return read.ok ? ask({ op: "userRevokeRole", ...read.value }) : read;
};

const readRoleGrant: Read = (body) => {
  const read = decodeMessage(roleGrantMessage, body);
  if (!read.ok) return read;
  const { name, perm } = read.value;
  if (perm === undefined) return refuse(GATEWAY_ERRORS.permissionNotGiven);
  const type = PERMISSION_TYPES[perm.permType];
  if (type === undefined) return refuse(GATEWAY_ERRORS.permissionType);
  const permission = { type, key: perm.key, rangeEnd: perm.rangeEnd };
  return ask({ op: "roleGrantPermission", name, permission });
};

const readRoleRevoke: Read = (body) => {
  const read = decodeMessage(roleRevokeMessage, body);
  if (!read.ok) return read;
  const { role, key, rangeEnd } = read.value;
  return ask({ op: "roleRevokePermission", name: role, key, rangeEnd });
};

/** What each call reads, by its path below `/v3/auth`. */
export const AUTH_READS: Readonly<Record<string, Read>> = {
  "/enable": readEmpty("enable"),
  "/disable": readEmpty("disable"),
  "/status": readEmpty("status"),
  "/authenticate": readAuthenticate,
  "/user/add": readUserAdd,
  "/user/get": readNamed("userGet"),
  "/user/list": readEmpty("userList"),
  "/user/delete": readNamed("userDelete"),
  "/user/changepw": readChangePassword,
  "/user/grant": readUserGrant,
  "/user/revoke": readUserRevoke,
  "/role/add": readNamed("roleAdd"),
  "/role/get": readRole("roleGet"),
  "/role/list": readEmpty("roleList"),
  "/role/delete": readRole("roleDelete"),
  "/role/grant": readRoleGrant,
  "/role/revoke": readRoleRevoke,
};

/** The body of an answer to a call of auth. */
export const authBody = (header: Header, answer: AuthAnswer): string =>
  JSON.stringify({ header: printHeader(header), ...printAuth(answer) });

function printAuth(answer: AuthAnswer): object {
  switch (answer.op) {
    case "done":
    // What a user proves with stays between replica and router.
    case "password":
      return {};
    case "status":
      return {
        enabled: printFlag(answer.enabled),
        authRevision: printInteger(answer.authRevision),
      };
    case "user":
    case "roles":
      return { roles: printList(answer.roles, String) };
    case "users":
      return { users: printList(answer.users, String) };
    case "role":
      return { perm: printList(answer.permissions, printPermission) };
    case "token":
      return { token: answer.token };
    default:
      return answer satisfies never;
  }
}

/** READ is the enum's zero, so it is left out. */
const printPermission = ({ type, key, rangeEnd }: Permission): object => ({
  permType: type === "read" ? undefined : type.toUpperCase(),
  key: printBytes(key),
  range_end: printBytes(rangeEnd),
});
