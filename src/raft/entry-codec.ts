// Owns the bytes of log entries, in the two forms they take. A log row knows its first index and
// its one term, so its body is payloads only; an append message carries terms as well, and its
// indexes follow from where it starts.

import { assert } from "../base/assert.ts";
import { seal, unseal } from "../base/checksum.ts";
import { CodecError, Reader, Writer } from "../base/codec.ts";
import { asMemberId, asTerm, nextIndex } from "../base/types.ts";
import type { Bytes, LogIndex, MemberId } from "../base/types.ts";
import { ENTRY_LEADER } from "../base/entry-kinds.ts";
import type { Entry, Payload } from "./types.ts";

/** At most what a payload takes beside its data: a kind and a length as varints. */
export const PAYLOAD_OVERHEAD_BYTES = 10;

/** The body of a log row, with a checksum. */
export const encodePayloads = (payloads: readonly Payload[]): Bytes =>
  seal(new Writer().list(payloads, writePayload).finish());

/** @throws CodecError on anything that `encodePayloads` does not write. */
export function decodePayloads(body: Bytes): Payload[] {
  const reader = new Reader(unseal(body));
  const payloads = reader.list(readPayload);
  reader.end();
  return payloads;
}

/** Entries of a message; `entries[0]` must lie at `first`, the others right behind it. */
export function writeEntries(writer: Writer, first: LogIndex, entries: readonly Entry[]): void {
  writer.uint(entries.length);
  for (const [position, entry] of entries.entries()) {
    assert(entry.index === first + position, "entries of a message are consecutive");
    writePayload(writer.uint(entry.term), entry);
  }
}

/** Reads what `writeEntries` wrote with the same `first`. */
export function readEntries(reader: Reader, first: LogIndex): Entry[] {
  let position = 0;
  return reader.list((source) => {
    const term = asTerm(source.uint());
    return { index: nextIndex(first, position++), term, ...readPayload(source) };
  });
}

/** The payload that opens a term and names its author. */
export const leaderPayload = (author: MemberId): Payload => ({
  kind: ENTRY_LEADER,
  data: new Writer().id(author).finish(),
});

/** The member that an entry names as the author of its term; null from any other kind. */
export function authorOf(entry: Entry): MemberId | null {
  if (entry.kind !== ENTRY_LEADER) return null;
  assert(entry.data.length === 8, "an entry that opens a term names its author in 8 bytes");
  return asMemberId(new Reader(entry.data).id());
}

function writePayload(writer: Writer, payload: Payload): void {
  writer.uint(payload.kind).bytes(payload.data);
}

function readPayload(reader: Reader): Payload {
  const kind = reader.uint();
  if (kind > 0xffff) throw new CodecError(`${kind} is no kind of entry`);
  return { kind, data: reader.bytes() };
}
