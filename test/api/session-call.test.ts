// The bytes of requests and answers within sessions: what is written is read back, and what a client
// sends is a request or a CodecError, never a broken invariant.

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeSessionAnswer,
  encodeSessionAnswer,
  refusedAnswer,
} from "../../src/api/session-answer-codec.ts";
import type { SessionAnswer, SessionRequest, SessionResult } from "../../src/api/session-call.ts";
import {
  decodeReceiverFrames,
  encodeReceiverFrames,
  receiverMessagesOf,
} from "../../src/api/session-codec.ts";
import type { ReceiverFrame } from "../../src/api/session.ts";
import { CodecError, Writer } from "../../src/base/codec.ts";
import type { RangeRequest, TxnOp, TxnRequest } from "../../src/base/kv.ts";
import { SESSION_MESSAGE_BYTES_MAX, SESSION_MESSAGE_FRAMES_MAX } from "../../src/base/limits.ts";
import { REFUSALS } from "../../src/base/refusal.ts";
import {
  asClusterId,
  asLeaseId,
  asLogIndex,
  asMemberId,
  asRevision,
  asTerm,
  type Bytes,
} from "../../src/base/types.ts";

const bytes = fc.uint8Array({ maxLength: 20 }).map((value): Bytes => Uint8Array.from(value));
const natural = fc.nat(Number.MAX_SAFE_INTEGER);
const number = fc.integer({ min: -(2 ** 51), max: 2 ** 51 });
const revision = natural.map(asRevision);
const unsigned = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const leaseId = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(asLeaseId);
const flag = fc.boolean();
const kind = <K extends string>(name: K) => fc.constant(name);

const rangeRequest: fc.Arbitrary<RangeRequest> = fc.record({
  key: bytes,
  rangeEnd: bytes,
  limit: number,
  revision: number,
  sortOrder: fc.constantFrom("none" as const, "ascend" as const, "descend" as const),
  sortTarget: fc.constantFrom("key" as const, "mod" as const, "value" as const),
  keysOnly: flag,
  countOnly: flag,
  minModRevision: number,
  maxModRevision: number,
  minCreateRevision: number,
  maxCreateRevision: number,
});
const putRequest = fc.record({
  key: bytes,
  value: bytes,
  lease: leaseId,
  prevKv: flag,
  ignoreValue: flag,
  ignoreLease: flag,
});
const deleteRequest = fc.record({ key: bytes, rangeEnd: bytes, prevKv: flag });
const op: fc.Arbitrary<TxnOp> = fc.oneof(
  fc.record({ kind: kind("range"), request: rangeRequest }),
  fc.record({ kind: kind("put"), request: putRequest }),
  fc.record({ kind: kind("deleteRange"), request: deleteRequest }),
  fc.record({ kind: kind("empty") }),
);
const txnRequest: fc.Arbitrary<TxnRequest> = fc.record({
  compare: fc.array(
    fc.record({
      key: bytes,
      rangeEnd: bytes,
      result: fc.constantFrom("equal" as const, "less" as const),
      target: kind("mod"),
      operand: number,
    }),
    { maxLength: 2 },
  ),
  success: fc.array(op, { maxLength: 3 }),
  failure: fc.array(op, { maxLength: 3 }),
});

const request: fc.Arbitrary<SessionRequest> = fc.oneof(
  fc.record({ kind: kind("range"), serializable: flag, request: rangeRequest }),
  fc.record({ kind: kind("put"), request: putRequest }),
  fc.record({ kind: kind("deleteRange"), request: deleteRequest }),
  fc.record({ kind: kind("txn"), request: txnRequest }),
  fc.record({ kind: kind("compact"), physical: flag, revision: number }),
  fc.record({
    kind: kind("leaseGrant"),
    id: leaseId.filter((id) => id !== 0n),
    ttlSeconds: number,
  }),
  fc.record({ kind: kind("leaseRevoke"), id: leaseId }),
  fc.record({ kind: kind("leaseKeepAlive"), id: leaseId }),
  fc.record({ kind: kind("leaseTimeToLive"), id: leaseId, keys: flag }),
  fc.record({ kind: kind("leaseLeases") }),
  fc.record({ kind: kind("memberList"), linearizable: flag }),
  fc.record({ kind: kind("status") }),
);

const idempotencyKey = fc.stringMatching(/^[!-~]{1,255}$/);
const freshness = fc.oneof(
  fc.record({ minRevision: revision, maxStalenessMs: fc.option(natural) }),
  fc.record({ minRevision: fc.constant(null), maxStalenessMs: natural }),
);
const sixteen = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((value): Bytes => Uint8Array.from(value));
const trace = fc.oneof(
  fc.constant(""),
  sixteen.map((value) => Buffer.from(value).toString("hex")),
);

