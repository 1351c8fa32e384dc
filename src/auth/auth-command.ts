// Owns the changes of auth that the log carries, and their bytes. The format is replicated: an
// operation's number is for ever.

import type { AuthRequest, Permission, PermissionType } from "../base/auth.ts";
import { CodecError, type Reader, type Writer } from "../base/codec.ts";

type Query = "status" | "userGet" | "userList" | "roleGet" | "roleList" | "passwordOf";

/** What is answered from the state, without an entry. */
export type AuthQuery = Extract<AuthRequest, { op: Query }>;

/** What goes through the log. The last is the leader's own: tokens that were used. */
export type AuthCommand =
  | Exclude<AuthRequest, AuthQuery>
  | { readonly op: "extendTokens"; readonly tokens: readonly string[] };

const QUERIES: readonly string[] = [
  "status",
  "userGet",
  "userList",
  "roleGet",
  "roleList",
  "passwordOf",
] satisfies readonly Query[];

export const isAuthQuery = (request: AuthRequest): request is AuthQuery =>
  QUERIES.includes(request.op);

/** Append only. */
const OPS = [
  "enable",
  "disable",
  "userAdd",
  "userDelete",
  "userChangePassword",
  "userGrantRole",
  "userRevokeRole",
  "roleAdd",
  "roleDelete",
  "roleGrantPermission",
  "roleRevokePermission",
  "issueToken",
  "extendTokens",
] as const satisfies readonly AuthCommand["op"][];

const PERMISSION_TYPES = ["read", "write", "readwrite"] as const satisfies PermissionType[];

export function writeAuthCommand(writer: Writer, command: AuthCommand): void {
  writer.byte(OPS.indexOf(command.op));
  switch (command.op) {
    case "enable":
    case "disable":
      return;
    case "userAdd":
    case "userChangePassword":
      writeOptionalText(writer.text(command.name), command.passwordHash);
      return;
    case "userDelete":
    case "roleAdd":
    case "roleDelete":
      writer.text(command.name);
      return;
    case "userGrantRole":
    case "userRevokeRole":
      writer.text(command.name).text(command.role);
      return;
    case "roleGrantPermission":
      writePermission(writer.text(command.name), command.permission);
      return;
    case "roleRevokePermission":
      writer.text(command.name).bytes(command.key).bytes(command.rangeEnd);
      return;
    case "issueToken":
      writer.text(command.name).uint(command.authRevision).text(command.letters);
      return;
    case "extendTokens":
      writer.list(command.tokens, (item, token) => item.text(token));
      return;
    default:
      command satisfies never;
  }
}

/** @throws CodecError when the bytes are not a command. */
export function readAuthCommand(reader: Reader): AuthCommand {
  const number = reader.byte();
  const op = OPS[number];
  switch (op) {
    case undefined:
      throw new CodecError(`${number} is not an operation of auth`);
    case "enable":
    case "disable":
      return { op };
    case "userAdd":
    case "userChangePassword":
      return { op, name: reader.text(), passwordHash: readOptionalText(reader) };
    case "userDelete":
    case "roleAdd":
    case "roleDelete":
      return { op, name: reader.text() };
    case "userGrantRole":
    case "userRevokeRole":
      return { op, name: reader.text(), role: reader.text() };
    case "roleGrantPermission":
      return { op, name: reader.text(), permission: readPermission(reader) };
    case "roleRevokePermission":
      return { op, name: reader.text(), key: reader.bytes(), rangeEnd: reader.bytes() };
    case "issueToken":
      return {
        op,
        name: reader.text(),
        authRevision: reader.uint(),
        letters: reader.text(),
      };
    case "extendTokens":
      return { op, tokens: reader.list((item) => item.text()) };
    default:
      return op satisfies never;
  }
}

export const writePermission = (writer: Writer, { type, key, rangeEnd }: Permission): Writer =>
  writer.byte(PERMISSION_TYPES.indexOf(type)).bytes(key).bytes(rangeEnd);

/** @throws CodecError when the bytes are not a permission. */
export function readPermission(reader: Reader): Permission {
  const number = reader.byte();
  const type = PERMISSION_TYPES[number];
  if (type === undefined) throw new CodecError(`${number} is not a type of permission`);
  return { type, key: reader.bytes(), rangeEnd: reader.bytes() };
}

export function writeOptionalText(writer: Writer, text: string | null): void {
  writer.flag(text !== null);
  if (text !== null) writer.text(text);
}

export const readOptionalText = (reader: Reader): string | null =>
  reader.flag() ? reader.text() : null;
