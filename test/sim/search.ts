// Owns searching fresh seeds for a failure, on all cores: a child process for each, which runs seeds
// and reports; the parent shows progress every second.

import { fork, type ChildProcess } from "node:child_process";
import { availableParallelism } from "node:os";
import type { RunOptions } from "./plan.ts";
import { failureOf } from "./shrink.ts";
import { simulate } from "./simulation.ts";

type Run = Omit<RunOptions, "line">;

/** What a child reports of each seed. */
interface Report {
  readonly seed: number;
  readonly failure: string | null;
  readonly virtualMs: number;
  readonly marks: readonly string[];
}

/** What a child is told. Sets do not travel as JSON. */
interface Order {
  readonly run: Omit<Run, "off"> & { readonly off: readonly string[] };
  readonly step: number;
}

export interface Found {
  readonly seeds: number;
  readonly virtualHours: number;
  readonly marks: ReadonlySet<string>;
  /** The first failing seed; null when every run kept every promise. */
  readonly failing: number | null;
}

/** Runs seeds from `run.seed` on for `minutes`, or until one fails. */
export async function search(
  run: Run,
  minutes: number,
  progress: (line: string) => void,
): Promise<Found> {
  const marks = new Set<string>();
  let seeds = 0;
  let virtualMs = 0;
  let failing: number | null = null;
  const began = performance.now();
  const step = Math.max(availableParallelism(), 1);
  const over = Promise.withResolvers<void>();
  const children = Array.from({ length: step }, (_, n) =>
    startChild(
      { run: { ...run, seed: run.seed + n, off: [...(run.off ?? [])] }, step },
      (report) => {
        seeds++;
        virtualMs += report.virtualMs;
        for (const mark of report.marks) marks.add(mark);
        if (report.failure === null) return;
        failing = report.seed;
        progress(`seed ${report.seed}: ${report.failure}`);
        over.resolve();
      },
    ),
  );
  const clock = setInterval(() => {
    const seconds = Math.round((performance.now() - began) / 1_000);
    progress(`${seconds} s: ${seeds} seeds, ${(virtualMs / 3.6e6).toFixed(2)} virtual hours`);
    if (seconds >= minutes * 60) over.resolve();
  }, 1_000);
  await over.promise;
  clearInterval(clock);
  for (const child of children) child.kill();
  return { seeds, virtualHours: virtualMs / 3.6e6, marks, failing };
}

function startChild(order: Order, heard: (report: Report) => void): ChildProcess {
  const child = fork(new URL("./search.ts", import.meta.url), ["--child"]);
  child.on("message", (report) => heard(report as Report));
  child.send(order);
  return child;
}

/** A child: seed after seed, until it is killed. */
async function serve({ run, step }: Order): Promise<void> {
  for (let { seed } = run; ; seed += step) {
    const each = { ...run, seed, off: new Set(run.off) };
    const report = reportOf(each);
    await new Promise<void>((resolve) => {
      process.send!(report, () => resolve());
    });
  }
}

function reportOf(run: Run): Report {
  try {
    const { virtualMs, marks } = simulate(run);
    return { seed: run.seed, failure: null, virtualMs, marks: [...marks.keys()] };
  } catch {
    return { seed: run.seed, failure: failureOf(run), virtualMs: 0, marks: [] };
  }
}

if (process.argv.includes("--child")) {
  process.once("message", (order) => void serve(order as Order));
  process.on("disconnect", () => process.exit());
}
