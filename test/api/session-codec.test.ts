// Properties of the session protocol's bytes: what is written is read back, and damage is noticed.

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CodecError } from "../../src/base/codec.ts";
import {
  asClusterId,
  asLeaseId,
  asMemberId,
  asRevision,
  asTerm,
  type Bytes,
} from "../../src/base/types.ts";
import type { KeyValue } from "../../src/base/kv.ts";
import type { WatchDelivery } from "../../src/base/watch.ts";
import type { ReceiverFrame, ReplicaFrame } from "../../src/api/session.ts";
import {
  decodeReceiverFrames,
  decodeReplicaFrames,
  encodeReceiverFrames,
  encodeReplicaFrames,
} from "../../src/api/session-codec.ts";

const bytes = fc.uint8Array({ maxLength: 40 }).map((value): Bytes => Uint8Array.from(value));
const natural = fc.nat(Number.MAX_SAFE_INTEGER);
const revision = natural.map(asRevision);
const watch = fc.oneof(fc.constant(-1), fc.nat(1_000));
const unsigned = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

const spec = fc.record({
  key: bytes,
  rangeEnd: bytes,
  startRevision: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  prevKv: fc.boolean(),
  progressNotify: fc.boolean(),
  noPut: fc.boolean(),
  noDelete: fc.boolean(),
});

const user = {
  kind: fc.constant("user" as const),
  name: fc.string({ unit: "binary" }),
  authRevision: natural,
};
const credentials = fc.oneof(
  fc.record({ kind: fc.constant("token" as const), token: fc.string() }),
  fc.record(user),
  fc.record({ ...user, clusterId: unsigned.map(asClusterId) }),
);

const receiverFrame: fc.Arbitrary<ReceiverFrame> = fc.oneof(
  fc.record({ kind: fc.constant("hello" as const), version: fc.nat(9) }),
  fc.record({ kind: fc.constant("watch" as const), watch: fc.nat(1_000), spec }),
  fc.record({
    kind: fc.constant("watch" as const),
    watch: fc.nat(1_000),
    spec,
    credentials,
    isResumed: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("cancel" as const), watch: fc.nat(1_000) }),
  fc.record({ kind: fc.constant("progress" as const) }),
  fc.record({ kind: fc.constant("ack" as const), sequence: natural }),
);

const keyValue: fc.Arbitrary<KeyValue> = fc.record({
  key: bytes,
  createRevision: revision,
  modRevision: revision,
  version: natural,
  value: bytes,
  lease: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(asLeaseId),
});

const event = fc.record({
  kind: fc.constantFrom("put" as const, "delete" as const),
  kv: keyValue,
  prevKv: fc.option(keyValue),
});

const cause = fc.oneof(
  fc.record({ kind: fc.constant("asked" as const) }),
  fc.record({ kind: fc.constant("compacted" as const), compactRevision: revision }),
  fc.record({ kind: fc.constant("refused" as const), reason: fc.string() }),
);

const delivery: fc.Arbitrary<WatchDelivery> = fc.oneof(
  fc.record({ kind: fc.constant("created" as const), watch, revision }),
  fc.record({
    kind: fc.constant("events" as const),
    watch,
    revision,
    events: fc.array(event, { maxLength: 4 }),
    partial: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("progress" as const), watch, revision }),
  fc.record({ kind: fc.constant("canceled" as const), watch, revision, cause }),
);

const replicaFrame: fc.Arbitrary<ReplicaFrame> = fc.oneof(
  fc.record({
    kind: fc.constant("welcome" as const),
    version: fc.nat(9),
    clusterId: unsigned.map(asClusterId),
    memberId: unsigned.map(asMemberId),
    term: natural.map(asTerm),
    revision,
  }),
  fc.record({
    kind: fc.constant("delivery" as const),
    sequence: natural,
    term: natural.map(asTerm),
    delivery,
  }),
);

/** Plain objects: fast-check's have no prototype, which `toEqual` does not mind but we may. */
const plain = <T>(value: T): T => structuredClone(value);

describe("the session codec", () => {
  test("frames of a receiver are read back as they were written", () => {
    fc.assert(
      fc.property(fc.array(receiverFrame), (frames) => {
        expect(decodeReceiverFrames(encodeReceiverFrames(frames))).toEqual(plain(frames));
      }),
    );
  });

  test("frames of a replica are read back as they were written", () => {
    fc.assert(
      fc.property(fc.array(replicaFrame, { maxLength: 4 }), (frames) => {
        expect(decodeReplicaFrames(encodeReplicaFrames(frames))).toEqual(plain(frames));
      }),
    );
  });

  test("a message that ends early is refused, not read as something else", () => {
    fc.assert(
      fc.property(replicaFrame, fc.nat(), (frame, cut) => {
        const message = encodeReplicaFrames([frame]);
        const length = 1 + (cut % Math.max(1, message.length - 1));
        if (length === message.length) return;
        expect(() => decodeReplicaFrames(message.slice(0, length))).toThrow(CodecError);
      }),
    );
  });

  test("any bytes give frames or a CodecError, and nothing else", () => {
    const attempt = (decode: (message: Uint8Array) => unknown, message: Uint8Array): void => {
      try {
        decode(message);
      } catch (error) {
        expect(error).toBeInstanceOf(CodecError);
      }
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (message) => {
        attempt(decodeReceiverFrames, message);
        attempt(decodeReplicaFrames, message);
      }),
      { numRuns: 2_000 },
    );
  });

  test("the bytes of a hello are pinned: both sides may run different versions", () => {
    expect([...encodeReceiverFrames([{ kind: "hello", version: 1 }])]).toEqual([1, 1]);
    expect([...encodeReceiverFrames([{ kind: "ack", sequence: 300 }])]).toEqual([5, 0xac, 0x02]);
  });
});
