// Owns the bytes of a snapshot as a file; `docs/snapshot-format.md` describes them.
//
//   magic | frame: head | frame: part | ... | frame: part | no frame | zeros | SHA-256 of all before
//
// A frame is its length in 4 bytes, and as many bytes. The zeros make all before the digest a multiple
// of 512, for etcd's own client tells a whole snapshot from a cut one by the length. What is in a part
// is `mvcc/snapshot-part.ts`'s; each carries a checksum of its own.

import { assert } from "../base/assert.ts";
import { concatBytes, EMPTY, encodeUtf8, equalBytes } from "../base/bytes.ts";
import { seal, unseal } from "../base/checksum.ts";
import { CodecError, Reader, Writer } from "../base/codec.ts";
import { SNAPSHOT_FILE_PART_BYTES_MAX } from "../base/limits.ts";
import { asClusterId, asLogIndex, asRevision, asTerm } from "../base/types.ts";
import type { Bytes, ClusterId, LogIndex, Revision, Term } from "../base/types.ts";
import { CODE_VERSION } from "../base/versions.ts";

/** What a file says of its snapshot before its parts. */
export interface SnapshotHead {
  readonly clusterId: ClusterId;
  /** What its entries may have meant: code of a lower version cannot take it over. */
  readonly clusterVersion: number;
  /** The last entry that it holds. */
  readonly index: LogIndex;
  readonly term: Term;
  readonly revision: Revision;
}

/** A piece of a file, as it is read. */
export type FilePiece =
  /** Bytes that the digest covers; `head` or `part` when they are one. */
  | {
      readonly kind: "content";
      readonly bytes: Bytes;
      readonly head?: SnapshotHead;
      readonly part?: Bytes;
    }
  /** The SHA-256 that ends the file. */
  | { readonly kind: "digest"; readonly bytes: Bytes };

const MAGIC = encodeUtf8("edgekeeper snapshot\n");
const FORMAT_VERSION = 1;
const LENGTH_BYTES = 4;
const BLOCK_BYTES = 512;
const DIGEST_BYTES = 32;

/** What a file begins with. */
export function encodeHead({
  clusterId,
  clusterVersion,
  index,
  term,
  revision,
}: SnapshotHead): Bytes {
  const writer = new Writer().byte(FORMAT_VERSION).uint(clusterVersion).id(clusterId);
  const head = seal(writer.uint(index).uint(term).uint(revision).finish());
  return concatBytes([MAGIC, encodeFrame(head)]);
}

/** A part as it stands in the file. */
export function encodeFrame(part: Bytes): Bytes {
  assert(part.length > 0, "a frame is not empty: that is the end");
  return new Writer().sized((writer) => writer.raw(part)).finish();
}

/** What follows the parts, of which there are `length` bytes with the head: the digest is next. */
export function encodeEnd(length: number): Bytes {
  const padding = -(length + LENGTH_BYTES) % BLOCK_BYTES;
  return new Uint8Array(LENGTH_BYTES + (padding < 0 ? padding + BLOCK_BYTES : 0));
}

type Stage = "magic" | "length" | "head" | "part" | "padding" | "digest" | "end";

/**
 * Reads a file as it comes in, holding one part at most. Whether the digest is right is for the
 * caller to say, who hashes the content.
 */
export class SnapshotFileReader {
  #chunks: Bytes[] = [];
  #held = 0;
  /** Bytes of the file that were taken. */
  #taken = 0;
  #stage: Stage = "magic";
  #wanted = MAGIC.length;
  #hasHead = false;

  /**
   * The pieces that are complete with `chunk`.
   *
   * @throws CodecError when this is no snapshot, or of a later version; the sentence is for people.
   */
  *push(chunk: Bytes): Generator<FilePiece> {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    while (this.#held >= this.#wanted && this.#stage !== "end") yield this.#advance();
    if (this.#stage === "end" && this.#held > 0)
      throw new CodecError("there is more behind its end");
  }

  /** @throws CodecError when the file ended too early. */
  end(): void {
    if (this.#stage !== "end") throw new CodecError("the snapshot ends early: it was cut off");
  }

  #advance(): FilePiece {
    const bytes = this.#take(this.#wanted);
    switch (this.#stage) {
      case "magic":
        if (!equalBytes(bytes, MAGIC)) throw new CodecError("this is no snapshot of Edgekeeper");
        this.#want("length", LENGTH_BYTES);
        return { kind: "content", bytes };
      case "length":
        this.#begin(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0));
        return { kind: "content", bytes };
      case "head":
        this.#hasHead = true;
        this.#want("length", LENGTH_BYTES);
        return { kind: "content", bytes, head: decodeHead(bytes) };
      case "part":
        this.#want("length", LENGTH_BYTES);
        return { kind: "content", bytes, part: bytes };
      case "padding":
        if (bytes.some((byte) => byte !== 0)) throw new CodecError("the snapshot is damaged");
        this.#want("digest", DIGEST_BYTES);
        return { kind: "content", bytes };
      default:
        this.#want("end", 0);
        return { kind: "digest", bytes };
    }
  }

  /** What a length announces: the end if it is 0. */
  #begin(length: number): void {
    if (length > SNAPSHOT_FILE_PART_BYTES_MAX) throw new CodecError("the snapshot is damaged");
    if (length > 0) return this.#want(this.#hasHead ? "part" : "head", length);
    this.#want("padding", encodeEnd(this.#taken - LENGTH_BYTES).length - LENGTH_BYTES);
  }

  #want(stage: Stage, bytes: number): void {
    this.#stage = stage;
    this.#wanted = bytes;
  }

  #take(size: number): Bytes {
    const held = this.#chunks.length === 1 ? this.#chunks[0]! : concatBytes(this.#chunks);
    const rest = held.subarray(size);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#held -= size;
    this.#taken += size;
    return size === 0 ? EMPTY : held.slice(0, size);
  }
}

/** @throws CodecError when it is damaged, or of a later version of the format or of the code. */
function decodeHead(sealed: Bytes): SnapshotHead {
  const reader = new Reader(unseal(sealed));
  const format = reader.byte();
  if (format !== FORMAT_VERSION) {
    throw new CodecError(
      `the snapshot is of format ${format}; this version knows ${FORMAT_VERSION}`,
    );
  }
  const clusterVersion = reader.uint();
  if (clusterVersion > CODE_VERSION) {
    throw new CodecError(
      `the snapshot is of cluster version ${clusterVersion}; this version knows ${CODE_VERSION}`,
    );
  }
  const head = {
    clusterId: asClusterId(reader.id()),
    clusterVersion,
    index: asLogIndex(reader.uint()),
    term: asTerm(reader.uint()),
    revision: asRevision(reader.uint()),
  };
  reader.end();
  return head;
}
