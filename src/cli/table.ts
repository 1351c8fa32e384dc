// Owns tables for people: columns under headings, as wide as what stands in them.

import Table from "cli-table3";
import { painterFor, type Terminal } from "./terminal.ts";

const NOTHING = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
} as const;

/** Writes the rows under the headings; nothing but the headings when there are none. */
export function showTable(
  terminal: Terminal,
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  const paint = painterFor(terminal.stdout, terminal.environment);
  const table = new Table({
    chars: NOTHING,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  table.push(
    headings.map((heading) => paint("bold", heading)),
    ...rows.map((row) => [...row]),
  );
  const lines = table.toString().split("\n");
  terminal.stdout.write(lines.map((line) => `${line.trimEnd()}\n`).join(""));
}
