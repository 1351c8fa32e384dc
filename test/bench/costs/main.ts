// Owns `npm run costs`: what the reference workloads cost a month, from what the last benchmark counted.

import { readFileSync } from "node:fs";
import { billOf, type Counted } from "./bill.ts";
import { costTable } from "./cost-table.ts";
import { PLAN_DOLLARS, PRICES, PRICES_OF, type Billed } from "./prices.ts";
import { COUNTERS } from "./recorded.ts";

const counted = JSON.parse(readFileSync(COUNTERS, "utf8")) as readonly Counted[];
console.log(`${costTable(counted)}\n`);
for (const bill of counted.map(billOf)) {
  console.log(bill.title);
  for (const kind of Object.keys(PRICES) as Billed[]) {
    const { unit, what } = PRICES[kind];
    const amount = bill.amounts[kind].toLocaleString("en", { maximumFractionDigits: 2 });
    console.log(
      `  ${amount.padStart(16)} ${unit.padEnd(9)} $${bill.dollars[kind].toFixed(2)}  ${what}`,
    );
  }
}
console.log(
  `\nPrices of ${PRICES_OF}; the plan is $${PLAN_DOLLARS} a month and includes part of it.`,
);
