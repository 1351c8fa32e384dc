// Owns gathering durations into classes.

import { DURATION_BOUNDS_SECONDS, type Durations } from "../api/metrics.ts";

export class DurationMeter {
  readonly #counts = Array.from({ length: DURATION_BOUNDS_SECONDS.length + 1 }, () => 0);
  #sumMs = 0;

  add(ms: number): void {
    const index = DURATION_BOUNDS_SECONDS.findIndex((bound) => ms <= bound * 1_000);
    const counts = this.#counts;
    const at = index < 0 ? counts.length - 1 : index;
    counts[at] = counts[at]! + 1;
    this.#sumMs += ms;
  }

  read(): Durations {
    return { counts: [...this.#counts], sumSeconds: this.#sumMs / 1_000 };
  }
}
