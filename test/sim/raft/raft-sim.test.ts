// Goal: no seed breaks a promise of Raft. Method: clusters of real nodes in virtual time, with every
// fault that the platform and the network can play (see `faults.ts`), checked after each turn that
// becomes durable (see `checker.ts`). A failing seed is named in its message and replays exactly.

import { describe, it } from "vitest";

import { simulate, type SimulationResult } from "./simulation.ts";

const SEEDS = Array.from({ length: 60 }, (_, n) => n + 1);
const SIZES = [
  { members: 3, learners: 0 },
  { members: 5, learners: 0 },
  { members: 3, learners: 2 },
];

describe.for(SIZES)("$members voters and $learners learners", (size) => {
  const run = (seed: number): SimulationResult => {
    try {
      return simulate({ seed, ...size, recoveryMs: 10_000 });
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  };

  it("keeps every promise under every seed, and comes back when a quorum heals", ({ expect }) => {
    const marks = new Set<string>();
    let committed = 0;
    for (const seed of SEEDS) {
      const result = run(seed);
      committed += result.committed;
      for (const mark of result.marks.keys()) marks.add(mark);
    }
    // Seeds that never reach what is rare would prove nothing.
    expect(committed).toBeGreaterThan(20_000);
    for (const mark of [
      "crash",
      "turnsLost",
      "resumed",
      "truncated",
      "overwritten",
      "zombieRead",
    ]) {
      expect(marks, mark).toContain(mark);
    }
  });

  it("replays a seed to the same trace", ({ expect }) => {
    for (const seed of [1, 7, 23]) {
      const { hash, events } = run(seed);
      expect(run(seed)).toMatchObject({ hash, events });
    }
    expect(run(1).hash).not.toBe(run(2).hash);
  });
});
