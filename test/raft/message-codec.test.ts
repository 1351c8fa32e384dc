// Goal: what is decoded is what was encoded, and nothing else decodes. Method: properties over every
// kind of message, and damage done to their bytes.

import * as fc from "fast-check";
import { describe, it } from "vitest";

import { CodecError, Writer } from "../../src/base/codec.ts";
import { decodePayloads, encodePayloads } from "../../src/raft/entry-codec.ts";
import { decodeMessages, encodeMessages } from "../../src/raft/message-codec.ts";
import type { Message } from "../../src/raft/types.ts";

const count = fc.integer({ min: 0, max: 2 ** 40 });
const id = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => new Uint8Array(array));
const payload = fc.record({ kind: fc.integer({ min: 0, max: 300 }), data: bytes });
const envelope = { from: id, to: id, term: count };
const ballot = { ...envelope, lastIndex: count, lastTerm: count, urged: fc.boolean() };
const answer = { ...envelope, granted: fc.boolean() };

const append = fc
  .record({
    kind: fc.constant("append"),
    ...envelope,
    incarnation: count,
    previousIndex: count,
    previousTerm: count,
    commit: count,
    payloads: fc.array(fc.tuple(count, payload), { maxLength: 5 }),
  })
  .map(({ payloads, ...message }) => ({
    ...message,
    entries: payloads.map(([term, { kind, data }], position) => ({
      index: message.previousIndex + 1 + position,
      term,
      kind,
      data,
    })),
  }));

const message = fc.oneof(
  fc.record({ kind: fc.constant("preVote"), ...ballot }),
  fc.record({ kind: fc.constant("vote"), ...ballot, handedOver: fc.boolean() }),
  fc.record({ kind: fc.constantFrom("wake", "removed"), ...envelope }),
  fc.record({ kind: fc.constant("timeoutNow"), ...envelope, incarnation: count }),
  fc.record({ kind: fc.constant("quiesce"), ...envelope, incarnation: count, commit: count }),
  fc.record({ kind: fc.constant("readRequest"), ...envelope, incarnation: count, round: count }),
  fc.record({
    kind: fc.constant("readAnswer"),
    ...envelope,
    incarnation: count,
    round: count,
    index: count,
  }),
  fc.record({
    kind: fc.constant("snapshot"),
    ...envelope,
    incarnation: count,
    snapshot: fc.string(),
    index: count,
    indexTerm: count,
    part: count,
    data: bytes,
  }),
  fc.record({
    kind: fc.constant("snapshotAnswer"),
    ...envelope,
    incarnation: count,
    snapshot: fc.string(),
    part: count,
    cursor: bytes,
    isDone: fc.boolean(),
  }),
  fc.record({ kind: fc.constantFrom("preVoteAnswer", "voteAnswer"), ...answer }),
  fc.record({
    kind: fc.constant("hashRequest"),
    ...envelope,
    method: count,
    index: count,
    revision: count,
    compacted: fc.integer({ min: -1 }),
  }),
  fc.record({
    kind: fc.constant("hashAnswer"),
    ...envelope,
    index: count,
    revision: count,
    digest: bytes,
  }),
  append,
  fc.record({
    kind: fc.constant("appendAnswer"),
    ...envelope,
    incarnation: count,
    index: count,
    rejected: fc.option(fc.record({ hintIndex: count, hintTerm: count })),
    isAwaited: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("heartbeat"),
    ...envelope,
    incarnation: count,
    commit: count,
    round: count,
    sentAt: count,
  }),
  fc.record({
    kind: fc.constant("heartbeatAnswer"),
    ...envelope,
    incarnation: count,
    round: count,
    sentAt: count,
    lastIndex: count,
    version: count,
    isFull: fc.boolean(),
    isAwaited: fc.boolean(),
  }),
) as unknown as fc.Arbitrary<Message>;

const messages = fc.array(message, { maxLength: 4 });

