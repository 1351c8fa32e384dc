// Owns measuring how fast virtual time goes: three replicas on one core, without faults.

import type { Command } from "./options.ts";
import { simulate } from "./simulation.ts";
import { NO_FAULTS } from "./faults.ts";

/** Runs as asked and says how many simulated hours one second takes in. */
export function measure({ run, hoursIdle, rate, hours }: Command): string {
  const virtualHours = hoursIdle ?? hours;
  const faultyMs = virtualHours * 3_600_000;
  const load = {
    kvClients: rate === null ? 0 : 4,
    leaseClients: 0,
    watchers: rate === null ? 0 : 2,
  };
  const began = performance.now();
  const result = simulate({
    ...run,
    off: new Set([...(run.off ?? []), "members", "upgrade", "session"]),
    members: 3,
    faults: NO_FAULTS,
    faultyMs,
    timing: { quiesceMs: null },
    load: { ...load, writesPerSecond: rate ?? 0 },
  });
  const seconds = (performance.now() - began) / 1_000;
  const what = rate === null ? "idle" : `${rate} writes a second`;
  return (
    `${what}: ${virtualHours} simulated hours in ${seconds.toFixed(1)} s, ` +
    `${(virtualHours / seconds).toFixed(2)} hours per second, ${result.revisions} revisions`
  );
}
