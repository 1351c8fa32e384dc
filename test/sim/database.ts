// Owns a simulated object's database: SQLite in memory, in which turns that are not yet confirmed can
// be taken back. Each turn that writes opens a savepoint at its first write; they lie on one another
// like plates. A crash goes back to one of them; when all turns are confirmed, all are released.

import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

import { assert } from "../../src/base/assert.ts";
import type { DatabaseSize, SqlPort, SqlRow, SqlValue } from "../../src/base/ports.ts";
import { databaseSize, inSavepoint, MIGRATION_SCRIPTS } from "../support/node-sql.ts";

const SCHEMA = MIGRATION_SCRIPTS.join("\n");

/** What a turn has written to, as bits. */
export const WROTE = { log: 1, history: 2, meta: 4, other: 8 } as const;

interface Prepared {
  readonly statement: StatementSync;
  /** Bits of WROTE; 0 of a statement that reads. */
  readonly writes: number;
}

export class SimDatabase {
  readonly #database = new DatabaseSync(":memory:");
  readonly #statements = new Map<string, Prepared>();
  #depth = 0;
  #plates = 0;
  #isPlateOpen = false;
  #isLocked = true;
  #wrote = 0;

  constructor() {
    this.#database.exec(SCHEMA);
    this.#database.prepare("INSERT INTO meta (id, birth_nonce) VALUES (0, 'nonce')").run();
  }

  /** Savepoints of turns that are not released. */
  get plates(): number {
    return this.#plates;
  }

  beginTurn(): void {
    this.#wrote = 0;
    this.#isPlateOpen = false;
    this.#isLocked = false;
  }

  /** Nothing may be written from now on to the next turn. Returns what was, as bits of WROTE. */
  endTurn(): number {
    this.#isLocked = true;
    if (this.#isPlateOpen && this.#wrote === 0) {
      this.#plates--;
      this.#execute(`RELEASE plate_${this.#plates}`);
    }
    return this.#wrote;
  }

  /** Keeps all turns: they cannot be taken back any more. */
  keepAll(): void {
    if (this.#plates > 0) this.#execute("RELEASE plate_0");
    this.#plates = 0;
  }

  /** Takes back the turn of that plate and all after it; keeps those before. */
  takeBack(plate: number): void {
    assert(plate < this.#plates, "only what is not released can be taken back");
    this.#execute(`ROLLBACK TO plate_${plate}`);
    this.keepAll();
  }

  all<Row extends SqlRow>(sql: string, parameters: readonly SqlValue[]): Row[] {
    const { statement, writes } = this.#prepare(sql);
    if (writes !== 0) this.#write(writes);
    return statement.all(...(parameters as SQLInputValue[])) as Row[];
  }

  /** Rows one by one, for whoever may stop early. Reads only. */
  rows<Row extends SqlRow>(sql: string): Iterable<Row> {
    return this.#prepare(sql).statement.iterate() as Iterable<Row>;
  }

  run(sql: string, parameters: readonly SqlValue[]): void {
    const { statement, writes } = this.#prepare(sql);
    if (writes !== 0) this.#write(writes);
    statement.run(...(parameters as SQLInputValue[]));
  }

  transaction<T>(body: () => T): T {
    this.#openPlate();
    const savepoint = `nested_${this.#depth++}`;
    try {
      return inSavepoint(savepoint, (sql) => this.#execute(sql), body);
    } finally {
      this.#depth--;
    }
  }

  size(): DatabaseSize {
    return databaseSize((pragma) => this.all(pragma, []));
  }

  close(): void {
    this.#database.close();
  }

  #write(what: number): void {
    this.#openPlate();
    this.#wrote |= what;
  }

  #openPlate(): void {
    assert(!this.#isLocked, "a step writes before it sends");
    if (this.#isPlateOpen) return;
    this.#isPlateOpen = true;
    this.#execute(`SAVEPOINT plate_${this.#plates++}`);
  }

  #execute(sql: string): void {
    this.#prepare(sql).statement.run();
  }

  #prepare(sql: string): Prepared {
    let prepared = this.#statements.get(sql);
    if (prepared === undefined) {
      prepared = { statement: this.#database.prepare(sql), writes: writesOf(sql) };
      this.#statements.set(sql, prepared);
    }
    return prepared;
  }
}

function writesOf(sql: string): number {
  if (/^\s*(SELECT|WITH|PRAGMA)\b/i.test(sql)) return 0;
  if (/\blog_\d/.test(sql)) return WROTE.log;
  if (/\brev_\d/.test(sql)) return WROTE.history;
  return /\bmeta\b/.test(sql) ? WROTE.meta : WROTE.other;
}

/** Thrown where the platform refuses storage to an instance that was superseded. */
export class Superseded extends Error {
  override readonly name = "Superseded";
}

/** The database as one instance of the object holds it. */
export class InstanceStorage implements SqlPort {
  readonly #database: SimDatabase;
  isFenced = false;

  constructor(database: SimDatabase) {
    this.#database = database;
  }

  all<Row extends SqlRow>(statement: string, ...parameters: readonly SqlValue[]): Row[] {
    if (this.isFenced) throw new Superseded();
    return this.#database.all(statement, parameters);
  }

  run(statement: string, ...parameters: readonly SqlValue[]): void {
    if (this.isFenced) throw new Superseded();
    this.#database.run(statement, parameters);
  }

  transaction<T>(body: () => T): T {
    if (this.isFenced) throw new Superseded();
    return this.#database.transaction(body);
  }

  size(): DatabaseSize {
    if (this.isFenced) throw new Superseded();
    return this.#database.size();
  }
}
