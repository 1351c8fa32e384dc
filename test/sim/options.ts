// Owns the command line of the simulator: what may be asked, and the command that asks it again.

import { parseArgs } from "node:util";
import type { RunOptions } from "./plan.ts";

export const USAGE = `usage: npm run sim -- [options]
  --seed N         run this seed; without --minutes, only this one
  --minutes M      search fresh seeds for so long
  --trace          print what happens
  --off a,b        switch kinds of faults and operations off
  --members N      the size of the cluster, instead of what the seed draws
  --faulty-ms N    how long anything goes
  --small          with bounds so small that a run meets them
  --adversary      zombies receive events too: harsher than the platform
  --hours-idle H   measure: an idle cluster for so many hours
  --rate N         measure: N writes a second, for --hours H (default 0.1)`;

export interface Command {
  readonly run: Omit<RunOptions, "line">;
  readonly minutes: number | null;
  readonly isTraced: boolean;
  /** With the bounds of `small-bounds.ts`. */
  readonly isSmall: boolean;
  readonly hoursIdle: number | null;
  readonly rate: number | null;
  readonly hours: number;
}

const numeric = (value: string | undefined): number | null =>
  value === undefined ? null : Number(value);

export function parseCommand(parameters: readonly string[]): Command {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      seed: { type: "string" },
      minutes: { type: "string" },
      trace: { type: "boolean", default: false },
      off: { type: "string", default: "" },
      members: { type: "string" },
      "faulty-ms": { type: "string" },
      adversary: { type: "boolean", default: false },
      small: { type: "boolean", default: false },
      "hours-idle": { type: "string" },
      rate: { type: "string" },
      hours: { type: "string", default: "0.1" },
    },
  });
  const members = numeric(values.members);
  const faultyMs = numeric(values["faulty-ms"]);
  return {
    run: {
      seed: numeric(values.seed) ?? 1,
      off: new Set(values.off.split(",").filter((kind) => kind !== "")),
      isAdverse: values.adversary,
      ...(members === null ? {} : { members }),
      ...(faultyMs === null ? {} : { faultyMs }),
    },
    minutes: numeric(values.minutes),
    isTraced: values.trace,
    isSmall: values.small,
    hoursIdle: numeric(values["hours-idle"]),
    rate: numeric(values.rate),
    hours: Number(values.hours),
  };
}

/** The command that runs exactly this. */
export function commandLine(run: Omit<RunOptions, "line">, isSmall: boolean): string {
  const off = [...(run.off ?? [])];
  return [
    `npm run sim -- --seed ${run.seed}`,
    ...(off.length > 0 ? [`--off ${off.join(",")}`] : []),
    ...(run.members === undefined ? [] : [`--members ${run.members}`]),
    ...(run.faultyMs === undefined ? [] : [`--faulty-ms ${run.faultyMs}`]),
    ...(run.isAdverse === true ? ["--adversary"] : []),
    ...(isSmall ? ["--small"] : []),
  ].join(" ");
}
