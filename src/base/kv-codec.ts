// Owns the bytes of the key-value words: key-values, events, lone requests and their answers, and
// results. Log entries, history rows and sessions are made of them; `txn-codec.ts` has txns.
// Deterministic: equal values have equal bytes, on every replica and in every version.

import { CodecError, type Reader, type Writer } from "./codec.ts";
import { EMPTY } from "./bytes.ts";
import { REFUSALS, type Refusal } from "./refusal.ts";
import { accept, refuse, type Result } from "./result.ts";
import { asLeaseId, asRevision, NO_LEASE, type LeaseId } from "./types.ts";
import type {
  DeleteRangeAnswer,
  DeleteRangeRequest,
  KeyEvent,
  KeyValue,
  PutAnswer,
  PutRequest,
  RangeAnswer,
  RangeRequest,
  SortOrder,
  SortTarget,
} from "./kv.ts";

// The order of these lists is the wire order: append, never reorder.
const SORT_ORDERS: readonly SortOrder[] = ["none", "ascend", "descend"];
const SORT_TARGETS: readonly SortTarget[] = ["key", "version", "create", "mod", "value"];
const EVENT_KINDS: readonly KeyEvent["kind"][] = ["put", "delete"];

/** The largest number, of either sign, that a request keeps exactly: what `Writer.int` takes. */
const REQUEST_NUMBER_MAX = 2 ** 51;

/** What an event's bytes can add to those of its key and value: lengths, numbers, lease. */
const EVENT_OVERHEAD_BYTES_MAX = 48;

/** Puts one of `choices` as its position. */
export function writeChoice<T>(writer: Writer, choices: readonly T[], choice: T): void {
  writer.byte(choices.indexOf(choice));
}

/** @throws CodecError when the byte names none of `choices`. */
export function readChoice<T>(reader: Reader, choices: readonly T[]): T {
  const position = reader.byte();
  const choice = choices[position];
  if (choice === undefined) throw new CodecError(`${position} names none of ${choices.length}`);
  return choice;
}

/**
 * Puts a number that a client chose. One beyond 2^51 becomes 2^51 with its sign: no revision,
 * version or count ever reaches either, so the request means the same.
 */
export function writeRequestNumber(writer: Writer, value: number): void {
  writer.int(Math.max(-REQUEST_NUMBER_MAX, Math.min(REQUEST_NUMBER_MAX, value)));
}

function writeLease(writer: Writer, lease: LeaseId): void {
  // Most keys have no lease: one byte says so, instead of eight.
  writer.flag(lease !== NO_LEASE);
  if (lease !== NO_LEASE) writer.id(lease);
}

const readLease = (reader: Reader): LeaseId =>
  reader.flag() ? asLeaseId(reader.signedId()) : NO_LEASE;

export function writeKeyValue(writer: Writer, kv: KeyValue): void {
  writer.bytes(kv.key).uint(kv.createRevision).uint(kv.modRevision).uint(kv.version);
  writer.bytes(kv.value);
  writeLease(writer, kv.lease);
}

export function readKeyValue(reader: Reader): KeyValue {
  const key = reader.bytes();
  const createRevision = asRevision(reader.uint());
  const modRevision = asRevision(reader.uint());
  const version = reader.uint();
  const value = reader.bytes();
  return { key, createRevision, modRevision, version, value, lease: readLease(reader) };
}

function writeOptionalKeyValue(writer: Writer, kv: KeyValue | null): void {
  writer.flag(kv !== null);
  if (kv !== null) writeKeyValue(writer, kv);
}

const readOptionalKeyValue = (reader: Reader): KeyValue | null =>
  reader.flag() ? readKeyValue(reader) : null;

/** Of a deletion only key and modRevision are put: it has nothing else. */
export function writeKeyEvent(writer: Writer, event: KeyEvent): void {
  writeChoice(writer, EVENT_KINDS, event.kind);
  if (event.kind === "put") writeKeyValue(writer, event.kv);
  else writer.bytes(event.kv.key).uint(event.kv.modRevision);
}

export function readKeyEvent(reader: Reader): KeyEvent {
  const kind = readChoice(reader, EVENT_KINDS);
  if (kind === "put") return { kind, kv: readKeyValue(reader) };
  const key = reader.bytes();
  const modRevision = asRevision(reader.uint());
  const createRevision = asRevision(0);
  const kv = { key, createRevision, modRevision, version: 0, value: EMPTY, lease: NO_LEASE };
  return { kind, kv };
}

