// Owns the bytes of a watch specification: it travels in sessions and rests in checkpoints.

import type { Reader, Writer } from "./codec.ts";
import type { WatchSpec } from "./watch.ts";

const PREV_KV = 1;
const PROGRESS_NOTIFY = 2;
const NO_PUT = 4;
const NO_DELETE = 8;

export function writeWatchSpec(writer: Writer, spec: WatchSpec): void {
  const flags =
    (spec.prevKv ? PREV_KV : 0) |
    (spec.progressNotify ? PROGRESS_NOTIFY : 0) |
    (spec.noPut ? NO_PUT : 0) |
    (spec.noDelete ? NO_DELETE : 0);
  writer.bytes(spec.key).bytes(spec.rangeEnd).int(spec.startRevision).byte(flags);
}

/** @throws CodecError when the bytes are not a specification. */
export function readWatchSpec(reader: Reader): WatchSpec {
  const key = reader.bytes();
  const rangeEnd = reader.bytes();
  const startRevision = reader.int();
  const flags = reader.byte();
  return {
    key,
    rangeEnd,
    startRevision,
    prevKv: (flags & PREV_KV) !== 0,
    progressNotify: (flags & PROGRESS_NOTIFY) !== 0,
    noPut: (flags & NO_PUT) !== 0,
    noDelete: (flags & NO_DELETE) !== 0,
  };
}
