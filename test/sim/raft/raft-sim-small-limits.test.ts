// Goal: reach what large bounds and calm elections hide: an append that ends within a term, a full
// window, a commit that is applied in parts, and Raft's figure 8. Method: the simulation with bounds
// of a few bytes, and faults that strike at elections. Measured, of 100 seeds with 3 and with 5
// voters: a commit of an old term by counting dies in 5 and 1, a vote that is not saved in 2 and 4,
// a follower that commits beyond what it verified in 1 and 0.

import { describe, it, vi } from "vitest";

import type { Faults } from "./faults.ts";
import { simulate } from "./simulation.ts";

// Payloads of the simulation's clients are two bytes, so an append carries one entry.
vi.mock("../../../src/base/limits.ts", async (original) => ({
  ...(await original<typeof import("../../../src/base/limits.ts")>()),
  APPEND_BYTES_MAX: 3,
  APPENDS_IN_FLIGHT_MAX: 4,
  APPLY_BYTES_MAX: 5,
}));

const FAULTS: Partial<Faults> = {
  lossRate: 0.1,
  repeatRate: 0.2,
  lateRate: 0.4,
  partitionEveryMs: 600,
  crashEveryMs: 0,
  losesTurns: true,
  confirmMsMax: 5,
  clientEveryMs: 20,
  urgeEveryMs: 400,
  voterCrashRate: 0.5,
  winnerFaultRate: 0.9,
};

const SEEDS = Array.from({ length: 100 }, (_, n) => n + 1);

describe("with bounds of a few bytes, and faults at elections", () => {
  it.for([3, 5])("%d voters keep every promise under every seed", (members, { expect }) => {
    let committed = 0;
    for (const seed of SEEDS) {
      try {
        // One entry to an append: a backlog takes its time.
        const sizes = { members, learners: 0, recoveryMs: 60_000 };
        committed += simulate({ seed, ...sizes, faults: FAULTS }).committed;
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
    expect(committed).toBeGreaterThan(5_000);
  });
});
