// Owns the fields of messages: what is absent is zero, and bytes may be bytes or base64.

import { NUMBER_MAX } from "../api/proto-json.ts";
import { EMPTY } from "../base/bytes.ts";
import type { Bytes } from "../base/types.ts";
import type { Message } from "./upstream.ts";

/** Bytes as they are. */
export function bytesOf(value: unknown): Bytes {
  if (value === undefined) return EMPTY;
  return typeof value === "string" ? Buffer.from(value, "base64") : (value as Bytes);
}

/** A revision or a count. As in JSON, what no number holds exactly is as good as the greatest. */
export function numberOf(value: unknown): number {
  const number = value === undefined ? 0 : Number(value);
  return Math.max(-NUMBER_MAX, Math.min(NUMBER_MAX, number));
}

/** All 64 bits, for ids. */
export const integerOf = (value: unknown): bigint =>
  BigInt((value as string | number | undefined) ?? 0);

export const flagOf = (value: unknown): boolean => value === true;

/** The messages of a repeated field. */
export const listOf = (value: unknown): readonly Message[] =>
  (value as readonly Message[] | undefined) ?? [];

/** The message with its bytes in base64, as JSON must have them. */
export function withBase64(message: Message): Message {
  return Object.fromEntries(
    Object.entries(message).map(([name, value]) => [name, valueWithBase64(value)]),
  );
}

function valueWithBase64(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (Array.isArray(value)) return value.map(valueWithBase64);
  return typeof value === "object" && value !== null ? withBase64(value as Message) : value;
}
