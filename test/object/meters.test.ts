// What a replica counts of its work.

import { describe, test } from "vitest";
import { rangeOfKey } from "../../src/api/kv-json.ts";
import type { ClientRequest, ReplicaAnswer } from "../../src/api/replica.ts";
import { DURATION_BOUNDS_SECONDS, type Durations } from "../../src/api/metrics.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { asClusterId, asMemberId, asRevision, asTerm } from "../../src/base/types.ts";
import { DurationMeter } from "../../src/object/duration-meter.ts";
import { Meters } from "../../src/object/meters.ts";
import { put } from "../support/requests.ts";

const header = {
  clusterId: asClusterId(9n),
  memberId: asMemberId(1n),
  revision: asRevision(7),
  term: asTerm(1),
};
const PUT = put(encodeUtf8("a"), encodeUtf8("1"));
const RANGE: ClientRequest = {
  kind: "range",
  request: rangeOfKey(encodeUtf8("a")),
  serializable: false,
};
const done: ReplicaAnswer = {
  kind: "answered",
  header,
  answer: { kind: "put", answer: { prevKv: null } },
};

/** The class of each duration that was counted, as its upper bound in seconds. */
const classesOf = ({ counts }: Durations): number[] =>
  counts.flatMap((count, index) =>
    Array.from({ length: count }, () => DURATION_BOUNDS_SECONDS[index] ?? Infinity),
  );

describe("durations", () => {
  test.for([
    [0, 0.001],
    [1, 0.001],
    [1.01, 0.002],
    [2, 0.002],
    [8_192, 8.192],
    [8_193, Infinity],
  ])("%s ms are counted at most %s s", ([ms, bound], { expect }) => {
    const meter = new DurationMeter();
    meter.add(ms!);
    expect(classesOf(meter.read())).toEqual([bound]);
    expect(meter.read().sumSeconds).toBeCloseTo(ms! / 1_000);
  });
});

describe("requests", () => {
  test("are counted by kind and by the code that the client hears", ({ expect }) => {
    const meters = new Meters();
    for (const answer of [
      done,
      done,
      { kind: "refused", refusal: "leaseNotFound", header },
    ] as const) {
      meters.requestStarted("put");
      meters.requestEnded(PUT, answer, 3);
    }
    const { started, ended } = meters.read();
    expect(started).toEqual([{ kind: "put", count: 3 }]);
    expect(ended.map(({ kind, code, took }) => [kind, code, classesOf(took)])).toEqual([
      ["put", 0, [0.004, 0.004]],
      ["put", 5, [0.004]],
    ]);
  });

  test("that another replica answers have not ended here", ({ expect }) => {
    const meters = new Meters();
    const directory = { clusterId: asClusterId(9n), members: [] };
    meters.requestEnded(PUT, { kind: "redirect", leader: null, term: asTerm(1), directory }, 1);
    meters.requestEnded(PUT, { kind: "unborn" }, 1);
    expect(meters.read()).toMatchObject({ ended: [], proposalsFailed: 0 });
  });

  test("without an outcome are proposals that failed", ({ expect }) => {
    const meters = new Meters();
    meters.requestEnded(PUT, { kind: "overwritten" }, 1);
    meters.requestEnded(PUT, { kind: "timeout" }, 7_000);
    meters.requestEnded(RANGE, { kind: "timeout" }, 7_000);
    expect(meters.read().proposalsFailed).toBe(2);
  });
});

describe("calls to peers", () => {
  test("are counted by region: bytes, round trips, failures", ({ expect }) => {
    const meters = new Meters();
    meters.peerCalled({ region: "weur" }, { ms: 60, sentBytes: 10, receivedBytes: 5 });
    meters.peerCalled({ region: "weur" }, { ms: 1_500, sentBytes: 10, receivedBytes: null });
    const [weur] = meters.read().peers;
    expect(weur).toMatchObject({ region: "weur", sentBytes: 20, receivedBytes: 5, failures: 1 });
    expect(classesOf(weur!.roundTrips)).toEqual([0.064]);
  });
});

describe("leaders", () => {
  test("are counted when another one comes, not when one is missed", ({ expect }) => {
    const meters = new Meters();
    for (const id of [1n, 1n, null, 1n, 2n, 1n]) {
      meters.follow(id === null ? null : asMemberId(id));
    }
    expect(meters.read().leaderChanges).toBe(3);
  });
});
