// A cluster's limits as JSON: what is read is what is shown, and what is not understood is refused.

import * as fc from "fast-check";
import { describe, test } from "vitest";
import { parseLimits, printLimits } from "../../src/api/cluster-limits.ts";
import { parseDuration, printDuration } from "../../src/api/duration.ts";
import { DEFAULT_LIMITS, type ClusterLimits } from "../../src/base/cluster-limits.ts";

const COUNT = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const LIMITS: fc.Arbitrary<ClusterLimits> = fc.record({
  quotaBytes: COUNT,
  requestsPerSecond: COUNT,
  watches: COUNT,
  leases: COUNT,
  autoCompaction: fc.option(
    fc.record({
      mode: fc.constantFrom("periodic", "revision"),
      retention: fc.integer({ min: 1, max: 999_999_999 }),
    }),
  ),
});

describe("limits", () => {
  test("that are shown can be sent back", ({ expect }) => {
    fc.assert(
      fc.property(LIMITS, (limits) => {
        const shown = JSON.stringify(printLimits(limits));
        expect(parseLimits(shown)).toEqual({ ok: true, value: limits });
      }),
    );
  });

  test("that are left out are those of a new cluster", ({ expect }) => {
    expect(parseLimits("{}")).toEqual({ ok: true, value: DEFAULT_LIMITS });
    expect(parseLimits('{"leases":5,"auto_compaction":null}')).toEqual({
      ok: true,
      value: { ...DEFAULT_LIMITS, leases: 5 },
    });
  });

  const FIELDS =
    "limits are quota_bytes, requests_per_second, watches, leases and auto_compaction; nothing else";
  const COMPACTION =
    'auto_compaction is {"mode": "periodic" or "revision", "retention": ...}, or null';
  const SPAN = 'a periodic retention is a span of time such as "10m" or "1h", above 0';
  const REVISIONS = "a retention by revisions is their number, above 0";

  test.for([
    ["", "the body is not JSON"],
    ["5", FIELDS],
    [{ quota: 5 }, FIELDS],
    [{ quota_bytes: "2GB" }, "quota_bytes is a number of bytes, from 0 on"],
    [{ watches: -1 }, "watches is a number of watches, from 0 on"],
    [{ leases: 1.5 }, "leases is a number of leases, from 0 on"],
    [{ leases: null }, "leases is a number of leases, from 0 on"],
    [{ requests_per_second: 2 ** 60 }, "requests_per_second is a number of requests, from 0 on"],
    [{ auto_compaction: "1h" }, COMPACTION],
    [{ auto_compaction: { mode: "daily", retention: 1 } }, COMPACTION],
    [{ auto_compaction: { mode: "periodic", retention: "1h", from: 1 } }, COMPACTION],
    [{ auto_compaction: { mode: "revision", retention: 1, from: 1 } }, COMPACTION],
    [{ auto_compaction: { mode: "periodic" } }, SPAN],
    [{ auto_compaction: { mode: "periodic", retention: "soon" } }, SPAN],
    [{ auto_compaction: { mode: "periodic", retention: "0s" } }, SPAN],
    [{ auto_compaction: { mode: "periodic", retention: -5 } }, SPAN],
    [{ auto_compaction: { mode: "revision", retention: "1h" } }, REVISIONS],
    [{ auto_compaction: { mode: "revision", retention: 0 } }, REVISIONS],
  ] as const)("a body %j is refused: %s", ([body, error], { expect }) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    expect(parseLimits(text)).toEqual({ ok: false, error });
  });
});

describe("a span of time", () => {
  test.for([
    ["1h", 3_600_000],
    ["1h30m", 5_400_000],
    ["90s", 90_000],
    ["5m1ms", 300_001],
    ["0s", 0],
    [1_500, 1_500],
    ["", null],
    ["1", null],
    ["1d", null],
    ["5m1h", null],
    ["-1h", null],
    [1.5, null],
    [-1, null],
  ] as const)("%j has %j ms", ([text, milliseconds], { expect }) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  test.for([
    [3_600_000, "1h"],
    [5_400_000, "90m"],
    [1_000, "1s"],
    [1_001, "1001ms"],
  ] as const)("of %d ms is shown as %s", ([milliseconds, text], { expect }) => {
    expect(printDuration(milliseconds)).toBe(text);
  });
});
