// Owns statements that take many rows at once. There are a few sizes of each, so that SQLite's parsed
// statements are used again.

import { SQL_PARAMETERS_MAX } from "../base/limits.ts";
import type { SqlPort, SqlRow, SqlValue } from "../base/ports.ts";

/** From one size to the next: rows beyond a multiple of one go by smaller ones. */
const STEP = 4;

export class ManyRows {
  readonly #columns: number;
  /** From the largest to that of one row. */
  readonly #sizes: readonly { readonly rows: number; readonly statement: string }[];

  /** `row` is what stands for one row, parameters as `?`; `statement` puts several, with commas, in place. */
  constructor(row: string, statement: (rows: string) => string) {
    this.#columns = row.split("?").length - 1;
    const sizes: number[] = [1];
    const rowsMax = Math.floor(SQL_PARAMETERS_MAX / this.#columns);
    for (let rows = rowsMax; rows > 1; rows = Math.floor(rows / STEP)) sizes.push(rows);
    this.#sizes = sizes
      .toSorted((a, b) => b - a)
      .map((rows) => ({ rows, statement: statement(Array(rows).fill(row).join(", ")) }));
  }

  /** Runs it over all rows, whose parameters follow one another. */
  run(sql: SqlPort, parameters: readonly SqlValue[]): void {
    for (const [statement, some] of this.#parts(parameters)) sql.run(statement, ...some);
  }

  /** The same, with what the statements answer. */
  all<Row extends SqlRow>(sql: SqlPort, parameters: readonly SqlValue[]): Row[] {
    return [...this.#parts(parameters)].flatMap(([statement, some]) =>
      sql.all<Row>(statement, ...some),
    );
  }

  *#parts(parameters: readonly SqlValue[]): Generator<readonly [string, readonly SqlValue[]]> {
    let done = 0;
    for (const { rows, statement } of this.#sizes) {
      const length = rows * this.#columns;
      for (; parameters.length - done >= length; done += length) {
        yield [statement, parameters.slice(done, done + length)];
      }
    }
  }
}
