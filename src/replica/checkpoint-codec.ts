// Owns the bytes of a session's checkpoint, which must fit a socket's attachment (16,384 bytes).

import { Reader, Writer } from "../base/codec.ts";
import { asRevision, type Bytes } from "../base/types.ts";
import { readWatchSpec, writeWatchSpec } from "../base/watch-codec.ts";
import type { SessionCheckpoint } from "../watch/hub.ts";

export function encodeCheckpoint(checkpoint: SessionCheckpoint): Bytes {
  const writer = new Writer().uint(checkpoint.sequence);
  writer.list(checkpoint.watches, (item, { id, spec, acknowledged }) => {
    writeWatchSpec(item.uint(id).uint(acknowledged), spec);
  });
  return writer.finish();
}

/** @throws CodecError when the bytes are not a checkpoint. */
export function decodeCheckpoint(bytes: Bytes): SessionCheckpoint {
  const reader = new Reader(bytes);
  const sequence = reader.uint();
  const watches = reader.list((item) => {
    const id = item.uint();
    const acknowledged = asRevision(item.uint());
    return { id, acknowledged, spec: readWatchSpec(item) };
  });
  reader.end();
  return { sequence, watches };
}
