// Owns searching fresh seeds for a failure, on all cores: a child process for each, which runs seeds
// and reports; the parent shows progress every second.

import { fork, type ChildProcess } from "node:child_process";
import { availableParallelism } from "node:os";
import type { Command } from "./options.ts";
import type { Found, Order, Report } from "./search-words.ts";

/** Runs seeds from `run.seed` on for `minutes`, or until one fails. */
export async function search(
  { run, isSmall }: Pick<Command, "run" | "isSmall">,
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
      { run: { ...run, seed: run.seed + n, off: [...(run.off ?? [])] }, step, isSmall },
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
  const child = fork(new URL("./search-child.ts", import.meta.url));
  child.on("message", (report) => heard(report as Report));
  child.send(order);
  return child;
}