const requestFrame = fc.record({
  kind: kind("request"),
  request: natural,
  call: fc.oneof(
    fc.record({ request, requestId: sixteen, timeoutMs: natural, trace }),
    fc.record({ request, requestId: sixteen, timeoutMs: natural, trace, idempotencyKey }),
    fc.record({ request, requestId: sixteen, timeoutMs: natural, trace, freshness }),
  ),
  bytes: fc.constant(0),
});

const keyValue = fc.record({
  key: bytes,
  createRevision: revision,
  modRevision: revision,
  version: natural,
  value: bytes,
  lease: leaseId,
});
const kvs = fc.array(keyValue, { maxLength: 3 });
const rangeAnswer = fc.record({ kvs, more: flag, count: natural });
const putAnswer = fc.record({ prevKv: fc.option(keyValue) });
const deleteAnswer = fc.record({ deleted: natural, prevKvs: kvs });
const seconds = fc.integer({ min: -1, max: 9_000_000_000 });
const member = fc.record({
  id: unsigned.map(asMemberId),
  region: fc.string(),
  generation: natural,
  isLearner: flag,
  isStarted: flag,
});
const alarm = fc.record({
  member: unsigned.map(asMemberId),
  alarm: fc.constantFrom("noSpace" as const, "corrupt" as const),
});

const result: fc.Arbitrary<SessionResult> = fc.oneof(
  fc.record({ kind: kind("range"), answer: rangeAnswer }),
  fc.record({ kind: kind("put"), answer: putAnswer }),
  fc.record({ kind: kind("deleteRange"), answer: deleteAnswer }),
  fc.record({
    kind: kind("txn"),
    answer: fc.record({
      succeeded: flag,
      responses: fc.array(
        fc.oneof(
          fc.record({ kind: kind("range"), revision, answer: rangeAnswer }),
          fc.record({ kind: kind("put"), revision, answer: putAnswer }),
        ),
        { maxLength: 3 },
      ),
    }),
  }),
  fc.record({ kind: kind("compact") }),
  fc.record({ kind: kind("leaseGrant"), answer: fc.record({ id: leaseId, ttlSeconds: seconds }) }),
  fc.record({ kind: kind("leaseRevoke") }),
  fc.record({
    kind: kind("leaseKeepAlive"),
    answer: fc.record({ id: leaseId, ttlSeconds: seconds }),
  }),
  fc.record({
    kind: kind("leaseTimeToLive"),
    answer: fc.record({
      id: leaseId,
      ttlSeconds: seconds,
      grantedTtlSeconds: seconds,
      keys: fc.array(bytes, { maxLength: 3 }),
    }),
  }),
  fc.record({
    kind: kind("leaseLeases"),
    answer: fc.record({ leases: fc.array(leaseId, { maxLength: 3 }) }),
  }),
  fc.record({
    kind: kind("members"),
    answer: fc.record({ members: fc.array(member, { maxLength: 3 }), added: fc.constant(null) }),
  }),
  fc.record({
    kind: kind("status"),
    answer: fc.record({
      leader: fc.option(unsigned.map(asMemberId)),
      term: natural.map(asTerm),
      commit: natural.map(asLogIndex),
      applied: natural.map(asLogIndex),
      isLearner: flag,
      alarms: fc.array(alarm, { maxLength: 2 }),
      sizeBytes: natural,
      inUseBytes: natural,
      quotaBytes: natural,
    }),
  }),
);

const header = fc.record({
  clusterId: unsigned.map(asClusterId),
  memberId: unsigned.map(asMemberId),
  revision,
  term: natural.map(asTerm),
});

const answer: fc.Arbitrary<SessionAnswer> = fc.oneof(
  fc.record({ kind: kind("answered"), header, result }),
  fc
    .record({ header, refusal: fc.constantFrom(...REFUSALS) })
    .map((one) => refusedAnswer(one.refusal, one.header)),
  fc.record({
    kind: kind("redirect"),
    leader: fc.option(unsigned.map(asMemberId)),
    term: natural.map(asTerm),
  }),
  fc.record({ kind: kind("overwritten") }),
  fc.record({ kind: kind("timeout") }),
  fc.record({ kind: kind("unsupported") }),
);

/** Without the length, which only reading tells. */
const unmeasured = (frames: readonly ReceiverFrame[]): unknown[] =>
  frames.map((frame) => (frame.kind === "request" ? { ...frame, bytes: 0 } : frame));

const plain = <T>(value: T): T => structuredClone(value);

