// Owns the one adapter between the pure layers' SqlPort and a Durable Object's SQLite.

import { assert } from "../base/assert.ts";
import type { DatabaseSize, SqlPort, SqlRow, SqlValue } from "../base/ports.ts";

/**
 * The object's database. The output gate holds what leaves the object until the writes before it
 * are durable; a message that leaves before its write would escape. So effects are performed only
 * between inputs, and a write while they are being performed is a broken invariant.
 */
export class SqlStorage implements SqlPort {
  readonly #storage: DurableObjectStorage;
  #isSending = false;
  #rowsWritten = 0;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Rows written since the object was constructed, as the platform bills them. */
  get rowsWritten(): number {
    return this.#rowsWritten;
  }

  all<Row extends SqlRow>(statement: string, ...parameters: readonly SqlValue[]): Row[] {
    const cursor = this.#storage.sql.exec(statement, ...parameters);
    // Named here, and not by the platform: a row of seven columns takes two thirds of the time.
    const rows = [...cursor.raw()];
    this.#count(cursor.rowsWritten);
    if (rows.length === 0) return [];
    const { columnNames } = cursor;
    return rows.map((values) => named<Row>(columnNames, values));
  }

  run(statement: string, ...parameters: readonly SqlValue[]): void {
    this.#count(this.#storage.sql.exec(statement, ...parameters).rowsWritten);
  }

  transaction<T>(body: () => T): T {
    return this.#storage.transactionSync(body);
  }

  /** Free pages are neither counted by the platform nor told: it knows one size. */
  size(): DatabaseSize {
    const { databaseSize } = this.#storage.sql;
    return { total: databaseSize, inUse: databaseSize };
  }

  /** Runs `send`, during which nothing may be written. */
  whileSending(send: () => void): void {
    this.#isSending = true;
    try {
      send();
    } finally {
      this.#isSending = false;
    }
  }

  #count(rowsWritten: number): void {
    assert(rowsWritten === 0 || !this.#isSending, "a step writes before it sends");
    this.#rowsWritten += rowsWritten;
  }
}

function named<Row extends SqlRow>(columns: readonly string[], values: readonly unknown[]): Row {
  const row: Record<string, unknown> = {};
  for (const [index, column] of columns.entries()) {
    const value = values[index];
    row[column] = value instanceof ArrayBuffer ? new Uint8Array(value) : value;
  }
  return row as Row;
}