/** An upper bound of the bytes that `writeKeyValue` puts, without putting them. */
export const keyValueBytesMax = ({ key, value }: KeyValue): number =>
  key.length + value.length + EVENT_OVERHEAD_BYTES_MAX;

/** The same of `writeKeyEvent`. */
export const keyEventBytesMax = (event: KeyEvent): number => keyValueBytesMax(event.kv);

export function writeRangeRequest(writer: Writer, request: RangeRequest): void {
  writer.bytes(request.key).bytes(request.rangeEnd);
  writeRequestNumber(writer, request.limit);
  writeRequestNumber(writer, request.revision);
  writeChoice(writer, SORT_ORDERS, request.sortOrder);
  writeChoice(writer, SORT_TARGETS, request.sortTarget);
  writer.flag(request.keysOnly).flag(request.countOnly);
  writeRequestNumber(writer, request.minModRevision);
  writeRequestNumber(writer, request.maxModRevision);
  writeRequestNumber(writer, request.minCreateRevision);
  writeRequestNumber(writer, request.maxCreateRevision);
}

export function readRangeRequest(reader: Reader): RangeRequest {
  // The fields of an object literal are evaluated in the order in which they are written.
  return {
    key: reader.bytes(),
    rangeEnd: reader.bytes(),
    limit: reader.int(),
    revision: reader.int(),
    sortOrder: readChoice(reader, SORT_ORDERS),
    sortTarget: readChoice(reader, SORT_TARGETS),
    keysOnly: reader.flag(),
    countOnly: reader.flag(),
    minModRevision: reader.int(),
    maxModRevision: reader.int(),
    minCreateRevision: reader.int(),
    maxCreateRevision: reader.int(),
  };
}

export function writePutRequest(writer: Writer, request: PutRequest): void {
  writer.bytes(request.key).bytes(request.value);
  writeLease(writer, request.lease);
  writer.flag(request.prevKv).flag(request.ignoreValue).flag(request.ignoreLease);
}

export function readPutRequest(reader: Reader): PutRequest {
  return {
    key: reader.bytes(),
    value: reader.bytes(),
    lease: readLease(reader),
    prevKv: reader.flag(),
    ignoreValue: reader.flag(),
    ignoreLease: reader.flag(),
  };
}

export function writeDeleteRangeRequest(writer: Writer, request: DeleteRangeRequest): void {
  writer.bytes(request.key).bytes(request.rangeEnd).flag(request.prevKv);
}

export function readDeleteRangeRequest(reader: Reader): DeleteRangeRequest {
  return { key: reader.bytes(), rangeEnd: reader.bytes(), prevKv: reader.flag() };
}

export function writeRangeAnswer(writer: Writer, answer: RangeAnswer): void {
  writer.list(answer.kvs, writeKeyValue).flag(answer.more).uint(answer.count);
}

export function readRangeAnswer(reader: Reader): RangeAnswer {
  return { kvs: reader.list(readKeyValue), more: reader.flag(), count: reader.uint() };
}

export function writePutAnswer(writer: Writer, answer: PutAnswer): void {
  writeOptionalKeyValue(writer, answer.prevKv);
}

export function readPutAnswer(reader: Reader): PutAnswer {
  return { prevKv: readOptionalKeyValue(reader) };
}

export function writeDeleteRangeAnswer(writer: Writer, answer: DeleteRangeAnswer): void {
  writer.uint(answer.deleted).list(answer.prevKvs, writeKeyValue);
}

export function readDeleteRangeAnswer(reader: Reader): DeleteRangeAnswer {
  return { deleted: reader.uint(), prevKvs: reader.list(readKeyValue) };
}

export function writeRefusal(writer: Writer, refusal: Refusal): void {
  writeChoice(writer, REFUSALS, refusal);
}

export const readRefusal = (reader: Reader): Refusal => readChoice(reader, REFUSALS);

/** Puts an answer as `writeValue` does, or the refusal. */
export function writeResult<T>(
  writer: Writer,
  result: Result<T, Refusal>,
  writeValue: (writer: Writer, value: T) => void,
): void {
  writer.flag(result.ok);
  if (result.ok) writeValue(writer, result.value);
  else writeRefusal(writer, result.error);
}

export function readResult<T>(
  reader: Reader,
  readValue: (reader: Reader) => T,
): Result<T, Refusal> {
  return reader.flag() ? accept(readValue(reader)) : refuse(readRefusal(reader));
}
