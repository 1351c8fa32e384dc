// Owns a child of a search: seed after seed, each reported, until it is killed.

import { registerPatches, SMALL_LIMITS } from "./patches.ts";
import type { Order, Report } from "./search-words.ts";

async function serve({ run, step, isSmall }: Order): Promise<void> {
  if (isSmall) registerPatches(SMALL_LIMITS);
  const { simulate } = await import("./simulation.ts");
  for (let { seed } = run; ; seed += step) {
    let report: Report = { seed, failure: null, virtualMs: 0, marks: [] };
    try {
      const { virtualMs, marks } = simulate({ ...run, seed, off: new Set(run.off) });
      report = { ...report, virtualMs, marks: [...marks.keys()] };
    } catch (error) {
      report = { ...report, failure: String(error) };
    }
    await new Promise<void>((resolve) => {
      process.send!(report, () => resolve());
    });
  }
}

process.once("message", (order) => void serve(order as Order));
process.on("disconnect", () => process.exit());
