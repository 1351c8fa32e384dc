// Owns `edgekeeper bench`: a small load over the session door, and how long its requests took.

import { randomBytes } from "node:crypto";
import type { Edgekeeper } from "../client/edgekeeper.ts";
import type { ConnectionOptions } from "./connection-options.ts";
import type { Call } from "./declare.ts";
import { CommandError, EXIT, type ExitCode } from "./exit-codes.ts";
import { showCount, showProgress, type Progress } from "./progress.ts";
import { withStore } from "./store.ts";
import { showTable } from "./table.ts";
import { say, type Terminal } from "./terminal.ts";

export interface BenchOptions extends ConnectionOptions {
  readonly requests: number;
  readonly concurrency: number;
  readonly valueBytes: number;
  readonly prefix: string;
  readonly json?: true;
}

interface Figures {
  readonly name: string;
  readonly requests: number;
  readonly per_second: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
}

export const runBench = (call: Call<BenchOptions>): Promise<ExitCode> =>
  withStore(call, async (store) => {
    const { terminal, options } = call;
    // Two that run at once do not delete each other's keys.
    const prefix = `${options.prefix}${randomBytes(6).toString("hex")}/`;
    const value = Uint8Array.from(randomBytes(options.valueBytes));
    const keyOf = (at: number): string => `${prefix}${at % 1_000}`;
    // The first request opens the session, and may elect a leader.
    await store.put(keyOf(0), value);
    try {
      const figures = [
        await measure(terminal, { name: "put", options }, (at) => store.put(keyOf(at), value)),
        await measure(terminal, { name: "get", options }, (at) => store.get(keyOf(at))),
      ];
      show(terminal, figures, options);
    } finally {
      await tidy(store, prefix);
    }
    return EXIT.ok;
  });

/** What is left over does no harm, and is named. */
async function tidy(store: Edgekeeper, prefix: string): Promise<void> {
  try {
    await store.delete({ prefix });
  } catch (error) {
    throw new CommandError(
      EXIT.failed,
      `What the load wrote is left: edgekeeper del ${prefix} --prefix`,
      { cause: error },
    );
  }
}

async function measure(
  terminal: Terminal,
  { name, options }: { readonly name: string; readonly options: BenchOptions },
  request: (at: number) => Promise<unknown>,
): Promise<Figures> {
  const progress = await showProgress(terminal, { what: name, show: showCount });
  const startedAt = performance.now();
  const times = await timesOf(options, request, { progress, signal: terminal.interrupted }).finally(
    () => progress.end(),
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  const sorted = times.toSorted();
  const at = (share: number): number =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!);
  return {
    name,
    requests: times.length,
    per_second: Math.round(times.length / seconds),
    p50_ms: at(0.5),
    p99_ms: at(0.99),
    max_ms: at(1),
  };
}

async function timesOf(
  { requests, concurrency }: BenchOptions,
  request: (at: number) => Promise<unknown>,
  { progress, signal }: { readonly progress: Progress; readonly signal: AbortSignal },
): Promise<Float64Array> {
  const times = new Float64Array(requests);
  let next = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    while (next < requests) {
      signal.throwIfAborted();
      const at = next++;
      const startedAt = performance.now();
      await request(at);
      times[at] = performance.now() - startedAt;
      progress.at(++done, requests);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, requests) }, worker));
  return times;
}

const round = (ms: number): number => Math.round(ms * 100) / 100;

function show(
  terminal: Terminal,
  figures: readonly Figures[],
  { json, concurrency, valueBytes }: BenchOptions,
): void {
  if (json === true) {
    say(terminal, JSON.stringify({ concurrency, value_bytes: valueBytes, figures }));
    return;
  }
  showTable(
    terminal,
    ["", "REQUESTS", "A SECOND", "P50 ms", "P99 ms", "MAX ms"],
    figures.map(({ name, ...rest }) => [
      name,
      ...Object.values(rest).map((number) => String(number)),
    ]),
  );
}
