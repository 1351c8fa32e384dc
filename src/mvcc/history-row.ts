// Owns what stands in a history row: the events of an applied batch in order, and the requests that
// it applied. Both blobs are bare sequences, so that a batch too large for a row is cut anywhere.
// An event carries its revision, as the modRevision of its key.

import { assert, InvariantError } from "../base/assert.ts";
import { seal, unseal } from "../base/checksum.ts";
import { CodecError, Reader, Writer } from "../base/codec.ts";
import type { KeyEvent } from "../base/kv.ts";
import { keyEventBytesMax, readKeyEvent, writeKeyEvent } from "../base/kv-codec.ts";
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

/** What one row holds of a batch. */
export interface HistoryPart {
  /** The store's revision after the last event of this part. */
  readonly revision: Revision;
  readonly requests: Bytes;
  readonly requestCount: number;
  readonly events: Bytes;
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
}): HistoryPart[] {
  const packer = new Packer(batch.begin);
  for (const request of batch.requests) packer.addRequest(request);
  for (const event of batch.events) packer.addEvent(event);
  return packer.finish();
}

class Packer {
  readonly #parts: HistoryPart[] = [];
  #revision: Revision;
  #requests = new Writer();
  #requestCount = 0;
  #events = new Writer();

  constructor(begin: Revision) {
    this.#revision = begin;
  }

  addRequest(request: AppliedRequest): void {
    assert(request.id.length === REQUEST_ID_BYTES, "a request id has 16 bytes");
    this.#makeRoom(request.answer.length + REQUEST_OVERHEAD_BYTES_MAX);
    this.#requests.raw(request.id).uint(request.revision).uint(request.time).bytes(request.answer);
    this.#requestCount++;
  }

  addEvent(event: KeyEvent): void {
    this.#makeRoom(keyEventBytesMax(event));
    writeKeyEvent(this.#events, event);
    this.#revision = event.kv.modRevision;
  }

  finish(): HistoryPart[] {
    this.#close();
    return this.#parts;
  }

  #makeRoom(size: number): void {
    assert(size <= ROW_BYTES_MAX, "what a row must hold at least fits a row");
    if (this.#requests.length + this.#events.length + size > ROW_BYTES_MAX) this.#close();
  }

  #close(): void {
    const requests = seal(this.#requests.finish());
    const events = seal(this.#events.finish());
    const requestCount = this.#requestCount;
    this.#parts.push({ revision: this.#revision, requests, requestCount, events });
    this.#requests = new Writer();
    this.#requestCount = 0;
    this.#events = new Writer();
  }
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
