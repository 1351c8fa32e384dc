// Owns what the parent and the children of a search say to each other.

import type { RunOptions } from "./plan.ts";

type Run = Omit<RunOptions, "line">;

/** What a child reports of each seed. */
export interface Report {
  readonly seed: number;
  readonly failure: string | null;
  readonly virtualMs: number;
  readonly marks: readonly string[];
}

/** What a child is told: seeds from the run's on, `step` apart. Sets do not travel as JSON. */
export interface Order {
  readonly run: Omit<Run, "off"> & { readonly off: readonly string[] };
  readonly step: number;
  readonly isSmall: boolean;
}

export interface Found {
  readonly seeds: number;
  readonly virtualHours: number;
  readonly marks: ReadonlySet<string>;
  /** The first failing seed; null when every run kept every promise. */
  readonly failing: number | null;
}
