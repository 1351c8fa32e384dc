// A call that was held back on its way until its repeats are forgotten does nothing.

import { beforeAll, describe, test } from "vitest";
import { CALL_LATE_MS, REQUEST_WINDOW_MS } from "../../src/base/limits.ts";
import { createCluster, leaderOf, put, replica } from "./cluster.ts";

const CLUSTER = "late";

describe("a call of a router", () => {
  beforeAll(() => createCluster(CLUSTER));

  test.for([
    ["of now", 0, "answered"],
    ["that was a while on its way", CALL_LATE_MS - 5_000, "answered"],
    ["that was repeated by others long since", CALL_LATE_MS + 1_000, "timeout"],
    ["of a machine whose clock is ahead", -CALL_LATE_MS, "answered"],
  ] as const)("%s", async ([, ageMs, kind], { expect }) => {
    const stub = replica(CLUSTER, await leaderOf(CLUSTER));
    const requestId = crypto.getRandomValues(new Uint8Array(16));
    const askedAt = Date.now() - ageMs;
    const before = (await stub.status())!.revision;
    const call = { request: put("a", "1"), requestId, askedAt, trace: "", timeoutMs: 5_000 };
    expect((await stub.serve(call)).kind).toBe(kind);
    expect((await stub.status())!.revision).toBe(before + (kind === "answered" ? 1 : 0));
  });

  test("is not looked at any more before its first attempt can be forgotten", ({ expect }) => {
    expect(CALL_LATE_MS).toBeLessThan(REQUEST_WINDOW_MS - 10_000);
  });
});
