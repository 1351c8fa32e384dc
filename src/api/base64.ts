// Owns base64 as etcd's gateway speaks it: standard out; standard or URL-safe, padded or not, in.

import { bytesKey } from "../base/bytes.ts";
import type { Bytes } from "../base/types.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const STANDARD = decodingTable(ALPHABET);
const URL_SAFE = decodingTable(ALPHABET.replace("+", "-").replace("/", "_"));
const NOT_IN_ALPHABET = 0xff;

// Every runtime we run in has it; the pure projects name no library that declares it.
declare const btoa: (latin1: string) => string;

/** Standard base64 with padding. */
export const encodeBase64 = (bytes: Uint8Array): string => btoa(bytesKey(bytes));

/**
 * The bytes, or null when `text` is not base64. As in protojson, one `-` or `_` makes all of it
 * URL-safe, a length that is not a multiple of 4 means "without padding", and the bits left over
 * in the last letter are not looked at. Line breaks are passed over, as Go's decoder does.
 */
export function decodeBase64(text: string): Bytes | null {
  const table = /[-_]/.test(text) ? URL_SAFE : STANDARD;
  const padded = text.length % 4 === 0;
  const letters = text.includes("\n") || text.includes("\r") ? text.replace(/[\r\n]/g, "") : text;
  const digits = padded ? letters.replace(/={1,2}$/, "") : letters;
  if (padded && letters.length % 4 !== 0) return null;
  if (digits.length % 4 === 1) return null;
  return decodeDigits(digits, table);
}

function decodeDigits(digits: string, table: Uint8Array): Bytes | null {
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  let length = 0;
  let group = 0;
  let bits = 0;
  for (let index = 0; index < digits.length; index++) {
    const value = table[digits.charCodeAt(index)] ?? NOT_IN_ALPHABET;
    if (value === NOT_IN_ALPHABET) return null;
    group = ((group << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[length++] = (group >> bits) & 0xff;
  }
  return bytes;
}

function decodingTable(alphabet: string): Uint8Array {
  const table = new Uint8Array(128).fill(0xff);
  for (let value = 0; value < alphabet.length; value++) table[alphabet.charCodeAt(value)] = value;
  return table;
}
