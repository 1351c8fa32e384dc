// Owns the bytes of answers within a session: the kind of outcome, etcd's header, the result.

import { readAlarm, writeAlarm } from "../base/alarm-codec.ts";
import { InvariantError } from "../base/assert.ts";
import { CodecError, Reader, Writer } from "../base/codec.ts";
import {
  readDeleteRangeAnswer,
  readPutAnswer,
  readRangeAnswer,
  writeDeleteRangeAnswer,
  writePutAnswer,
  writeRangeAnswer,
} from "../base/kv-codec.ts";
import type { StatusAnswer } from "../base/maintenance.ts";
import type { MemberStatus } from "../base/membership.ts";
import { REFUSALS, type Refusal } from "../base/refusal.ts";
import { readTxnAnswer, writeTxnAnswer } from "../base/txn-codec.ts";
import {
  asClusterId,
  asLeaseId,
  asLogIndex,
  asMemberId,
  asRevision,
  asTerm,
  type Bytes,
  type LeaseId,
  type MemberId,
} from "../base/types.ts";
import { refusalError } from "./error.ts";
import type { GrpcCode } from "./grpc-code.ts";
import type { Header } from "./replica.ts";
import { SESSION_RESULTS, type SessionAnswer, type SessionResult } from "./session-call.ts";

// Numbers are part of the protocol: append, never change.
const ANSWERED = 1;
const REFUSED = 2;
const REDIRECT = 3;
const OVERWRITTEN = 4;
const TIMEOUT = 5;
const UNSUPPORTED = 6;

/** The refusal as its client hears it: a name for code that knows it, and etcd's words for all. */
export function refusedAnswer(refusal: Refusal, header: Header): SessionAnswer {
  const { code, message } = refusalError(refusal);
  return { kind: "refused", header, refusal, code, message };
}

export function encodeSessionAnswer(answer: SessionAnswer): Bytes {
  const writer = new Writer();
  writeSessionAnswer(writer, answer);
  return writer.finish();
}

export function writeSessionAnswer(writer: Writer, answer: SessionAnswer): void {
  switch (answer.kind) {
    case "answered":
      writeHeader(writer.byte(ANSWERED), answer.header);
      writeResult(writer, answer.result);
      break;
    case "refused":
      writeHeader(writer.byte(REFUSED), answer.header);
      writer.uint(answer.refusal === null ? REFUSALS.length : REFUSALS.indexOf(answer.refusal));
      writer.byte(answer.code).text(answer.message);
      break;
    case "redirect":
      writeOptionalId(writer.byte(REDIRECT), answer.leader);
      writer.uint(answer.term);
      break;
    case "overwritten":
      writer.byte(OVERWRITTEN);
      break;
    case "timeout":
      writer.byte(TIMEOUT);
      break;
    case "unsupported":
      writer.byte(UNSUPPORTED);
      break;
    default:
      answer satisfies never;
  }
}

/** @throws CodecError for what is no answer, or one of newer code. */
export function decodeSessionAnswer(body: Uint8Array): SessionAnswer {
  const reader = new Reader(body);
  const answer = readSessionAnswer(reader);
  reader.end();
  return answer;
}

/** @throws CodecError as `decodeSessionAnswer`, which also minds what is left over. */
export function readSessionAnswer(reader: Reader): SessionAnswer {
  const tag = reader.byte();
  switch (tag) {
    case ANSWERED:
      return { kind: "answered", header: readHeader(reader), result: readResult(reader) };
    case REFUSED:
      return {
        kind: "refused",
        header: readHeader(reader),
        refusal: REFUSALS[reader.uint()] ?? null,
        code: reader.byte() as GrpcCode,
        message: reader.text(),
      };
    case REDIRECT:
      return { kind: "redirect", leader: readOptionalId(reader), term: asTerm(reader.uint()) };
    case OVERWRITTEN:
      return { kind: "overwritten" };
    case TIMEOUT:
      return { kind: "timeout" };
    case UNSUPPORTED:
      return { kind: "unsupported" };
    default:
      throw new CodecError(`${tag} is no outcome of a request`);
  }
}

function writeHeader(writer: Writer, { clusterId, memberId, revision, term }: Header): void {
  writer.id(clusterId).id(memberId).uint(revision).uint(term);
}

function readHeader(reader: Reader): Header {
  return {
    clusterId: asClusterId(reader.id()),
    memberId: asMemberId(reader.id()),
    revision: asRevision(reader.uint()),
    term: asTerm(reader.uint()),
  };
}

