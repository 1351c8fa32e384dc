// Owns operations on keys and values as byte strings. Keys are ordered bytewise, as in etcd.

import type { Bytes } from "./types.ts";

export const EMPTY: Bytes = new Uint8Array(0);

/** Negative, zero or positive as `a` sorts before, equal to or after `b`, bytewise. */
export function compareBytes(a: Bytes, b: Bytes): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export const equalBytes = (a: Bytes, b: Bytes): boolean =>
  a.length === b.length && compareBytes(a, b) === 0;

/** As many arguments as any engine takes in one call. */
const ARGUMENTS_MAX = 4_096;

/** Each byte as the character of that number: a key for `Map` and `Set`, equal when the bytes are. */
export function bytesKey(bytes: Uint8Array): string {
  if (bytes.length <= ARGUMENTS_MAX) return textOf(bytes);
  let text = "";
  for (let start = 0; start < bytes.length; start += ARGUMENTS_MAX) {
    text += textOf(bytes.subarray(start, start + ARGUMENTS_MAX));
  }
  return text;
}

/** All in one call, which is several times faster than byte by byte. */
const textOf = (bytes: Uint8Array): string =>
  Reflect.apply(String.fromCharCode, null, bytes) as string;

/** The bytes one after another, in a buffer of their own. */
export function concatBytes(parts: readonly Bytes[]): Bytes {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

// Every runtime we run in has these two; the pure projects name no library that declares them.
declare const TextEncoder: new () => { encode(text: string): Bytes };
declare const TextDecoder: new (
  label: string,
  options: { fatal: boolean; ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

export const encodeUtf8 = (text: string): Bytes => encoder.encode(text);
export const decodeUtf8 = (bytes: Uint8Array): string => decoder.decode(bytes);