describe("requests within a session", () => {
  test("are read back as they were written", () => {
    fc.assert(
      fc.property(fc.array(requestFrame, { maxLength: 4 }), (frames) => {
        const read = decodeReceiverFrames(encodeReceiverFrames(frames));
        expect(unmeasured(read)).toEqual(plain(frames));
      }),
    );
  });

  test("of a kind, or with a flag, that is not known are passed over whole", () => {
    // request 5, two bytes: kind 200 or flags 16; then hello.
    expect(decodeReceiverFrames(Uint8Array.of(7, 5, 0, 0, 0, 2, 200, 0, 1, 2))).toEqual([
      { kind: "request", request: 5, call: null, bytes: 2 },
      { kind: "hello", version: 2 },
    ]);
    expect(decodeReceiverFrames(Uint8Array.of(7, 5, 0, 0, 0, 2, 1, 16))).toEqual([
      { kind: "request", request: 5, call: null, bytes: 2 },
    ]);
  });

  test.for(["", "with space", "caf\u00e9", "x".repeat(256)])(
    "with %o for an idempotency key break the protocol",
    (key) => {
      const [call] = fc.sample(requestFrame, { numRuns: 1, seed: 1 });
      const frame = { ...call!, call: { ...call!.call, idempotencyKey: key } };
      expect(() => decodeReceiverFrames(encodeReceiverFrames([frame]))).toThrow(CodecError);
    },
  );

  test("of any bytes are requests that can be written again, or a CodecError", () => {
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      // Close to what is one: so that fields beyond the first are reached.
      fc.tuple(requestFrame, fc.nat(), fc.nat(255)).map(([frame, at, value]) => {
        const message = encodeReceiverFrames([frame]);
        message[at % message.length] = value;
        return message;
      }),
    );
    fc.assert(
      fc.property(body, (message) => {
        let frames: ReceiverFrame[];
        try {
          frames = decodeReceiverFrames(message);
        } catch (error) {
          expect(error).toBeInstanceOf(CodecError);
          return;
        }
        const known = frames.filter((frame) => frame.kind !== "request" || frame.call !== null);
        // What an entry of the log could not hold would break an invariant of the replica.
        encodeReceiverFrames(known);
      }),
      { numRuns: 5_000 },
    );
  });

  test("that grant a lease without an id are none: a repeat would grant another", () => {
    const call = { requestId: new Uint8Array(16), timeoutMs: 1, trace: "" };
    const grant = { kind: "leaseGrant", id: asLeaseId(0n), ttlSeconds: 5 } as const;
    const frame = {
      kind: "request",
      request: 1,
      call: { ...call, request: grant },
      bytes: 0,
    } as const;
    expect(() => decodeReceiverFrames(encodeReceiverFrames([frame]))).toThrow(CodecError);
  });

  test("and watches have no numbers that could not be told again", () => {
    const watch = (at: number): Uint8Array => {
      const writer = new Writer()
        .byte(2)
        .uint(at)
        .bytes(new Uint8Array(0))
        .bytes(new Uint8Array(0));
      return writer.int(0).byte(0).finish();
    };
    expect(decodeReceiverFrames(watch(2 ** 32 - 1))).toHaveLength(1);
    expect(() => decodeReceiverFrames(watch(2 ** 32))).toThrow(CodecError);
    const from = new Writer().byte(2).uint(1).bytes(new Uint8Array(0)).bytes(new Uint8Array(0));
    expect(() =>
      decodeReceiverFrames(
        from
          .uint(2 ** 52 + 1)
          .byte(0)
          .finish(),
      ),
    ).toThrow(CodecError);
  });

  test("come in messages of bounded size and number", () => {
    const many = Array.from({ length: SESSION_MESSAGE_FRAMES_MAX + 1 }, () => 4);
    expect(() => decodeReceiverFrames(Uint8Array.from(many))).toThrow(CodecError);
    expect(decodeReceiverFrames(Uint8Array.from(many.slice(1)))).toHaveLength(many.length - 1);
    const large = new Uint8Array(SESSION_MESSAGE_BYTES_MAX + 1).fill(4);
    expect(() => decodeReceiverFrames(large)).toThrow(CodecError);
  });

  test("are packed so that a replica takes each message", () => {
    const progress: ReceiverFrame[] = Array.from({ length: 10_000 }, () => ({ kind: "progress" }));
    const messages = receiverMessagesOf(progress);
    expect(messages.flatMap((message) => decodeReceiverFrames(message))).toEqual(progress);
  });
});

describe("answers within a session", () => {
  test("are read back as they were written", () => {
    fc.assert(
      fc.property(answer, (one) => {
        expect(decodeSessionAnswer(encodeSessionAnswer(one))).toEqual(plain(one));
      }),
    );
  });

  test("that end early are a CodecError, and so are any bytes that are none", () => {
    fc.assert(
      fc.property(answer, fc.nat(), (one, cut) => {
        const body = encodeSessionAnswer(one);
        const short = body.slice(0, cut % body.length);
        expect(() => decodeSessionAnswer(short)).toThrow(CodecError);
      }),
    );
  });

  test("with a refusal of newer code keep its words", () => {
    const known = refusedAnswer("leaseNotFound", {
      clusterId: asClusterId(1n),
      memberId: asMemberId(2n),
      revision: asRevision(3),
      term: asTerm(4),
    });
    const newer = { ...known, refusal: null } as SessionAnswer;
    expect(decodeSessionAnswer(encodeSessionAnswer(newer))).toEqual(newer);
  });
});
