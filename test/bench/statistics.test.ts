// What rounds say together.

import { describe, test } from "vitest";
import type { Series } from "./comparison.ts";
import { report } from "./report/report.ts";
import { figure, spread } from "./report/tables.ts";
import type { Results } from "./results.ts";
import { quantile, ratioOf, spreadOf } from "./statistics.ts";
import { judge } from "./targets.ts";

describe("figures", () => {
  test("a quantile lies between its neighbours", ({ expect }) => {
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(quantile([1, 2, 3, 4], 1)).toBe(4);
    expect(quantile([], 0.5)).toBeNaN();
  });

  test("a ratio is taken round by round: what slows a round slows both", ({ expect }) => {
    expect(ratioOf([100, 10, 100], [50, 5, 50])).toEqual({ lower: 2, median: 2, upper: 2 });
  });

  test("are written with their quartiles where rounds differ", ({ expect }) => {
    expect(spread(spreadOf([1, 2, 3]))).toBe("2 (1.5 to 2.5)");
    expect(spread(spreadOf([2]))).toBe("2");
    expect(figure(12_345.6)).toBe("12,346");
    expect(figure(0.012345)).toBe("0.0123");
  });
});

const series = (system: string, door: string, perSecond: number): Series => ({
  workload: "put",
  clients: 256,
  system,
  door,
  samples: [
    {
      perSecond,
      p50Ms: 1,
      p99Ms: 2,
      operations: 1,
      failures: 0,
      serverMicroseconds: 1,
      clientCore: 0.1,
    },
  ],
});

const results = (perSecond: number): Results => ({
  about: {
    date: "2026-11-23",
    machine: "one",
    platform: "one",
    versions: {},
    rounds: 1,
    secondsEach: 1,
    isQuick: true,
  },
  series: [series("Edgekeeper", "session", perSecond), series("etcd", "JSON gateway", 100)],
});

describe("targets", () => {
  test("are judged by the run's own figures; what was not measured is not judged", ({ expect }) => {
    const [verdict, ...others] = judge(results(300));
    expect(verdict).toMatchObject({ isReached: true, found: { median: 3 } });
    expect(others).toEqual([]);
    expect(judge(results(299))[0]!.isReached).toBe(false);
  });

  test("of puts are judged of puts that overwrite as well", ({ expect }) => {
    const { series: puts, ...rest } = results(300);
    const both = [...puts, ...puts.map((one) => ({ ...one, workload: "overwrite" }))];
    const found = judge({ ...rest, series: both }).map(({ target }) => target);
    expect(found).toEqual([found[0], `overwriting: ${found[0]}`]);
  });

  test("stand on the page with their verdicts", ({ expect }) => {
    expect(report(results(300))).toMatch(/256 in flight \| 3 \| reached \|/);
    expect(report(results(200))).toMatch(/256 in flight \| 2 \| \*\*missed\*\* \|/);
  });
});
