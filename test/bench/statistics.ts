// Owns the arithmetic of figures: quantiles of what was measured, and what several rounds say together.

/** What rounds of one measurement say together: the median, and the quartiles as its spread. */
export interface Spread {
  readonly median: number;
  readonly lower: number;
  readonly upper: number;
}

/** The value below which `share` of all lie, interpolated between neighbours; NaN of none. */
export function quantile(sorted: readonly number[], share: number): number {
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}

export const ascending = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);

export function spreadOf(values: readonly number[]): Spread {
  const sorted = ascending(values);
  const [lower, median, upper] = [0.25, 0.5, 0.75].map((share) => quantile(sorted, share));
  return { lower: lower!, median: median!, upper: upper! };
}

/**
 * How many times `figure` is `base`, round by round: both were measured moments apart, so what slows
 * the machine for a minute slows both. Rounds that one of them lacks are left out.
 */
export function ratioOf(figure: readonly number[], base: readonly number[]): Spread {
  const rounds = Math.min(figure.length, base.length);
  return spreadOf(Array.from({ length: rounds }, (_, round) => figure[round]! / base[round]!));
}
