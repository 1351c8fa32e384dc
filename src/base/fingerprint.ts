// Owns telling two requests apart by a few bytes. Meant for clients that err, not for such that look
// for two requests with one fingerprint: they would deceive themselves and nobody else.

import { crc32c } from "./checksum.ts";
import type { Bytes } from "./types.ts";

/** Two unlike bodies are taken for the same once in 2^64. */
export const FINGERPRINT_BYTES = 8;

/** FNV-1a's, of 32 bits. */
const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/** A CRC, which sees every error of a few bits, and FNV-1a, which is not linear as it is. */
export function fingerprint(bytes: Bytes): Bytes {
  const print = new Uint8Array(FINGERPRINT_BYTES);
  const view = new DataView(print.buffer);
  view.setUint32(0, crc32c(bytes));
  view.setUint32(4, fnv1a(bytes));
  return print;
}

function fnv1a(bytes: Bytes): number {
  let hash = OFFSET_BASIS;
  for (let index = 0; index < bytes.length; index++) {
    hash = Math.imul(hash ^ bytes[index]!, PRIME);
  }
  return hash >>> 0;
}
