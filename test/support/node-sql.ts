// Owns the SqlPort that tests run on: node:sqlite with the replica's migrations applied. In workerd
// the same port is a Durable Object's `ctx.storage.sql`.

import { readdirSync, readFileSync } from "node:fs";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

import type { SqlPort, SqlRow, SqlValue } from "../../src/base/ports.ts";

const MIGRATIONS = new URL("../../migrations/", import.meta.url);

/** A database of Node's own, to be closed by its test. */
export type NodeSql = SqlPort & { close(): void };

/**
 * Opens the database at `path` (in memory by default) and applies those migrations, in the order of
 * their names, that were not applied before. Inserts no rows: see `insertMeta`.
 */
export function openNodeSql(path = ":memory:"): NodeSql {
  const sql = new NodeSqlPort(new DatabaseSync(path));
  const [version] = sql.all<{ user_version: number }>("PRAGMA user_version");
  const scripts = readdirSync(MIGRATIONS).toSorted();
  for (const script of scripts.slice(version!.user_version)) {
    sql.migrate(readFileSync(new URL(script, MIGRATIONS), "utf8"));
  }
  sql.migrate(`PRAGMA user_version = ${scripts.length}`);
  return sql;
}

/** Inserts the single row of `meta` as an unborn replica has it, with a nonce of no meaning. */
export function insertMeta(sql: SqlPort): void {
  sql.run("INSERT INTO meta (id, birth_nonce) VALUES (0, ?)", "test-nonce");
}

class NodeSqlPort implements SqlPort {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #depth = 0;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  migrate(script: string): void {
    this.#database.exec(script);
  }

  all<Row extends SqlRow>(statement: string, ...parameters: readonly SqlValue[]): Row[] {
    return this.#prepare(statement).all(...(parameters as SQLInputValue[])) as Row[];
  }

  run(statement: string, ...parameters: readonly SqlValue[]): void {
    this.#prepare(statement).run(...(parameters as SQLInputValue[]));
  }

  transaction<T>(body: () => T): T {
    const savepoint = `nested_${this.#depth++}`;
    this.#database.exec(`SAVEPOINT ${savepoint}`);
    try {
      const result = body();
      this.#database.exec(`RELEASE ${savepoint}`);
      return result;
    } catch (error) {
      this.#database.exec(`ROLLBACK TO ${savepoint}; RELEASE ${savepoint}`);
      throw error;
    } finally {
      this.#depth--;
    }
  }

  close(): void {
    this.#database.close();
  }

  #prepare(statement: string): StatementSync {
    let prepared = this.#statements.get(statement);
    if (prepared === undefined) {
      prepared = this.#database.prepare(statement);
      this.#statements.set(statement, prepared);
    }
    return prepared;
  }
}
