// Owns writing a run's findings: the page, its plots, the raw figures, and the counters that costs are
// made of.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Results } from "../results.ts";
import { WORKLOADS } from "../workloads.ts";
import { throughputPlot } from "./plots.ts";
import { plotOf, report } from "./report.ts";

/** Writes `benchmarks.md` into `folder`, and all else into `benchmarks/` beside it. */
export function writeReport(results: Results, folder: string): void {
  const beside = join(folder, "benchmarks");
  mkdirSync(beside, { recursive: true });
  for (const { name, title } of WORKLOADS) {
    const series = results.series.filter(({ workload }) => workload === name);
    if (series.length === 0) continue;
    writeFileSync(join(beside, plotOf(title)), throughputPlot(title, series));
  }
  writeFileSync(join(beside, "results.json"), `${JSON.stringify(results, null, 1)}\n`);
  if (results.references !== undefined) {
    writeFileSync(
      join(beside, "counters.json"),
      `${JSON.stringify(results.references, null, 2)}\n`,
    );
  }
  writeFileSync(join(folder, "benchmarks.md"), report(results));
}
