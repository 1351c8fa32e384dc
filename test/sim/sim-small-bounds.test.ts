// Goal: reach what large bounds hide: logs that are trimmed and followers that need a snapshot, history
// read in bits, watchers without credit, batches applied in parts. Method: the same simulation with
// bounds of a few bytes (`npm run sim -- --small --seed N`).

import { describe, test, vi } from "vitest";

import { simulate } from "./simulation.ts";

vi.mock("../../src/base/limits.ts", async (original) => ({
  ...(await original<typeof import("../../src/base/limits.ts")>()),
  ...(await import("./small-bounds.ts")).SMALL_BOUNDS,
}));

const SEEDS = Array.from({ length: 100 }, (_, n) => n + 20_001);

describe("with bounds of a few bytes", () => {
  test("replicas keep every promise under every seed", ({ expect }) => {
    let installed = 0;
    let compared = 0;
    for (const seed of SEEDS) {
      try {
        const { marks } = simulate({ seed });
        installed += marks.get("snapshot installed") ?? 0;
        compared += marks.get("states compared") ?? 0;
      } catch (error) {
        throw new Error(`npm run sim -- --small --seed ${seed}`, { cause: error });
      }
    }
    expect(installed).toBeGreaterThan(20);
    expect(compared).toBeGreaterThan(100);
  }, 120_000);

  test.for([
    ["a leader sends the snapshots that it needs for a quorum before it serves", 6],
    ["a leader sends the snapshots that it needs for a quorum before it serves", 39],
    ["a new member does not end at memberships from before it was added", 23],
    ["a new member does not end at memberships from before it was added", 142],
  ] as const)("%s (seed %d)", ([, seed], { expect }) => {
    expect(simulate({ seed }).revisions).toBeGreaterThan(1);
  });
});