function writeOptionalId(writer: Writer, id: MemberId | null): Writer {
  writer.flag(id !== null);
  return id === null ? writer : writer.id(id);
}

const readOptionalId = (reader: Reader): MemberId | null =>
  reader.flag() ? asMemberId(reader.id()) : null;

const readLease = (reader: Reader): LeaseId => asLeaseId(reader.signedId());

function writeResult(writer: Writer, result: SessionResult): void {
  writer.byte(1 + SESSION_RESULTS.indexOf(result.kind));
  switch (result.kind) {
    case "range":
      return writeRangeAnswer(writer, result.answer);
    case "put":
      return writePutAnswer(writer, result.answer);
    case "deleteRange":
      return writeDeleteRangeAnswer(writer, result.answer);
    case "txn":
      return writeTxnAnswer(writer, result.answer);
    case "leaseGrant":
    case "leaseKeepAlive":
      return void writer.id(result.answer.id).int(result.answer.ttlSeconds);
    case "leaseTimeToLive": {
      const { id, ttlSeconds, grantedTtlSeconds, keys } = result.answer;
      writer.id(id).int(ttlSeconds).int(grantedTtlSeconds);
      return void writer.list(keys, (item, key) => item.bytes(key));
    }
    case "leaseLeases":
      return void writer.list(result.answer.leases, (item, id) => item.id(id));
    case "members":
      return void writer.list(result.answer.members, writeMember);
    case "status":
      return writeStatus(writer, result.answer);
    case "compact":
    case "leaseRevoke":
      return;
    default:
      result satisfies never;
  }
}

function readResult(reader: Reader): SessionResult {
  const kind = SESSION_RESULTS[reader.byte() - 1];
  switch (kind) {
    case "range":
      return { kind, answer: readRangeAnswer(reader) };
    case "put":
      return { kind, answer: readPutAnswer(reader) };
    case "deleteRange":
      return { kind, answer: readDeleteRangeAnswer(reader) };
    case "txn":
      return { kind, answer: readTxnAnswer(reader) };
    case "leaseGrant":
    case "leaseKeepAlive":
      return { kind, answer: { id: readLease(reader), ttlSeconds: reader.int() } };
    case "leaseTimeToLive":
      return { kind, answer: readTimeToLive(reader) };
    case "leaseLeases":
      return { kind, answer: { leases: reader.list(readLease) } };
    case "members":
      return { kind, answer: { members: reader.list(readMember), added: null } };
    case "status":
      return { kind, answer: readStatus(reader) };
    case "compact":
    case "leaseRevoke":
      return { kind };
    case undefined:
      throw new CodecError("a result of a kind that is not known");
    default:
      return kind satisfies never;
  }
}

const readTimeToLive = (reader: Reader) => ({
  id: readLease(reader),
  ttlSeconds: reader.int(),
  grantedTtlSeconds: reader.int(),
  keys: reader.list((item) => item.bytes()),
});

function writeMember(writer: Writer, member: MemberStatus): void {
  writer.id(member.id).text(member.region).uint(member.generation);
  writer.flag(member.isLearner).flag(member.isStarted);
}

const readMember = (reader: Reader): MemberStatus => ({
  id: asMemberId(reader.id()),
  region: reader.text(),
  generation: reader.uint(),
  isLearner: reader.flag(),
  isStarted: reader.flag(),
});

function writeStatus(writer: Writer, status: StatusAnswer): void {
  writeOptionalId(writer, status.leader).uint(status.term);
  writer.uint(status.commit).uint(status.applied).flag(status.isLearner);
  writer.list(status.alarms, writeAlarm);
  writer.uint(status.sizeBytes).uint(status.inUseBytes).uint(status.quotaBytes);
}

const readStatus = (reader: Reader): StatusAnswer => ({
  leader: readOptionalId(reader),
  term: asTerm(reader.uint()),
  commit: asLogIndex(reader.uint()),
  applied: asLogIndex(reader.uint()),
  isLearner: reader.flag(),
  alarms: reader.list(readKnownAlarm),
  sizeBytes: reader.uint(),
  inUseBytes: reader.uint(),
  quotaBytes: reader.uint(),
});

/** For a replica an alarm that it does not know is damage; for a client it is a newer replica. */
function readKnownAlarm(reader: Reader): StatusAnswer["alarms"][number] {
  try {
    return readAlarm(reader);
  } catch (error) {
    if (error instanceof InvariantError) throw new CodecError(error.message);
    throw error;
  }
}
