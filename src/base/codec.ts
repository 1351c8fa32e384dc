// Owns the primitive binary encoding under entries, stored rows, peer messages and sessions:
// unsigned LEB128 varints, fixed 64-bit ids, length-prefixed bytes. Little enough to read at once;
// deterministic, so that equal values have equal bytes on every replica.

import { decodeUtf8, encodeUtf8 } from "./bytes.ts";
import { assert } from "./assert.ts";
import type { Bytes } from "./types.ts";

/** Bytes that do not decode: damage in storage, or a peer or client that speaks another tongue. */
export class CodecError extends Error {
  override readonly name = "CodecError";
}

/** The bytes of one number at a time: a view of each buffer would cost more than what is written. */
const scratch = new DataView(new ArrayBuffer(8));
const scratchBytes = new Uint8Array(scratch.buffer);

/** Of an empty Writer; engines make buffers up to this much faster than larger ones. */
const WRITER_BYTES = 64;

/** What a Writer that begins anew keeps of its buffer at most. */
const WRITER_BYTES_KEPT_MAX = 65_536;

/** Appends values to a buffer that grows by doubling. */
export class Writer {
  #buffer = new Uint8Array(WRITER_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** One byte, 0 to 255. */
  byte(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
    return this;
  }

  flag(value: boolean): this {
    return this.byte(value ? 1 : 0);
  }

  /** A non-negative safe integer, in 1 to 8 bytes. */
  uint(value: number): this {
    assert(Number.isSafeInteger(value) && value >= 0, `${value} is a non-negative safe integer`);
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length++] = rest;
    return this;
  }

  /** A safe integer of either sign (zigzag). */
  int(value: number): this {
    assert(Math.abs(value) <= 2 ** 51, `${value} fits a signed varint`);
    return this.uint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  /** A signed or unsigned 64-bit id in 8 bytes, big-endian; the sign is the reader's choice. */
  id(value: bigint): this {
    scratch.setBigUint64(0, BigInt.asUintN(64, value));
    return this.raw(scratchBytes);
  }

  /** An unsigned 32-bit number in 4 bytes, big-endian. */
  uint32(value: number): this {
    this.#reserve(4);
    this.#length += 4;
    this.#setUint32(this.#length - 4, value);
    return this;
  }

  /** Bytes with their length before them. */
  bytes(value: Uint8Array): this {
    this.uint(value.length);
    return this.raw(value);
  }

  /** Bytes without a length: the reader must know it. */
  raw(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  text(value: string): this {
    return this.bytes(encodeUtf8(value));
  }

  /** A count, then each item as `write` puts it. */
  list<T>(items: readonly T[], write: (writer: Writer, item: T) => void): this {
    this.uint(items.length);
    for (const item of items) write(this, item);
    return this;
  }

  /** What `write` puts, with its length before it in 4 bytes: a reader can pass over it. */
  sized(write: (writer: Writer) => void): this {
    this.#reserve(4);
    const start = this.#length;
    this.#length += 4;
    write(this);
    this.#setUint32(start, this.#length - start - 4);
    return this;
  }

  /** What was written, in a buffer of its own. The writer may be used further. */
  finish(): Bytes {
    return this.#buffer.slice(0, this.#length);
  }

  /** The same, after which the writer is empty and writes something else. */
  finishAndBegin(): Bytes {
    const finished = this.finish();
    this.#length = 0;
    if (this.#buffer.length > WRITER_BYTES_KEPT_MAX) this.#buffer = new Uint8Array(WRITER_BYTES);
    return finished;
  }

  #setUint32(offset: number, value: number): void {
    for (let byte = 0; byte < 4; byte++) {
      this.#buffer[offset + byte] = value >>> (24 - 8 * byte);
    }
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#buffer.length) return;
    // Twice what is needed: little comes alone, and each growth copies all.
    const grown = new Uint8Array(needed * 2);
    grown.set(this.#buffer);
    this.#buffer = grown;
  }
}

/**
 * Reads what a Writer wrote. Byte strings it returns are copies: they outlive the source buffer
 * without pinning it.
 *
 * @throws CodecError when the bytes end early or a value cannot be.
 */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** Of all that it was made to read. */
  get length(): number {
    return this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.#take(1)]!;
  }

  flag(): boolean {
    const value = this.byte();
    if (value > 1) throw new CodecError(`${value} is not a flag`);
    return value === 1;
  }

  uint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (!Number.isSafeInteger(value)) throw new CodecError("varint exceeds 2^53");
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
  }

  int(): number {
    const zigzag = this.uint();
    // As the Writer has it: what is read can be written again.
    if (zigzag > 2 ** 52) throw new CodecError("a signed varint exceeds 2^51");
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  }

  /** A 64-bit id, unsigned. */
  id(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }

  /** A 64-bit id, signed: lease ids are. */
  signedId(): bigint {
    return this.#view.getBigInt64(this.#take(8));
  }

  bytes(): Bytes {
    return this.raw(this.uint());
  }

  raw(length: number): Bytes {
    const start = this.#take(length);
    return this.#bytes.slice(start, start + length);
  }

  text(): string {
    return decodeUtf8(this.bytes());
  }

  /** All that is left. */
  rest(): Bytes {
    return this.raw(this.#bytes.length - this.#offset);
  }

  /** A reader of what `sized` wrote; this one goes on behind it, however much of it is read. */
  sized(): Reader {
    const length = this.#view.getUint32(this.#take(4));
    const start = this.#take(length);
    return new Reader(this.#bytes.subarray(start, start + length));
  }

  list<T>(read: (reader: Reader) => T): T[] {
    const count = this.uint();
    // Every item takes a byte at least: a count beyond the rest of the buffer is damage.
    if (count > this.#bytes.length - this.#offset)
      throw new CodecError(`no room for ${count} items`);
    const items: T[] = [];
    for (let n = 0; n < count; n++) items.push(read(this));
    return items;
  }

  /** Asserts that nothing is left over. */
  end(): void {
    if (!this.done) throw new CodecError(`${this.#bytes.length - this.#offset} bytes left over`);
  }

  #take(length: number): number {
    const start = this.#offset;
    if (start + length > this.#bytes.length) throw new CodecError("the bytes end early");
    this.#offset = start + length;
    return start;
  }
}
