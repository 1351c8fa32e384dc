// The specification of the session protocol: its hex dumps are what the code writes and reads.

import { readFileSync } from "node:fs";
import { describe, test } from "vitest";
import { encodeSessionAnswer } from "../../src/api/session-answer-codec.ts";
import {
  decodeReceiverFrames,
  encodeReceiverFrames,
  encodeReplicaFrames,
} from "../../src/api/session-codec.ts";
import { SESSION_REQUESTS, SESSION_RESULTS } from "../../src/api/session-call.ts";
import {
  answerWeight,
  CLOSE_NO_LEADER,
  CLOSE_PROTOCOL,
  CLOSE_RESUME,
  SESSION_VERSION,
  type ReceiverFrame,
} from "../../src/api/session.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { asClusterId, asMemberId, asRevision, asTerm } from "../../src/base/types.ts";
import { put, watchOf } from "../support/requests.ts";

const text = readFileSync("docs/session-protocol.md", "utf8");

/** By the words behind `hex`. */
const dumps = new Map(
  [...text.matchAll(/^```hex (.*)\n([^`]*)```/gm)].map(([, name, dump]) => [
    name!,
    dump!.trim().split(/\s+/).join(" "),
  ]),
);

const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");

const PUT: Extract<ReceiverFrame, { kind: "request" }> = {
  kind: "request",
  request: 1,
  call: {
    request: put(encodeUtf8("a"), encodeUtf8("1")),
    requestId: new Uint8Array(16).fill(0x11),
    timeoutMs: 5_000,
    trace: "",
  },
  bytes: 28,
};
const NAMED: ReceiverFrame = {
  ...PUT,
  call: { ...PUT.call!, idempotencyKey: "order-7" },
  bytes: 36,
};
const header = {
  clusterId: asClusterId(1n),
  memberId: asMemberId(2n),
  revision: asRevision(7),
  term: asTerm(3),
};
const BODY = encodeSessionAnswer({
  kind: "answered",
  header,
  result: { kind: "put", answer: { prevKv: null } },
});
const WATCH: ReceiverFrame = {
  kind: "watch",
  watch: 1,
  spec: watchOf(encodeUtf8("a")),
};

describe("the specification", () => {
  test.for<[string, ReceiverFrame]>([
    ["hello, version 2", { kind: "hello", version: SESSION_VERSION }],
    ["put", PUT],
    ["put with a key", NAMED],
    ["taken", { kind: "taken", bytes: answerWeight(BODY) }],
    ["watch 1 of key a, from now on", WATCH],
  ])("shows the bytes to a replica: %s", ([name, frame], { expect }) => {
    expect(dumps.get(name)).toBe(hex(encodeReceiverFrames([frame])));
    const bytes = dumps.get(name)!.split(" ");
    expect(decodeReceiverFrames(Uint8Array.from(bytes, (byte) => Number(`0x${byte}`)))).toEqual([
      frame,
    ]);
  });

  test("shows the bytes of an answer", ({ expect }) => {
    const frame = { kind: "answer", request: 1, body: BODY } as const;
    expect(dumps.get("answer")).toBe(hex(encodeReplicaFrames([frame])));
    expect(text).toContain(`The answer above weighs ${answerWeight(BODY)}:`);
  });

  test("has no dump that is not checked", ({ expect }) => {
    expect(dumps.size).toBe(6);
  });

  test("numbers the kinds of requests and results as the code does", ({ expect }) => {
    expect(SESSION_REQUESTS.indexOf("leaseRevoke") + 1).toBe(7);
    expect(SESSION_REQUESTS.indexOf("status") + 1).toBe(12);
    expect(SESSION_RESULTS.indexOf("compact") + 1).toBe(5);
    expect(SESSION_RESULTS.indexOf("status") + 1).toBe(12);
    expect(text).toContain("| 12 | status |");
  });

  test("says the close codes", ({ expect }) => {
    for (const code of [CLOSE_RESUME, CLOSE_NO_LEADER, CLOSE_PROTOCOL]) {
      expect(text).toContain(`| ${code} |`);
    }
  });
});
