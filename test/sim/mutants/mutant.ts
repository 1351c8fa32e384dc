// Owns what a planted bug is.

import type { Patch } from "../patches.ts";
import type { RunOptions } from "../plan.ts";

export interface Mutant {
  readonly name: string;
  /** What it stands for: the bug that somebody could make, or has made. */
  readonly models: string;
  readonly patches: readonly Patch[];
  /** Within so many seeds, from 1 on, a run must fail. */
  readonly seeds: number;
  /** Faults or sizes that reach it; without them, as the seeds draw. */
  readonly run?: Partial<RunOptions>;
  /** With bounds so small that a run meets them. */
  readonly isSmall?: boolean;
}
