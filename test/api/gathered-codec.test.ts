// The bytes of gathered calls and of their answers: what is written is read back, and whatever is not
// understood is told from what is damaged.

import { describe, expect, test } from "vitest";
import {
  decodeGatheredAnswers,
  decodeGatheredCalls,
  encodeGatheredCall,
  joinGatheredCalls,
  type GatheredAnswer,
  type GatheredCall,
} from "../../src/api/gathered-codec.ts";
import { rangeOfKey } from "../../src/api/kv-json.ts";
import type { Credentials } from "../../src/base/auth.ts";
import { CodecError, Writer } from "../../src/base/codec.ts";
import { REFUSALS } from "../../src/base/refusal.ts";
import { bytesOfAnswers } from "../support/gathered-answers.ts";
import { asClusterId, asMemberId, asRevision, asTerm, type Bytes } from "../../src/base/types.ts";

const CALL: GatheredCall = {
  request: { kind: "range", request: rangeOfKey(Uint8Array.of(1)), serializable: false },
  requestId: new Uint8Array(16).fill(7),
  trace: "",
  timeoutMs: 7_000,
};
const HEADER = {
  clusterId: asClusterId(2n ** 63n),
  memberId: asMemberId(3n),
  revision: asRevision(12),
  term: asTerm(4),
};
const MEMBER = { id: asMemberId(3n), region: "wnam", generation: 1 };
const DIRECTORY = { clusterId: HEADER.clusterId, members: [MEMBER] };

const bytesOf = (...calls: GatheredCall[]): Bytes =>
  joinGatheredCalls(calls.map((call) => encodeGatheredCall(new Writer(), call)));

describe("gathered calls are read back", () => {
  const credentials: Record<string, Credentials> = {
    nobody: { kind: "none" },
    "a token": { kind: "token", token: "letters.1" },
    "a user": { kind: "user", name: "alice", authRevision: 3 },
    "a user of one cluster": {
      kind: "user",
      name: "alice",
      authRevision: 3,
      clusterId: HEADER.clusterId,
    },
  };

  test.for(Object.entries(credentials))("of %s", ([, shown]) => {
    const call = { ...CALL, credentials: shown };
    expect(decodeGatheredCalls(bytesOf(call))).toEqual([call]);
  });

  test("with all that a call may have, in their order", () => {
    const freshness = { minRevision: asRevision(5), maxStalenessMs: null };
    const full: GatheredCall = {
      ...CALL,
      askedAt: 1_790_000_000_000,
      trace: "0af7651916cd43dd8448eb211c80319c",
      idempotencyKey: "once",
      freshness,
    };
    expect(decodeGatheredCalls(bytesOf(CALL, full, CALL))).toEqual([CALL, full, CALL]);
  });

  test("as nothing that is understood, when newer code has written them", () => {
    const [, ...rest] = bytesOf(CALL);
    expect(decodeGatheredCalls(Uint8Array.of(2, ...rest))).toBeNull();
    // One call: no flags, two bytes, of which the first is a kind of request.
    expect(decodeGatheredCalls(Uint8Array.of(1, 0, 0, 0, 0, 2, 200, 0))).toBeNull();
  });

  test("unless they are damaged", () => {
    const bytes = bytesOf(CALL);
    expect(() => decodeGatheredCalls(bytes.slice(0, -1))).toThrow(CodecError);
    expect(() => decodeGatheredCalls(Uint8Array.of(1, 4, ...bytes.slice(2)))).toThrow(CodecError);
  });
});

describe("their answers are read back", () => {
  const answers: Record<string, GatheredAnswer> = {
    "an answer": {
      kind: "answered",
      header: HEADER,
      answer: { kind: "range", answer: { kvs: [], more: false, count: 3 } },
    },
    "an overwritten entry": { kind: "overwritten" },
    "a timeout": { kind: "timeout" },
    "an object that is no replica": { kind: "unborn" },
    "a replica that was removed": { kind: "removed", directory: DIRECTORY },
    "a redirect": { kind: "redirect", leader: MEMBER.id, term: asTerm(4), directory: DIRECTORY },
    "a redirect to nobody": {
      kind: "redirect",
      leader: null,
      term: asTerm(4),
      directory: { ...DIRECTORY, jurisdiction: "eu" },
    },
    "a call that has thrown": { kind: "threw" },
    "an answer that is too long": { kind: "tooLong" },
    ...Object.fromEntries(
      REFUSALS.map((refusal) => [refusal, { kind: "refused", refusal, header: HEADER }]),
    ),
  };

  test.for(Object.entries(answers))("%s", ([, answer]) => {
    expect(decodeGatheredAnswers(bytesOfAnswers([answer]))).toEqual([answer]);
  });

  test("all at once, in their order", () => {
    const all = Object.values(answers);
    expect(decodeGatheredAnswers(bytesOfAnswers(all))).toEqual(all);
  });

  test("unless they are damaged, or of newer code", () => {
    const [, ...rest] = bytesOfAnswers([{ kind: "unborn" }]);
    for (const bytes of [
      [2, ...rest],
      [1, 1, 9],
      [1, 2, 3],
      [1, 1, 3, 0],
    ]) {
      expect(() => decodeGatheredAnswers(Uint8Array.from(bytes))).toThrow(CodecError);
    }
  });
});
