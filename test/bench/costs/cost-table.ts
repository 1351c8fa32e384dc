// Owns the table of costs, as the README has it between two marks, and `npm run costs` prints it.

import type { Billed } from "./prices.ts";
import { billOf, type Counted } from "./bill.ts";

export const TABLE_BEGINS = "<!-- costs: printed by `npm run costs` -->";
export const TABLE_ENDS = "<!-- costs end -->";

const COLUMNS: readonly (readonly [Billed, string])[] = [
  ["rowsWritten", "rows"],
  ["objectRequests", "calls"],
  ["workerRequests", "requests"],
  ["gigabyteSeconds", "duration"],
  ["gigabytesStored", "storage"],
];

export function costTable(all: readonly Counted[]): string {
  const head = ["a month of", ...COLUMNS.map(([, title]) => title), "all", "with the plan"];
  const rows = all
    .map(billOf)
    .map(({ title, dollars, grossDollars, netDollars }) => [
      title,
      ...COLUMNS.map(([kind]) => money(dollars[kind])),
      money(grossDollars),
      money(netDollars),
    ]);
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [head, head.map((_, index) => (index === 0 ? "---" : "---:")), ...rows]
    .map(line)
    .join("\n");
}

/** What the README has between the marks. @throws Error when it has no marks. */
export function tableIn(text: string): string {
  const [from, to] = [text.indexOf(TABLE_BEGINS), text.indexOf(TABLE_ENDS)];
  if (from < 0 || to < from) throw new Error("there are no marks of the table of costs");
  return text.slice(from + TABLE_BEGINS.length, to).trim();
}

const money = (dollars: number): string =>
  dollars >= 100 ? `$${Math.round(dollars)}` : `$${dollars.toFixed(2)}`;

/** The page with another table between its marks. @throws Error when it has none. */
export function withTable(page: string, all: readonly Counted[]): string {
  return page.replace(tableIn(page), () => costTable(all));
}
