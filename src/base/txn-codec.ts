// Owns the bytes of transactions: compares, nested operations, answers. See `kv-codec.ts` for what
// they are made of.

import { CodecError, type Reader, type Writer } from "./codec.ts";
import { TXN_OPS_MAX } from "./limits.ts";
import { asLeaseId, asRevision } from "./types.ts";
import {
  readChoice,
  readDeleteRangeAnswer,
  readDeleteRangeRequest,
  readPutAnswer,
  readPutRequest,
  readRangeAnswer,
  readRangeRequest,
  writeChoice,
  writeDeleteRangeAnswer,
  writeDeleteRangeRequest,
  writePutAnswer,
  writePutRequest,
  writeRangeAnswer,
  writeRangeRequest,
  writeRequestNumber,
} from "./kv-codec.ts";
import type { Compare, CompareResult, TxnAnswer, TxnOp, TxnOpAnswer, TxnRequest } from "./kv.ts";

// The order of these lists is the wire order: append, never reorder.
const COMPARE_RESULTS: readonly CompareResult[] = [
  "equal",
  "greater",
  "less",
  "notEqual",
  "always",
];
const COMPARE_TARGETS: readonly Compare["target"][] = [
  "version",
  "create",
  "mod",
  "value",
  "lease",
];
const OP_KINDS: readonly TxnOp["kind"][] = ["range", "put", "deleteRange", "txn", "empty"];
const ANSWER_KINDS: readonly TxnOpAnswer["kind"][] = ["range", "put", "deleteRange", "txn"];

/**
 * How deep txns nest at most, the outermost counted. Each level that holds another takes one
 * operation of its budget (see `--max-txn-ops` of etcd), and the last may be empty.
 */
export const TXN_DEPTH_MAX = TXN_OPS_MAX + 1;

function writeCompare(writer: Writer, compare: Compare): void {
  writer.bytes(compare.key).bytes(compare.rangeEnd);
  writeChoice(writer, COMPARE_RESULTS, compare.result);
  writeChoice(writer, COMPARE_TARGETS, compare.target);
  switch (compare.target) {
    case "value":
      writer.bytes(compare.operand);
      break;
    case "lease":
      writer.id(compare.operand);
      break;
    default:
      writeRequestNumber(writer, compare.operand);
  }
}

function readCompare(reader: Reader): Compare {
  const key = reader.bytes();
  const rangeEnd = reader.bytes();
  const result = readChoice(reader, COMPARE_RESULTS);
  const target = readChoice(reader, COMPARE_TARGETS);
  const common = { key, rangeEnd, result };
  switch (target) {
    case "value":
      return { ...common, target, operand: reader.bytes() };
    case "lease":
      return { ...common, target, operand: asLeaseId(reader.signedId()) };
    default:
      return { ...common, target, operand: reader.int() };
  }
}

function writeTxnOp(writer: Writer, op: TxnOp): void {
  writeChoice(writer, OP_KINDS, op.kind);
  switch (op.kind) {
    case "range":
      return writeRangeRequest(writer, op.request);
    case "put":
      return writePutRequest(writer, op.request);
    case "deleteRange":
      return writeDeleteRangeRequest(writer, op.request);
    case "txn":
      return writeTxnRequest(writer, op.request);
    case "empty":
      return;
    default:
      op satisfies never;
  }
}

function readTxnOp(reader: Reader, depthLeft: number): TxnOp {
  const kind = readChoice(reader, OP_KINDS);
  switch (kind) {
    case "range":
      return { kind, request: readRangeRequest(reader) };
    case "put":
      return { kind, request: readPutRequest(reader) };
    case "deleteRange":
      return { kind, request: readDeleteRangeRequest(reader) };
    case "txn":
      return { kind, request: readTxnAt(reader, depthLeft) };
    case "empty":
      return { kind };
    default:
      return kind satisfies never;
  }
}

export function writeTxnRequest(writer: Writer, request: TxnRequest): void {
  writer.list(request.compare, writeCompare);
  writer.list(request.success, writeTxnOp);
  writer.list(request.failure, writeTxnOp);
}

/** @throws CodecError also when txns nest deeper than TXN_DEPTH_MAX: the stack is finite. */
export const readTxnRequest = (reader: Reader): TxnRequest => readTxnAt(reader, TXN_DEPTH_MAX);

function readTxnAt(reader: Reader, depthLeft: number): TxnRequest {
  if (depthLeft === 0) throw new CodecError(`txns nest deeper than ${TXN_DEPTH_MAX}`);
  const readOp = (ops: Reader): TxnOp => readTxnOp(ops, depthLeft - 1);
  return {
    compare: reader.list(readCompare),
    success: reader.list(readOp),
    failure: reader.list(readOp),
  };
}

function writeTxnOpAnswer(writer: Writer, response: TxnOpAnswer): void {
  writeChoice(writer, ANSWER_KINDS, response.kind);
  if (response.kind === "txn") return writeTxnAnswer(writer, response.answer);
  writer.uint(response.revision);
  switch (response.kind) {
    case "range":
      return writeRangeAnswer(writer, response.answer);
    case "put":
      return writePutAnswer(writer, response.answer);
    case "deleteRange":
      return writeDeleteRangeAnswer(writer, response.answer);
    default:
      response satisfies never;
  }
}

function readTxnOpAnswer(reader: Reader, depthLeft: number): TxnOpAnswer {
  const kind = readChoice(reader, ANSWER_KINDS);
  if (kind === "txn") return { kind, answer: readTxnAnswerAt(reader, depthLeft) };
  const revision = asRevision(reader.uint());
  switch (kind) {
    case "range":
      return { kind, revision, answer: readRangeAnswer(reader) };
    case "put":
      return { kind, revision, answer: readPutAnswer(reader) };
    case "deleteRange":
      return { kind, revision, answer: readDeleteRangeAnswer(reader) };
    default:
      return kind satisfies never;
  }
}

export function writeTxnAnswer(writer: Writer, answer: TxnAnswer): void {
  writer.flag(answer.succeeded).list(answer.responses, writeTxnOpAnswer);
}

/** @throws CodecError also when answers nest deeper than TXN_DEPTH_MAX. */
export const readTxnAnswer = (reader: Reader): TxnAnswer => readTxnAnswerAt(reader, TXN_DEPTH_MAX);

function readTxnAnswerAt(reader: Reader, depthLeft: number): TxnAnswer {
  if (depthLeft === 0) throw new CodecError(`answers nest deeper than ${TXN_DEPTH_MAX}`);
  const readResponse = (responses: Reader): TxnOpAnswer =>
    readTxnOpAnswer(responses, depthLeft - 1);
  return { succeeded: reader.flag(), responses: reader.list(readResponse) };
}
