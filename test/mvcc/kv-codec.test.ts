// Goal: what is written is read back equal, and what cannot be is refused. Method: properties over
// random values, and damaged bytes.

import * as fc from "fast-check";
import { describe, test } from "vitest";

import { CodecError, Reader, Writer } from "../../src/base/codec.ts";
import { EMPTY } from "../../src/base/bytes.ts";
import {
  keyEventBytesMax,
  readDeleteRangeAnswer,
  readDeleteRangeRequest,
  readKeyEvent,
  readPutAnswer,
  readPutRequest,
  readRangeAnswer,
  readRangeRequest,
  readResult,
  writeDeleteRangeAnswer,
  writeDeleteRangeRequest,
  writeKeyEvent,
  writePutAnswer,
  writePutRequest,
  writeRangeAnswer,
  writeRangeRequest,
  writeResult,
} from "../../src/base/kv-codec.ts";
import type { KeyEvent, KeyValue, TxnAnswer, TxnOpAnswer, TxnRequest } from "../../src/base/kv.ts";
import { REFUSALS } from "../../src/base/refusal.ts";
import { accept, refuse } from "../../src/base/result.ts";
import {
  readTxnAnswer,
  readTxnRequest,
  TXN_DEPTH_MAX,
  writeTxnAnswer,
  writeTxnRequest,
} from "../../src/base/txn-codec.ts";
import { asLeaseId, asRevision, NO_LEASE } from "../../src/base/types.ts";
import { deleteRequest, putRequest, rangeRequest, txnRequest } from "./arbitrary.ts";
import { bytesOf, compare, range, txn, txnOp } from "./fixture.ts";

function roundTrip<T>(
  value: T,
  write: (writer: Writer, value: T) => void,
  read: (reader: Reader) => T,
): T {
  const writer = new Writer();
  write(writer, value);
  const reader = new Reader(writer.finish());
  const back = read(reader);
  reader.end();
  return back;
}

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => new Uint8Array(array));
const revision = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }).map(asRevision);
const keyValue: fc.Arbitrary<KeyValue> = fc.record({
  key: bytes,
  createRevision: revision,
  modRevision: revision,
  version: fc.nat(),
  value: bytes,
  lease: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(asLeaseId),
});
const deletionEvent: fc.Arbitrary<KeyEvent> = fc
  .record({ key: bytes, modRevision: revision })
  .map(({ key, modRevision }) => ({
    kind: "delete",
    kv: {
      key,
      createRevision: asRevision(0),
      modRevision,
      version: 0,
      value: EMPTY,
      lease: NO_LEASE,
    },
  }));
const putEvent: fc.Arbitrary<KeyEvent> = keyValue.map((kv) => ({ kind: "put", kv }));
const rangeAnswer = fc.record({ kvs: fc.array(keyValue), more: fc.boolean(), count: fc.nat() });
const putAnswer = fc.record({ prevKv: fc.option(keyValue) });
const deleteAnswer = fc.record({ deleted: fc.nat(), prevKvs: fc.array(keyValue) });
const txnAnswer: fc.Arbitrary<TxnAnswer> = fc.letrec<{ answer: TxnAnswer; op: TxnOpAnswer }>(
  (tie) => ({
    answer: fc.record({
      succeeded: fc.boolean(),
      responses: fc.array(tie("op"), { maxLength: 3 }),
    }),
    op: fc.oneof(
      { maxDepth: 3 },
      fc.record({ kind: fc.constant("range" as const), revision, answer: rangeAnswer }),
      fc.record({ kind: fc.constant("put" as const), revision, answer: putAnswer }),
      fc.record({ kind: fc.constant("deleteRange" as const), revision, answer: deleteAnswer }),
      fc.record({ kind: fc.constant("txn" as const), answer: tie("answer") }),
    ),
  }),
).answer;

