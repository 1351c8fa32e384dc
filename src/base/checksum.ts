// Owns telling damaged rows from whole ones. A row that was altered and still decodes would change
// a replica's state unseen, so what is stored as bytes carries a checksum.

import { CodecError } from "./codec.ts";
import type { Bytes } from "./types.ts";

/** The reversed Castagnoli polynomial: CRC-32C, as in etcd, iSCSI and RFC 3720. */
const POLYNOMIAL = 0x82f63b78;

/** How many bytes are taken at once. */
const SLICE = 8;

/** For each byte, at 256 times n, what it does to a remainder when n bytes follow it. */
const TABLES = new Uint32Array(256 * SLICE);
for (let byte = 0; byte < 256; byte++) {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = timesX(remainder);
  TABLES[byte] = remainder;
}
for (let at = 256; at < TABLES.length; at++) {
  const before = TABLES[at - 256]!;
  TABLES[at] = (before >>> 8) ^ TABLES[before & 0xff]!;
}

const CHECKSUM_BYTES = 4;

/** The CRC-32C of `bytes`, unsigned; with `before`, of those bytes with `bytes` behind them. */
export function crc32c(bytes: Uint8Array, before = 0): number {
  const sliced = bytes.length - (bytes.length % SLICE);
  let remainder = ~before;
  for (let index = 0; index < sliced; index += SLICE) {
    const low =
      remainder ^
      (bytes[index]! |
        (bytes[index + 1]! << 8) |
        (bytes[index + 2]! << 16) |
        (bytes[index + 3]! << 24));
    remainder =
      TABLES[0x700 + (low & 0xff)]! ^
      TABLES[0x600 + ((low >>> 8) & 0xff)]! ^
      TABLES[0x500 + ((low >>> 16) & 0xff)]! ^
      TABLES[0x400 + (low >>> 24)]! ^
      TABLES[0x300 + bytes[index + 4]!]! ^
      TABLES[0x200 + bytes[index + 5]!]! ^
      TABLES[0x100 + bytes[index + 6]!]! ^
      TABLES[bytes[index + 7]!]!;
  }
  for (let index = sliced; index < bytes.length; index++) {
    remainder = (remainder >>> 8) ^ TABLES[(remainder ^ bytes[index]!) & 0xff]!;
  }
  return (remainder ^ 0xffffffff) >>> 0;
}

/** The polynomial times x, for a remainder that stands reversed. */
function timesX(remainder: number): number {
  return remainder & 1 ? (remainder >>> 1) ^ POLYNOMIAL : remainder >>> 1;
}

/** The product of two remainders modulo the polynomial. */
function times(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  // The highest bit is x to the power of 0.
  for (let bit = 31; bit >= 0; bit--) {
    if ((a >>> bit) & 1) product ^= shifted;
    shifted = timesX(shifted);
  }
  return product;
}

/** x to the power of 8 * 2^n, for n from 0 on: what 2^n bytes behind do to a remainder. */
const POWERS: number[] = [0x800000];
for (let n = 1; n < 53; n++) POWERS.push(times(POWERS[n - 1]!, POWERS[n - 1]!));

/**
 * The CRC-32C of bytes that others follow, without the bytes: `before` and `behind` are the CRCs of
 * both, `length` is how many follow.
 */
export function joinCrc32c(before: number, behind: number, length: number): number {
  let remainder = before;
  let rest = length;
  for (let n = 0; rest > 0; n++) {
    if (rest % 2 === 1) remainder = times(POWERS[n]!, remainder);
    rest = Math.floor(rest / 2);
  }
  return (remainder ^ behind) >>> 0;
}

/** `bytes` with their checksum behind them. Nothing stays nothing. */
export function seal(bytes: Bytes): Bytes {
  if (bytes.length === 0) return bytes;
  const sealed = new Uint8Array(bytes.length + CHECKSUM_BYTES);
  sealed.set(bytes);
  new DataView(sealed.buffer).setUint32(bytes.length, crc32c(bytes));
  return sealed;
}

/**
 * The bytes that were sealed, as a view.
 *
 * @throws CodecError when they are not what they were.
 */
export function unseal(sealed: Bytes): Bytes {
  if (sealed.length === 0) return sealed;
  if (sealed.length <= CHECKSUM_BYTES) throw new CodecError("too short to carry a checksum");
  const length = sealed.length - CHECKSUM_BYTES;
  const bytes = sealed.subarray(0, length);
  const view = new DataView(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (view.getUint32(length) !== crc32c(bytes)) throw new CodecError("the checksum does not fit");
  return bytes;
}
