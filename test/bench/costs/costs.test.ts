// What the table of costs claims: that it is what the price list makes of recorded counters.

import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "vitest";
import { billOf, type Counted } from "./bill.ts";
import { costTable, TABLE_BEGINS, TABLE_ENDS, tableIn, withTable } from "./cost-table.ts";
import { COUNTERS } from "./recorded.ts";

/** A day of which every count is easy to multiply by thirty. */
const DAY: Counted = {
  name: "day",
  title: "A day",
  seconds: 86_400,
  rowsWritten: 10e6,
  peerCalls: 1e6,
  sockets: 0,
  clientMessages: 20e6,
  awakeSeconds: 3 * 86_400,
  storedBytes: 6e9,
};

describe("a bill", () => {
  test("is of thirty days, by the price list", ({ expect }) => {
    const { amounts, dollars } = billOf(DAY);
    expect(amounts.rowsWritten).toBe(300e6);
    expect(dollars.rowsWritten).toBeCloseTo(300);
    // A million calls and a twentieth of twenty million messages, every day.
    expect(amounts.objectRequests).toBe(60e6);
    expect(dollars.objectRequests).toBeCloseTo(9);
    expect(amounts.gigabyteSeconds).toBeCloseTo(995_328);
    expect(dollars.gigabyteSeconds).toBeCloseTo(12.44);
    expect(dollars.gigabytesStored).toBeCloseTo(1.2);
  });

  test("leaves out what the plan includes, and adds the plan", ({ expect }) => {
    const { grossDollars, netDollars } = billOf(DAY);
    expect(grossDollars).toBeCloseTo(300 + 9 + 12.4416 + 1.2);
    expect(netDollars).toBeCloseTo(5 + 250 + 8.85 + 7.4416 + 0.2);
  });

  test("of a client that stays: four connections a day, each a request and a call", ({
    expect,
  }) => {
    const { amounts } = billOf({ ...DAY, peerCalls: 0, clientMessages: 0, sockets: 1_000 });
    expect(amounts.workerRequests).toBe(120_000);
    expect(amounts.objectRequests).toBe(120_000);
  });
});

test("the README has the table that the recorded counters make", ({ expect }) => {
  expect(existsSync(COUNTERS)).toBe(true);
  const counted = JSON.parse(readFileSync(COUNTERS, "utf8")) as readonly Counted[];
  expect(counted.map(({ name }) => name)).toEqual(["flags", "discovery", "busy"]);
  expect(tableIn(readFileSync("README.md", "utf8"))).toBe(costTable(counted));
});

test("a new table takes the place of the old one, and touches nothing else", ({ expect }) => {
  const page = `before\n${TABLE_BEGINS}\nold\n${TABLE_ENDS}\nafter`;
  const next = withTable(page, [DAY]);
  expect(tableIn(next)).toBe(costTable([DAY]));
  expect(next.replace(costTable([DAY]), "old")).toBe(page);
  expect(() => withTable("no marks", [DAY])).toThrow(/no marks/);
});
