// Owns the bytes of requests within a session: what is common to all, then the fields of each kind.

import { CodecError, Reader, Writer } from "../base/codec.ts";
import {
  readDeleteRangeRequest,
  readPutRequest,
  readRangeRequest,
  writeDeleteRangeRequest,
  writePutRequest,
  writeRangeRequest,
  writeRequestNumber,
} from "../base/kv-codec.ts";
import { isIdempotencyKey } from "../base/idempotency-key.ts";
import { readTxnRequest, writeTxnRequest } from "../base/txn-codec.ts";
import { asLeaseId, asRevision, NO_LEASE, type Bytes, type LeaseId } from "../base/types.ts";
import type { Freshness } from "./replica.ts";
import {
  SESSION_REQUESTS,
  type SessionCall,
  type SessionRequest,
  type SessionRequestKind,
} from "./session-call.ts";

const HAS_MIN_REVISION = 1;
const HAS_MAX_STALENESS = 2;
const HAS_TRACE = 4;
const HAS_IDEMPOTENCY_KEY = 8;
const KNOWN_FLAGS = HAS_MIN_REVISION | HAS_MAX_STALENESS | HAS_TRACE | HAS_IDEMPOTENCY_KEY;

const REQUEST_ID_BYTES = 16;
const TRACE_BYTES = 16;

export function writeSessionCall(writer: Writer, call: SessionCall): void {
  const { request, freshness, requestId, idempotencyKey, trace, timeoutMs } = call;
  const minRevision = freshness?.minRevision ?? null;
  const maxStalenessMs = freshness?.maxStalenessMs ?? null;
  const flags =
    (minRevision === null ? 0 : HAS_MIN_REVISION) |
    (maxStalenessMs === null ? 0 : HAS_MAX_STALENESS) |
    (trace === "" ? 0 : HAS_TRACE) |
    (idempotencyKey === undefined ? 0 : HAS_IDEMPOTENCY_KEY);
  writer.byte(1 + SESSION_REQUESTS.indexOf(request.kind)).byte(flags);
  writer.raw(requestId).uint(timeoutMs);
  if (minRevision !== null) writer.uint(minRevision);
  if (maxStalenessMs !== null) writer.uint(maxStalenessMs);
  if (trace !== "") writer.raw(bytesOfTrace(trace));
  if (idempotencyKey !== undefined) writer.text(idempotencyKey);
  writeRequest(writer, request);
}

/**
 * Null for a kind of request, or a flag, that this code does not know: its client is newer.
 *
 * @throws CodecError for what is no request.
 */
export function readSessionCall(reader: Reader): SessionCall | null {
  const kind = SESSION_REQUESTS[reader.byte() - 1];
  const flags = reader.byte();
  if (kind === undefined || flags > KNOWN_FLAGS) return null;
  const requestId = reader.raw(REQUEST_ID_BYTES);
  const timeoutMs = reader.uint();
  const freshness = readFreshness(reader, flags);
  const trace = (flags & HAS_TRACE) === 0 ? "" : traceOfBytes(reader.raw(TRACE_BYTES));
  const key = (flags & HAS_IDEMPOTENCY_KEY) === 0 ? null : readIdempotencyKey(reader);
  const request = readRequest(reader, kind);
  reader.end();
  const fresh = freshness === null ? {} : { freshness };
  const keyed = key === null ? {} : { idempotencyKey: key };
  return { request, requestId, timeoutMs, trace, ...fresh, ...keyed };
}

function readIdempotencyKey(reader: Reader): string {
  const key = reader.text();
  if (!isIdempotencyKey(key)) throw new CodecError("that is no idempotency key");
  return key;
}

function readFreshness(reader: Reader, flags: number): Freshness | null {
  const minRevision = (flags & HAS_MIN_REVISION) === 0 ? null : asRevision(reader.uint());
  const maxStalenessMs = (flags & HAS_MAX_STALENESS) === 0 ? null : reader.uint();
  return minRevision === null && maxStalenessMs === null ? null : { minRevision, maxStalenessMs };
}

/** W3C's trace ids are 32 hexadecimal digits. */
const bytesOfTrace = (trace: string): Bytes =>
  Uint8Array.from({ length: TRACE_BYTES }, (_, n) => Number(`0x${trace.slice(2 * n, 2 * n + 2)}`));

const traceOfBytes = (bytes: Bytes): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function writeRequest(writer: Writer, request: SessionRequest): void {
  switch (request.kind) {
    case "range":
      return writeRangeRequest(writer.flag(request.serializable), request.request);
    case "put":
      return writePutRequest(writer, request.request);
    case "deleteRange":
      return writeDeleteRangeRequest(writer, request.request);
    case "txn":
      return writeTxnRequest(writer, request.request);
    case "compact":
      return writeRequestNumber(writer.flag(request.physical), request.revision);
    case "leaseGrant":
      return writeRequestNumber(writer.id(request.id), request.ttlSeconds);
    case "leaseRevoke":
    case "leaseKeepAlive":
      return void writer.id(request.id);
    case "leaseTimeToLive":
      return void writer.id(request.id).flag(request.keys);
    case "memberList":
      return void writer.flag(request.linearizable);
    case "leaseLeases":
    case "status":
      return;
    default:
      request satisfies never;
  }
}

function readRequest(reader: Reader, kind: SessionRequestKind): SessionRequest {
  // The fields of an object literal are evaluated in the order in which they are written.
  switch (kind) {
    case "range":
      return { kind, serializable: reader.flag(), request: readRangeRequest(reader) };
    case "put":
      return { kind, request: readPutRequest(reader) };
    case "deleteRange":
      return { kind, request: readDeleteRangeRequest(reader) };
    case "txn":
      return { kind, request: readTxnRequest(reader) };
    case "compact":
      return { kind, physical: reader.flag(), revision: reader.int() };
    case "leaseGrant":
      return { kind, id: readNewLease(reader), ttlSeconds: reader.int() };
    case "leaseRevoke":
    case "leaseKeepAlive":
      return { kind, id: asLeaseId(reader.signedId()) };
    case "leaseTimeToLive":
      return { kind, id: asLeaseId(reader.signedId()), keys: reader.flag() };
    case "memberList":
      return { kind, linearizable: reader.flag() };
    case "leaseLeases":
    case "status":
      return { kind };
    default:
      return kind satisfies never;
  }
}

/** Nobody picks an id for the client here: a repeat of its request must name the same lease. */
function readNewLease(reader: Reader): LeaseId {
  const id = asLeaseId(reader.signedId());
  if (id === NO_LEASE) throw new CodecError("a lease needs an id");
  return id;
}
