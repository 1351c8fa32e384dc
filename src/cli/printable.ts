// Owns how keys and values, which are bytes, are shown: as text where they are text, else in base64.

import { decodeBase64 } from "../api/base64.ts";
import type { Bytes } from "../base/types.ts";

/** Text when the bytes are valid UTF-8, else an object that says that they are not. */
export type JsonBytes = string | { readonly base64: string };

const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text that `bytes` are, or null when they are none. */
function textIn(bytes: Uint8Array): string | null {
  try {
    return STRICT.decode(bytes);
  } catch {
    return null;
  }
}

const base64Of = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

export const toJsonBytes = (bytes: Uint8Array): JsonBytes =>
  textIn(bytes) ?? { base64: base64Of(bytes) };

/** The reverse; null for what is neither. */
export function fromJsonBytes(json: unknown): Bytes | null {
  if (typeof json === "string") return new TextEncoder().encode(json);
  if (typeof json !== "object" || json === null || !("base64" in json)) return null;
  return typeof json.base64 === "string" ? decodeBase64(json.base64) : null;
}

/** What would move the cursor, change colours or ring: shown as an escape instead. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** On one line, and harmless to a terminal; at most `lengthMax` characters. */
export function toLine(bytes: Uint8Array, lengthMax = Number.POSITIVE_INFINITY): string {
  const text = textIn(bytes);
  const line = text === null ? `base64:${base64Of(bytes)}` : harmless(text);
  return line.length > lengthMax ? `${line.slice(0, lengthMax - 1)}…` : line;
}

/** Text from elsewhere, such as an error's, for a terminal. */
export const harmless = (text: string): string =>
  text.replace(CONTROL, (letter) => {
    const short = { "\n": String.raw`\n`, "\r": String.raw`\r`, "\t": String.raw`\t` }[letter];
    return short ?? `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
