// Owns telling damaged rows from whole ones. A row that was altered and still decodes would change
// a replica's state unseen, so what is stored as bytes carries a checksum.

import { CodecError } from "./codec.ts";
import type { Bytes } from "./types.ts";

/** The reversed Castagnoli polynomial: CRC-32C, as in etcd, iSCSI and RFC 3720. */
const POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) {
    remainder = remainder & 1 ? (remainder >>> 1) ^ POLYNOMIAL : remainder >>> 1;
  }
  return remainder;
});

const CHECKSUM_BYTES = 4;

/** The CRC-32C of `bytes`, unsigned; with `before`, of those bytes with `bytes` behind them. */
export function crc32c(bytes: Uint8Array, before = 0): number {
  let remainder = ~before;
  for (let index = 0; index < bytes.length; index++) {
    remainder = (remainder >>> 8) ^ TABLE[(remainder ^ bytes[index]!) & 0xff]!;
  }
  return (remainder ^ 0xffffffff) >>> 0;
}

/** The polynomial times x, for a remainder that stands reversed. */
const timesX = (remainder: number): number =>
  remainder & 1 ? (remainder >>> 1) ^ POLYNOMIAL : remainder >>> 1;

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