describe("messages as bytes", () => {
  it("come back as they were", ({ expect }) => {
    fc.assert(
      fc.property(messages, (batch) => {
        expect(decodeMessages(encodeMessages(batch))).toEqual(batch);
      }),
      { numRuns: 500 },
    );
  });

  it("do not decode when cut short or with more behind", ({ expect }) => {
    fc.assert(
      fc.property(messages, fc.nat(), (batch, cut) => {
        const encoded = encodeMessages(batch);
        const short = encoded.slice(0, cut % encoded.length);
        expect(() => decodeMessages(short)).toThrow(CodecError);
        expect(() => decodeMessages(new Uint8Array([...encoded, 0]))).toThrow(CodecError);
      }),
    );
  });

  it("decode to something or throw a CodecError, whatever the bytes", ({ expect }) => {
    const damaged = fc.tuple(messages, fc.nat(), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(damaged, ([batch, position, value]) => {
        const encoded = encodeMessages(batch);
        encoded[position % encoded.length] = value;
        try {
          decodeMessages(encoded);
        } catch (error) {
          expect(error).toBeInstanceOf(CodecError);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("of another format version are refused", ({ expect }) => {
    expect(() => decodeMessages(new Uint8Array([1, 0]))).toThrow(/unknown message format 1/);
  });

  it("of a kind, or with a field, of later code are passed over", ({ expect }) => {
    const [known] = fc.sample(append, 1) as unknown as [Message];
    const only = encodeMessages([known]).slice(2);
    const later = new Writer().byte(2).uint(3);
    later.sized((body) => body.byte(99).text("a kind of tomorrow"));
    later.sized((body) => body.raw(only.slice(4)).text("a field of tomorrow"));
    later.raw(only);
    expect(decodeMessages(later.finish())).toEqual([known, known]);
  });

  const from = { from: 1n, to: 2n, term: 1, incarnation: 1 };
  const beat = { kind: "heartbeatAnswer", ...from, round: 0, sentAt: 0, lastIndex: 1, version: 2 };
  const append1 = { kind: "appendAnswer", ...from, index: 1, rejected: null };

  it.for([
    { name: "whether it is full: it is not", said: beat, isFull: false, bytes: 2 },
    { name: "in a heartbeat's answer whether it is awaited: it is", said: beat, bytes: 1 },
    { name: "in an append's whether it is awaited: it is", said: append1, bytes: 1 },
  ])("of code that did not say $name", ({ said, isFull = true, bytes: less }, { expect }) => {
    const sent = { ...said, ...(said === beat ? { isFull: true } : {}), isAwaited: false };
    const only = encodeMessages([sent as unknown as Message]).slice(2);
    const earlier = new Writer().byte(2).uint(1);
    earlier.sized((body) => body.raw(only.slice(4, -less)));
    const known = said === beat ? { isFull } : {};
    expect(decodeMessages(earlier.finish())).toEqual([{ ...said, ...known, isAwaited: true }]);
  });

  it("bear indexes that follow on the previous one", ({ expect }) => {
    const [sample] = fc.sample(append, 1);
    const stray = { index: 99, term: 1, kind: 16, data: new Uint8Array() };
    const broken = { ...sample!, previousIndex: 3, entries: [stray] } as unknown as Message;
    expect(() => encodeMessages([broken])).toThrow(/consecutive/);
  });
});

describe("payloads as bytes", () => {
  it("come back as they were", ({ expect }) => {
    fc.assert(
      fc.property(fc.array(payload), (payloads) => {
        expect(decodePayloads(encodePayloads(payloads))).toEqual(payloads);
      }),
    );
  });

  it("are refused when cut short", ({ expect }) => {
    const encoded = encodePayloads([{ kind: 16, data: new Uint8Array(9) }]);
    for (let length = 0; length < encoded.length; length++) {
      expect(() => decodePayloads(encoded.slice(0, length))).toThrow(CodecError);
    }
  });
});
