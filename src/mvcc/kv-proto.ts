// Owns the bytes of a version as etcd stores them: its revision as a key of the bucket, and the
// `mvccpb.KeyValue` under it. Only the history hash is made of them.
// Source: etcd server/storage/mvcc/revision.go, api/mvccpb/kv.proto (fields of a zero are left out).

import { Writer } from "../base/codec.ts";
import type { KeyValue } from "../base/kv.ts";
import type { Bytes } from "../base/types.ts";

const UNDERSCORE = 0x5f;
const TOMBSTONE_MARK = 0x74;

/** Field numbers with their wire types, 0 for a varint and 2 for bytes, as one byte. */
const KEY = (1 << 3) | 2;
const CREATE_REVISION = 2 << 3;
const MOD_REVISION = 3 << 3;
const VERSION = 4 << 3;
const VALUE = (5 << 3) | 2;
const LEASE = 6 << 3;

/** Which change of which revision. */
export interface SubRevision {
  readonly main: number;
  readonly sub: number;
}

/** What etcd's bucket holds for a version: its key there, and the version, one behind the other. */
export function bucketBytes({ main, sub }: SubRevision, kv: KeyValue): Bytes {
  const writer = new Writer().id(BigInt(main)).byte(UNDERSCORE).id(BigInt(sub));
  writeBytes(writer, KEY, kv.key);
  writeNumber(writer, CREATE_REVISION, kv.createRevision);
  writeNumber(writer, MOD_REVISION, kv.modRevision);
  writeNumber(writer, VERSION, kv.version);
  writeBytes(writer, VALUE, kv.value);
  if (kv.lease !== 0n) writeVarint(writer.byte(LEASE), BigInt.asUintN(64, kv.lease));
  return writer.finish();
}

/** The same for a deletion: of the version, etcd keeps the key alone. */
export function tombstoneBytes({ main, sub }: SubRevision, key: Bytes): Bytes {
  const writer = new Writer().id(BigInt(main)).byte(UNDERSCORE).id(BigInt(sub));
  writeBytes(writer.byte(TOMBSTONE_MARK), KEY, key);
  return writer.finish();
}

function writeBytes(writer: Writer, tag: number, value: Bytes): void {
  if (value.length > 0) writer.byte(tag).bytes(value);
}

function writeNumber(writer: Writer, tag: number, value: number): void {
  if (value !== 0) writer.byte(tag).uint(value);
}

/** A varint of up to 64 bits: a negative lease takes all ten bytes. */
function writeVarint(writer: Writer, value: bigint): void {
  let rest = value;
  while (rest >= 0x80n) {
    writer.byte(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  writer.byte(Number(rest));
}
