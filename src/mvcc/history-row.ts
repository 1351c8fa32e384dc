// Owns what stands in a history row: the events of an applied batch in order, the versions that plain
// puts among them replaced, and the requests that it applied. The blobs are bare sequences, so that a
// batch too large for a row is cut anywhere. An event carries its revision, as the modRevision of its
// key; what it replaced is in the same row.

import { assert, InvariantError } from "../base/assert.ts";
import { EMPTY } from "../base/bytes.ts";
import { seal, unseal } from "../base/checksum.ts";
import { CodecError, Reader, Writer } from "../base/codec.ts";
import type { KeyEvent, KeyValue } from "../base/kv.ts";
import {
  keyEventBytesMax,
  keyValueBytesMax,
  readKeyEvent,
  readKeyValue,
  writeKeyEvent,
  writeKeyValue,
} from "../base/kv-codec.ts";
import { ROW_BYTES_MAX } from "../base/limits.ts";
import { asClusterTime, asRevision, type Bytes } from "../base/types.ts";
import type { ClusterTime, Revision } from "../base/types.ts";

/** A write that was applied: what a repeat of its request must be told. */
export interface AppliedRequest {
  /** 16 bytes that name the request. */
  readonly id: Bytes;
  /** The store's revision after it, whether or not it changed anything. */
  readonly revision: Revision;
  /** The time of its entry. */
  readonly time: ClusterTime;
  /** The encoded answer; empty if it is not kept. */
  readonly answer: Bytes;
}

/** A version that stands in the history, beside the event that replaced it. */
export interface Replaced {
  /** The revision of that event: the version is visible below it. */
  readonly until: Revision;
  readonly kv: KeyValue;
  /** Which change of its revision made it. */
  readonly sub: number;
  /** How those before it are found; null when there are none in the history. */
  readonly trail: Bytes | null;
}

/** What one row holds of a batch. */
export interface HistoryPart {
  /** The store's revision after the last event of this part. */
  readonly revision: Revision;
  readonly requests: Bytes;
  readonly requestCount: number;
  readonly events: Bytes;
  /** Null for none. */
  readonly replaced: Bytes | null;
}

const REQUEST_ID_BYTES = 16;
/** Id, three varints. */
const REQUEST_OVERHEAD_BYTES_MAX = REQUEST_ID_BYTES + 24;

/**
 * Packs a batch into as few parts as ROW_BYTES_MAX allows, at least one. `begin` is the store's
 * revision before the batch.
 */
export function packBatch(batch: {
  readonly begin: Revision;
  readonly requests: readonly AppliedRequest[];
  readonly events: readonly KeyEvent[];
  /** By the revision of the event that replaced each, the only one of its revision. */
  readonly replaced: ReadonlyMap<number, Replaced>;
}): HistoryPart[] {
  const packer = new Packer(batch.begin);
  for (const request of batch.requests) packer.addRequest(request);
  for (const event of batch.events) {
    packer.addEvent(event, batch.replaced.get(event.kv.modRevision));
  }
  return packer.finish();
}

class Packer {
  readonly #parts: HistoryPart[] = [];
  #revision: Revision;
  #requests = new Writer();
  #requestCount = 0;
  #events = new Writer();
  #replaced = new Writer();

  constructor(begin: Revision) {
    this.#revision = begin;
  }

  addRequest(request: AppliedRequest): void {
    assert(request.id.length === REQUEST_ID_BYTES, "a request id has 16 bytes");
    this.#makeRoom(request.answer.length + REQUEST_OVERHEAD_BYTES_MAX);
    this.#requests.raw(request.id).uint(request.revision).uint(request.time).bytes(request.answer);
    this.#requestCount++;
  }

  addEvent(event: KeyEvent, replaced: Replaced | undefined): void {
    this.#makeRoom(
      keyEventBytesMax(event) + (replaced === undefined ? 0 : replacedBytesMax(replaced)),
    );
    writeKeyEvent(this.#events, event);
    if (replaced !== undefined) writeReplaced(this.#replaced, replaced);
    this.#revision = event.kv.modRevision;
  }

  finish(): HistoryPart[] {
    this.#close();
    return this.#parts;
  }

  #makeRoom(size: number): void {
    assert(size <= ROW_BYTES_MAX, "what a row must hold at least fits a row");
    const bytes = this.#requests.length + this.#events.length + this.#replaced.length;
    if (bytes + size > ROW_BYTES_MAX) this.#close();
  }

  #close(): void {
    const requests = seal(this.#requests.finish());
    const events = seal(this.#events.finish());
    const requestCount = this.#requestCount;
    const replaced = this.#replaced.length === 0 ? null : seal(this.#replaced.finish());
    this.#parts.push({ revision: this.#revision, requests, requestCount, events, replaced });
    this.#requests = new Writer();
    this.#requestCount = 0;
    this.#events = new Writer();
    this.#replaced = new Writer();
  }
}

/** Three numbers and the trail's length. */
const replacedBytesMax = ({ kv, trail }: Replaced): number =>
  keyValueBytesMax(kv) + (trail?.length ?? 0) + 32;

function writeReplaced(writer: Writer, { until, kv, sub, trail }: Replaced): void {
  writeKeyValue(writer.uint(until).uint(sub), kv);
  writer.bytes(trail ?? EMPTY);
}

/** @throws InvariantError when the bytes are damaged. */
export function unpackReplaced(replaced: Bytes): Replaced[] {
  return readSequence(replaced, "replaced versions", (reader) => {
    const [until, sub] = [asRevision(reader.uint()), reader.uint()];
    const kv = readKeyValue(reader);
    const trail = reader.bytes();
    return { until, sub, kv, trail: trail.length === 0 ? null : trail };
  });
}

/** @throws InvariantError when the bytes are damaged. */
export function unpackEvents(events: Bytes): KeyEvent[] {
  return readSequence(events, "events", readKeyEvent);
}

/** @throws InvariantError when the bytes are damaged. */
export function unpackRequests(requests: Bytes): AppliedRequest[] {
  return readSequence(requests, "requests", (reader) => ({
    id: reader.raw(REQUEST_ID_BYTES),
    revision: asRevision(reader.uint()),
    time: asClusterTime(reader.uint()),
    answer: reader.bytes(),
  }));
}

function readSequence<T>(bytes: Bytes, name: string, read: (reader: Reader) => T): T[] {
  try {
    const reader = new Reader(unseal(bytes));
    const items: T[] = [];
    while (!reader.done) items.push(read(reader));
    return items;
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new InvariantError(`the ${name} of a history row are damaged: ${error.message}`);
  }
}
