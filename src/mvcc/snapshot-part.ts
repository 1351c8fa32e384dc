// Owns the bytes of a snapshot on its way: cursors, parts and the records in them.
//
//   part 0:  from (nothing)   to A   | store, leases, membership, ..., history row, history row
//   part 1:  from A           to B   | history row, live a, live b, ...
//   part 2:  from B           to end | live z, superseded a until 7, ...
//
// Each part names the cursor it begins at and the one behind it, so that parts form a chain: one
// that is left out, or made again with another end, does not fit the next.

import { seal, unseal } from "../base/checksum.ts";
import { CodecError, Reader, Writer } from "../base/codec.ts";
import { EMPTY } from "../base/bytes.ts";
import type { Bytes } from "../base/types.ts";

/** Where in a snapshot a part begins. */
export type SnapshotPlace =
  | { readonly stage: "unversioned"; readonly item: number; readonly offset: number }
  /** Behind that history row. */
  | {
      readonly stage: "history";
      readonly segment: number;
      readonly revision: number;
      readonly applied: number;
      readonly part: number;
    }
  /** Behind that key of `now`. */
  | { readonly stage: "live"; readonly key: Bytes }
  /** Behind that row of `old`. */
  | { readonly stage: "superseded"; readonly key: Bytes; readonly until: number };

/** A version as it stands in a row, whose lease is 8 bytes or null. */
export type VersionRecord = {
  readonly key: Bytes;
  readonly create_revision: number;
  readonly mod_revision: number;
  readonly version: number;
  readonly sub: number;
  readonly lease: Bytes | null;
  /** To those before it in the history; see `trail.ts`. */
  readonly trail: Bytes | null;
  readonly value: Bytes;
};

/** A history row without the wall clock, which is not replicated. */
export type HistoryRecord = {
  readonly revision: number;
  readonly applied: number;
  readonly part: number;
  readonly time: number;
  readonly requests: Bytes;
  readonly events: Bytes;
  readonly replaced: Bytes | null;
};

export type SnapshotRecord =
  /** The next piece of an unversioned body. */
  | { readonly kind: "unversioned"; readonly name: string; readonly bytes: Bytes }
  | { readonly kind: "history"; readonly row: HistoryRecord }
  | { readonly kind: "live"; readonly row: VersionRecord }
  | { readonly kind: "superseded"; readonly until: number; readonly row: VersionRecord };

/** A part as its receiver reads it. `next` is null in the last. */
export interface DecodedPart {
  readonly from: Bytes;
  readonly next: Bytes | null;
  readonly records: readonly SnapshotRecord[];
}

/** What the store itself adds to the unversioned state: where it was pinned. */
export interface StorePin {
  readonly index: number;
  readonly revision: number;
  readonly compacted: number;
  readonly time: number;
}

/** The name under which a StorePin travels among the unversioned bodies. */
export const STORE_PIN = "store";

// The order of these lists is the wire order: append, never reorder.
const STAGES: readonly SnapshotPlace["stage"][] = ["unversioned", "history", "live", "superseded"];
// The last three are of cluster version 5 and above: with replaced versions, and with a trail.
const KINDS = [
  "unversioned",
  "history",
  "live",
  "superseded",
  "historyReplacing",
  "liveTrailed",
  "supersededTrailed",
] as const;

const BEGINNING: SnapshotPlace = { stage: "unversioned", item: 0, offset: 0 };

/** The beginning is no bytes at all, so that one who holds nothing yet can name it. */
export const FIRST_CURSOR: Bytes = EMPTY;

export function encodeCursor(place: SnapshotPlace): Bytes {
  const writer = new Writer().byte(STAGES.indexOf(place.stage));
  switch (place.stage) {
    case "unversioned":
      return writer.uint(place.item).uint(place.offset).finish();
    case "history":
      // The part before the first row of a segment is -1.
      writer.uint(place.segment).uint(place.revision).int(place.applied).int(place.part);
      return writer.finish();
    case "live":
      return writer.bytes(place.key).finish();
    case "superseded":
      return writer.bytes(place.key).uint(place.until).finish();
    default:
      return place satisfies never;
  }
}

/** @throws CodecError on anything that is no cursor. */
export function decodeCursor(cursor: Bytes): SnapshotPlace {
  if (cursor.length === 0) return BEGINNING;
  const reader = new Reader(cursor);
  const place = readPlace(reader);
  reader.end();
  return place;
}

