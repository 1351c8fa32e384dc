// Owns tables as Markdown has them, and how figures are written in them.

import type { Spread } from "../statistics.ts";

type Row = readonly string[];

/** The first column is text, the others are figures. */
export function table(head: Row, rows: readonly Row[]): string {
  const line = (cells: Row): string => `| ${cells.join(" | ")} |`;
  const rule = head.map((_, index) => (index === 0 ? "---" : "---:"));
  return [head, rule, ...rows].map(line).join("\n");
}

/** Three digits, or all before the point. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}

/** The median, and the quartiles where rounds differ. */
export const spread = ({ median, lower, upper }: Spread): string =>
  lower === upper ? figure(median) : `${figure(median)} (${figure(lower)} to ${figure(upper)})`;

export const mebibytes = (bytes: number): string => figure(bytes / 2 ** 20);
