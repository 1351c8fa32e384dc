// Owns the command line of the benchmark.

import { parseArgs } from "node:util";
import type { Pace } from "./comparison.ts";

export interface BenchOptions {
  readonly isQuick: boolean;
  readonly pace: Pace;
  /** Names of workloads and studies; null: all. */
  readonly only: readonly string[] | null;
  readonly clients: readonly number[] | null;
  /** Where the stores lie; all on one disk. */
  readonly folder: string;
}

export const BENCH_USAGE = `Usage: npm run bench -- [options]

Measures Edgekeeper beside etcd and a bare Durable Object, and writes docs/benchmarks.md. All of it takes
about 25 minutes on two cores that do nothing else; with --quick, four.

  --quick           a little of everything, written to .cache/benchmarks: to see that all of it works
  --only A,B        only these: put, overwrite, get, serializable, txn, range, mixed, lease; floors, costs, watch,
                    rtt, keys, memory, start, references, idle; written to .cache/benchmarks
  --clients N,M     only with so many clients at once
  --rounds N        how often each is measured (default 3)
  --seconds N       how long each time (default 1.5)
  --folder DIR      where the stores lie (default .cache/bench)
  --help            this text

ETCD names the etcd to compare with; else it is looked for on the path.
`;

const QUICK: Pace = { rounds: 1, warmUpMs: 300, measureMs: 600 };

/** Null when help was asked for. @throws Error with a sentence for the person who typed it. */
export function parseBenchOptions(args: readonly string[]): BenchOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      clients: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      folder: { type: "string", default: ".cache/bench" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return null;
  const full: Pace = {
    rounds: positive(values.rounds ?? "3", "--rounds"),
    warmUpMs: 500,
    measureMs: positive(values.seconds ?? "1.5", "--seconds") * 1_000,
  };
  return {
    isQuick: values.quick,
    pace: values.quick ? QUICK : full,
    only: values.only?.split(",") ?? null,
    clients: values.clients?.split(",").map((text) => positive(text, "--clients")) ?? null,
    folder: values.folder,
  };
}

function positive(text: string, option: string): number {
  const number = Number(text);
  if (number > 0) return number;
  throw new Error(`${option} ${text}: give a number above 0.`);
}
