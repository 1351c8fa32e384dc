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

/** The CRC-32C of `bytes`, unsigned. */
export function crc32c(bytes: Uint8Array): number {
  let remainder = 0xffffffff;
  for (let index = 0; index < bytes.length; index++) {
    remainder = (remainder >>> 8) ^ TABLE[(remainder ^ bytes[index]!) & 0xff]!;
  }
  return (remainder ^ 0xffffffff) >>> 0;
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