describe("read gives what was written", () => {
  test("requests", ({ expect }) => {
    const property = fc.property(
      rangeRequest,
      putRequest,
      deleteRequest,
      (ranged, put, deletion) => {
        expect(roundTrip(ranged, writeRangeRequest, readRangeRequest)).toEqual(ranged);
        expect(roundTrip(put, writePutRequest, readPutRequest)).toEqual(put);
        expect(roundTrip(deletion, writeDeleteRangeRequest, readDeleteRangeRequest)).toEqual(
          deletion,
        );
      },
    );
    fc.assert(property);
  });

  test("txns, nested, with empty operations", ({ expect }) => {
    const property = fc.property(txnRequest(3, { withEmpty: true }), (request) => {
      expect(roundTrip(request, writeTxnRequest, readTxnRequest)).toEqual(request);
    });
    fc.assert(property);
  });

  test("events, within the size that is foretold", ({ expect }) => {
    const property = fc.property(fc.oneof(putEvent, deletionEvent), (event) => {
      expect(roundTrip(event, writeKeyEvent, readKeyEvent)).toEqual(event);
      const writer = new Writer();
      writeKeyEvent(writer, event);
      expect(writer.length).toBeLessThanOrEqual(keyEventBytesMax(event));
    });
    fc.assert(property);
  });

  test("answers", ({ expect }) => {
    const property = fc.property(rangeAnswer, putAnswer, deleteAnswer, (ranged, put, deletion) => {
      expect(roundTrip(ranged, writeRangeAnswer, readRangeAnswer)).toEqual(ranged);
      expect(roundTrip(put, writePutAnswer, readPutAnswer)).toEqual(put);
      expect(roundTrip(deletion, writeDeleteRangeAnswer, readDeleteRangeAnswer)).toEqual(deletion);
    });
    fc.assert(property);
  });

  test("answers of txns, and results of both kinds", ({ expect }) => {
    const result = fc.oneof(txnAnswer.map(accept), fc.constantFrom(...REFUSALS).map(refuse));
    const property = fc.property(result, (value) => {
      const back = roundTrip<typeof value>(
        value,
        (writer, each) => writeResult(writer, each, writeTxnAnswer),
        (reader) => readResult(reader, readTxnAnswer),
      );
      expect(back).toEqual(value);
    });
    fc.assert(property);
  });
});

test("numbers beyond 2^51 keep their meaning: more than any revision there is", ({ expect }) => {
  const request = range("a", "", { revision: 2 ** 63, limit: -(2 ** 63) });
  const back = roundTrip(request, writeRangeRequest, readRangeRequest);
  expect([back.revision, back.limit]).toEqual([2 ** 51, -(2 ** 51)]);
  const compared = txn({ compare: [compare("a", "mod", "less", 2 ** 63)] });
  expect(roundTrip(compared, writeTxnRequest, readTxnRequest).compare[0]?.operand).toBe(2 ** 51);
});

describe("bytes that cannot be", () => {
  const deep = (depth: number): TxnRequest =>
    depth === 1 ? txn({}) : txn({ success: [txnOp(deep(depth - 1))] });
  const deepAnswer = (depth: number): TxnAnswer => ({
    succeeded: true,
    responses: depth === 1 ? [] : [{ kind: "txn", answer: deepAnswer(depth - 1) }],
  });

  test("txns nest as deep as their operations allow, and no deeper", ({ expect }) => {
    const deepest = deep(TXN_DEPTH_MAX);
    expect(roundTrip(deepest, writeTxnRequest, readTxnRequest)).toEqual(deepest);
    const answer = deepAnswer(TXN_DEPTH_MAX);
    expect(roundTrip(answer, writeTxnAnswer, readTxnAnswer)).toEqual(answer);
    const tooDeep = () => roundTrip(deep(TXN_DEPTH_MAX + 1), writeTxnRequest, readTxnRequest);
    expect(tooDeep).toThrow(CodecError);
    const answerTooDeep = () =>
      roundTrip(deepAnswer(TXN_DEPTH_MAX + 1), writeTxnAnswer, readTxnAnswer);
    expect(answerTooDeep).toThrow(CodecError);
  });

  test("an unknown kind, refusal or sort is refused", ({ expect }) => {
    expect(() => readKeyEvent(new Reader(bytesOf(2)))).toThrow(CodecError);
    expect(() => readResult(new Reader(bytesOf(0, 200)), readPutAnswer)).toThrow(CodecError);
  });

  test("any prefix of a request ends early", ({ expect }) => {
    const writer = new Writer();
    writeTxnRequest(writer, txn({ compare: [compare("a", "value", "equal", "x")] }));
    const whole = writer.finish();
    for (let length = 0; length < whole.length; length++) {
      expect(() => readTxnRequest(new Reader(whole.slice(0, length)))).toThrow(CodecError);
    }
  });
});
