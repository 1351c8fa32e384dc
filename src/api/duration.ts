// Owns spans of time as people write them in JSON: a number of milliseconds, or "90s", "10m", "1h".

const UNITS: readonly (readonly [string, number])[] = [
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
];

/** In milliseconds; null for what is no span of time. Each unit once at most: "1h30m". */
export function parseDuration(value: string | number): number | null {
  if (typeof value === "number") return Number.isSafeInteger(value) && value >= 0 ? value : null;
  const match = /^(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?$/.exec(value);
  if (match === null || value === "") return null;
  return UNITS.reduce((sum, [, ms], i) => sum + Number(match[i + 1] ?? 0) * ms, 0);
}

/** The same span with the largest unit that leaves nothing over. */
export function printDuration(milliseconds: number): string {
  const [unit, ms] = UNITS.find(([, one]) => milliseconds % one === 0)!;
  return `${milliseconds / ms}${unit}`;
}
