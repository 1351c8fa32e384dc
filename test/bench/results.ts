// Owns what one run has found, as it is kept beside the report.

import type { Counted } from "./costs/bill.ts";
import type { Series } from "./comparison.ts";
import type { Batches } from "./studies/batches.ts";
import type { Distance } from "./studies/distance.ts";
import type { FanOut } from "./studies/fan-out.ts";
import type { Floors } from "./studies/floors.ts";
import type { Idle } from "./studies/idle.ts";
import type { KeyCount } from "./studies/key-counts.ts";
import type { Memory } from "./studies/memory.ts";
import type { OperationCost } from "./studies/operation-costs.ts";
import type { StartUp } from "./studies/start-up.ts";

export interface About {
  readonly date: string;
  readonly machine: string;
  readonly platform: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly secondsEach: number;
  readonly isQuick: boolean;
}

/** A study that was not asked for is absent. */
export interface Results {
  readonly about: About;
  readonly series: readonly Series[];
  readonly floors?: Floors;
  readonly costs?: readonly OperationCost[];
  readonly batches?: Batches;
  readonly fanOut?: readonly FanOut[];
  readonly distance?: readonly Distance[];
  readonly keys?: readonly KeyCount[];
  readonly memory?: Memory;
  readonly start?: readonly StartUp[];
  readonly idle?: Idle;
  readonly references?: readonly Counted[];
}
