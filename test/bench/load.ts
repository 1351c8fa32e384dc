// Owns putting load on a door: clients that ask one thing after another, and how long each answer took.

import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { ascending, quantile } from "./statistics.ts";
import { cpuSecondsOf } from "./systems/processes.ts";

export interface LoadOptions {
  readonly clients: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** One operation of one client; a rejection is counted, and the client goes on. */
  readonly step: (client: number) => Promise<unknown>;
  /** The processes of the system, whose processor time is counted. */
  readonly pids: readonly number[];
}

/** One round's figures. */
export interface Sample {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly operations: number;
  readonly failures: number;
  /** Processor time of the system for one operation, in microseconds; NaN where it cannot be told. */
  readonly serverMicroseconds: number;
  /** The share of one core that the client took: at 1 the client is what was measured. */
  readonly clientCore: number;
}

/** After so many failures in a row a client waits, or it would only measure refusals. */
const FAILURE_PAUSE_MS = 10;
const ANSWER_MS_MAX = 30_000;

/** Warms up, measures, and waits until everything that was asked is answered. */
export async function runLoad(options: LoadOptions): Promise<Sample> {
  const took: number[] = [];
  const failures: unknown[] = [];
  const state: { phase: "warmUp" | "measure" | "over" } = { phase: "warmUp" };
  const runClient = async (client: number): Promise<void> => {
    while (state.phase !== "over") {
      const from = performance.now();
      try {
        await options.step(client);
        if (state.phase === "measure") took.push(performance.now() - from);
      } catch (error) {
        if (state.phase === "measure") failures.push(error);
        await sleep(FAILURE_PAUSE_MS);
      }
    }
  };
  const clients = Array.from({ length: options.clients }, (_, client) => runClient(client));
  await sleep(options.warmUpMs);
  const before = usage(options.pids);
  state.phase = "measure";
  await sleep(options.measureMs);
  // A quick look may fall into one long stall: without an answer there is no figure.
  const end = performance.now() + ANSWER_MS_MAX;
  while (took.length === 0 && performance.now() < end) await sleep(FAILURE_PAUSE_MS);
  state.phase = "over";
  const after = usage(options.pids);
  await Promise.all(clients);
  if (took.length === 0) throw new Error("not one operation was answered", { cause: failures[0] });
  const seconds = after.seconds - before.seconds;
  const sorted = ascending(took);
  return {
    perSecond: took.length / seconds,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    operations: took.length,
    failures: failures.length,
    serverMicroseconds: ((after.server - before.server) / took.length) * 1e6,
    clientCore: (after.client - before.client) / seconds,
  };
}

interface Usage {
  readonly seconds: number;
  readonly server: number;
  readonly client: number;
}

function usage(pids: readonly number[]): Usage {
  const { user, system } = process.cpuUsage();
  const client = (user + system) / 1e6;
  return { seconds: performance.now() / 1_000, server: cpuSecondsOf(pids), client };
}

/** The machine, as the report names it. */
export const machine = (): string => {
  const all = cpus();
  return `${all.length} cores, ${all[0]?.model.trim() ?? "unknown"}`;
};