function readPlace(reader: Reader): SnapshotPlace {
  const stage = STAGES[reader.byte()];
  switch (stage) {
    case "unversioned":
      return { stage, item: reader.uint(), offset: reader.uint() };
    case "history": {
      const [segment, revision] = [reader.uint(), reader.uint()];
      return { stage, segment, revision, applied: reader.int(), part: reader.int() };
    }
    case "live":
      return { stage, key: reader.bytes() };
    case "superseded":
      return { stage, key: reader.bytes(), until: reader.uint() };
    default:
      throw new CodecError("a cursor names no stage of a snapshot");
  }
}

/** A part, sealed. */
export function encodePart(from: Bytes, next: Bytes | null, records: Writer): Bytes {
  const writer = new Writer().bytes(from).flag(next !== null);
  if (next !== null) writer.bytes(next);
  return seal(writer.raw(records.finish()).finish());
}

/** @throws CodecError when the bytes are not what was sealed. */
export function decodePart(data: Bytes): DecodedPart {
  const reader = new Reader(unseal(data));
  const from = reader.bytes();
  const next = reader.flag() ? reader.bytes() : null;
  const records: SnapshotRecord[] = [];
  while (!reader.done) records.push(readRecord(reader));
  return { from, next, records };
}

export function writeRecord(writer: Writer, record: SnapshotRecord): void {
  writer.byte(KINDS.indexOf(kindOf(record)));
  switch (record.kind) {
    case "unversioned":
      writer.text(record.name).bytes(record.bytes);
      return;
    case "history": {
      const { revision, applied, part, time, requests, events, replaced } = record.row;
      writer.uint(revision).uint(applied).uint(part).uint(time).bytes(requests).bytes(events);
      if (replaced !== null) writer.bytes(replaced);
      return;
    }
    case "live":
      return writeVersion(writer, record.row);
    case "superseded":
      return writeVersion(writer.uint(record.until), record.row);
    default:
      record satisfies never;
  }
}

type Kind = (typeof KINDS)[number];

function kindOf(record: SnapshotRecord): Kind {
  switch (record.kind) {
    case "unversioned":
      return record.kind;
    case "history":
      return record.row.replaced === null ? record.kind : "historyReplacing";
    case "live":
      return record.row.trail === null ? record.kind : "liveTrailed";
    case "superseded":
      return record.row.trail === null ? record.kind : "supersededTrailed";
    default:
      return record satisfies never;
  }
}

function readRecord(reader: Reader): SnapshotRecord {
  const kind = KINDS[reader.byte()];
  switch (kind) {
    case "unversioned":
      return { kind, name: reader.text(), bytes: reader.bytes() };
    case "history":
    case "historyReplacing": {
      const [revision, applied, part] = [reader.uint(), reader.uint(), reader.uint()];
      const [time, requests, events] = [reader.uint(), reader.bytes(), reader.bytes()];
      const replaced = kind === "history" ? null : reader.bytes();
      const row = { revision, applied, part, time, requests, events, replaced };
      return { kind: "history", row };
    }
    case "live":
    case "liveTrailed":
      return { kind: "live", row: readVersion(reader, kind === "liveTrailed") };
    case "superseded":
    case "supersededTrailed": {
      const until = reader.uint();
      return { kind: "superseded", until, row: readVersion(reader, kind === "supersededTrailed") };
    }
    default:
      throw new CodecError("a record of a snapshot has an unknown kind");
  }
}

function writeVersion(writer: Writer, row: VersionRecord): void {
  writer.bytes(row.key).uint(row.create_revision).uint(row.mod_revision);
  writer
    .uint(row.version)
    .uint(row.sub)
    .bytes(row.lease ?? EMPTY)
    .bytes(row.value);
  if (row.trail !== null) writer.bytes(row.trail);
}

function readVersion(reader: Reader, isTrailed: boolean): VersionRecord {
  const key = reader.bytes();
  const [create_revision, mod_revision] = [reader.uint(), reader.uint()];
  const [version, sub, lease] = [reader.uint(), reader.uint(), reader.bytes()];
  const value = reader.bytes();
  const trail = isTrailed ? reader.bytes() : null;
  return {
    key,
    create_revision,
    mod_revision,
    version,
    sub,
    lease: lease.length === 0 ? null : lease,
    trail,
    value,
  };
}

export const encodeStorePin = (pin: StorePin): Bytes =>
  new Writer().uint(pin.index).uint(pin.revision).int(pin.compacted).uint(pin.time).finish();

/** @throws CodecError on anything that `encodeStorePin` does not write. */
export function decodeStorePin(body: Bytes): StorePin {
  const reader = new Reader(body);
  const [index, revision, compacted, time] = [
    reader.uint(),
    reader.uint(),
    reader.int(),
    reader.uint(),
  ];
  reader.end();
  return { index, revision, compacted, time };
}
