// Calls that come together, at a real object: one batch, one answer to each, and nothing lost of what
// is larger than a call can return.

import { beforeAll, describe, test } from "vitest";
import {
  decodeGatheredAnswers,
  encodeGatheredCall,
  joinGatheredCalls,
  type GatheredAnswer,
  type GatheredCall,
} from "../../src/api/gathered-codec.ts";
import type { ReplicaAnswer } from "../../src/api/replica.ts";
import { Writer } from "../../src/base/codec.ts";
import { CALL_LATE_MS } from "../../src/base/limits.ts";
import { CODE_VERSION } from "../../src/base/versions.ts";
import { pause } from "../../src/object/pause.ts";
import {
  allApplied,
  ask,
  createCluster,
  get,
  leaderOf,
  put,
  REGIONS,
  replica,
  valueOf,
} from "./cluster.ts";

const CLUSTER = "gathered";

type Asked = GatheredCall["request"];

const callOf = (request: Asked, given: Partial<GatheredCall> = {}): GatheredCall => ({
  request,
  requestId: crypto.getRandomValues(new Uint8Array(16)),
  trace: "",
  timeoutMs: 5_000,
  ...given,
});

const bytesOf = (calls: readonly GatheredCall[]) =>
  joinGatheredCalls(calls.map((call) => encodeGatheredCall(new Writer(), call)));

async function serveAll(region: string, calls: readonly GatheredCall[]) {
  const said = await replica(CLUSTER, region).serveAll(bytesOf(calls));
  const isStream = said instanceof ReadableStream;
  const bytes = new Uint8Array(await new Response(said).arrayBuffer());
  return { isStream, answers: decodeGatheredAnswers(bytes) };
}

const puts = (count: number, prefix: string): GatheredCall[] =>
  Array.from({ length: count }, (_, n) => callOf(put(`${prefix}${n}`, `${n}`) as Asked));

const kinds = (answers: readonly GatheredAnswer[]) => answers.map((answer) => answer.kind);

const rows = (): Promise<number[]> =>
  Promise.all(REGIONS.map(async (region) => (await replica(CLUSTER, region).cost()).rowsWritten));

describe("calls that come together", () => {
  beforeAll(async () => {
    await createCluster(CLUSTER);
    // The first write makes tables, and an entry raises the cluster to the version of its code.
    const answer = await ask(CLUSTER, put("first", "1"));
    const versionOf = async (region: string): Promise<number> =>
      (await replica(CLUSTER, region).status())!.clusterVersion;
    for (const region of REGIONS) while ((await versionOf(region)) < CODE_VERSION) await pause(20);
    if (answer.kind === "answered") await allApplied(CLUSTER, answer.header.revision);
  });

  test("are one batch: 64 puts cost a row each, one of the log and one of the history", async ({
    expect,
  }) => {
    const leader = await leaderOf(CLUSTER);
    const before = await rows();
    const { answers } = await serveAll(leader, puts(64, "batch"));
    expect(new Set(kinds(answers))).toEqual(new Set(["answered"]));
    const revisions = answers.map(
      (answer) => (answer as { header: { revision: number } }).header.revision,
    );
    expect(revisions).toEqual(revisions.map((_, n) => revisions[0]! + n));
    await allApplied(CLUSTER, revisions.at(-1)!);
    expect((await rows()).map((count, n) => count - before[n]!)).toEqual([66, 66, 66]);
  });

  test("are answered each as it would be alone", async ({ expect }) => {
    const leader = await leaderOf(CLUSTER);
    const late = { askedAt: Date.now() - CALL_LATE_MS - 1_000 };
    const { answers } = await serveAll(leader, [
      callOf(get("batch7") as Asked),
      callOf(put("late", "1") as Asked, late),
      callOf(get("nothing") as Asked),
      callOf({ kind: "leaseRevoke", id: 404n as never }),
    ]);
    expect(kinds(answers)).toEqual(["answered", "timeout", "answered", "refused"]);
    expect(answers.map((answer) => valueOf(answer as ReplicaAnswer))).toEqual([
      "7",
      null,
      null,
      null,
    ]);
  });

  test("with ids that were known are not done again", async ({ expect }) => {
    const leader = await leaderOf(CLUSTER);
    const calls = puts(3, "again");
    const first = await serveAll(leader, calls);
    const second = await serveAll(leader, [...calls, callOf(get("again0") as Asked)]);
    expect(second.answers.slice(0, 3)).toEqual(first.answers);
  });

  test("are sent to the leader, each, by one who does not lead", async ({ expect }) => {
    const leader = await leaderOf(CLUSTER);
    const other = REGIONS.find((region) => region !== leader)!;
    const { answers } = await serveAll(other, puts(2, "elsewhere"));
    expect(kinds(answers)).toEqual(["redirect", "redirect"]);
  });

  describe("with long answers", () => {
    const VALUE_BYTES = 1_200_000;
    beforeAll(async () => {
      for (let n = 0; n < 8; n++) await ask(CLUSTER, put(`long${n}`, "v".repeat(VALUE_BYTES)));
    });

    test("are answered as far as these are not too long together, if they read", async ({
      expect,
    }) => {
      const reads = Array.from({ length: 8 }, (_, n) => callOf(get(`long${n}`) as Asked));
      const calls = [...reads, callOf(get("first") as Asked)];
      const { isStream, answers } = await serveAll(await leaderOf(CLUSTER), calls);
      const told = [
        ...Array.from({ length: 3 }, () => "answered"),
        ...Array.from({ length: 5 }, () => "tooLong"),
      ];
      expect([isStream, kinds(answers)]).toEqual([false, [...told, "answered"]]);
    });

    test("are all answered, by a stream, if they write", async ({ expect }) => {
      const writes = Array.from({ length: 8 }, (_, n) => {
        const request = put(`long${n}`, "1") as Extract<Asked, { kind: "put" }>;
        return callOf({ ...request, request: { ...request.request, prevKv: true } });
      });
      const { isStream, answers } = await serveAll(await leaderOf(CLUSTER), writes);
      const lengths = answers.map((answer) => {
        if (answer.kind !== "answered" || answer.answer.kind !== "put") return answer.kind;
        return answer.answer.answer.prevKv?.value.length;
      });
      expect([isStream, lengths]).toEqual([true, writes.map(() => VALUE_BYTES)]);
    });
  });

  test("are told so by an object that is no replica", async ({ expect }) => {
    const { answers } = await serveAll("apac", puts(2, "unborn"));
    expect(kinds(answers)).toEqual(["unborn", "unborn"]);
  });

  test("of newer code are not looked at", async ({ expect }) => {
    const leader = await leaderOf(CLUSTER);
    const [, ...rest] = bytesOf(puts(1, "newer"));
    expect(await replica(CLUSTER, leader).serveAll(Uint8Array.of(200, ...rest))).toBeNull();
  });
});
