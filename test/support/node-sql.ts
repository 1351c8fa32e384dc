// Owns the SqlPort that tests run on: node:sqlite with the replica's migrations applied. In workerd
// the same port is a Durable Object's `ctx.storage.sql`.

import { readdirSync, readFileSync } from "node:fs";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

import type { DatabaseSize, SqlPort, SqlRow, SqlValue } from "../../src/base/ports.ts";

const MIGRATIONS = new URL("../../migrations/", import.meta.url);

/** The replica's migrations, in the order of their names. */
export const MIGRATION_SCRIPTS: readonly string[] = readdirSync(MIGRATIONS)
  .toSorted()
  .map((name) => readFileSync(new URL(name, MIGRATIONS), "utf8"));

/** A database of Node's own, to be closed by its test. */
export type NodeSql = SqlPort & { close(): void };

/**
 * Opens the database at `path` (in memory by default) and applies those migrations, in the order of
 * their names, that were not applied before. Inserts no rows: see `insertMeta`.
 */
export function openNodeSql(path = ":memory:"): NodeSql {
  const sql = new NodeSqlPort(new DatabaseSync(path));
  const [version] = sql.all<{ user_version: number }>("PRAGMA user_version");
  for (const script of MIGRATION_SCRIPTS.slice(version!.user_version)) sql.migrate(script);
  sql.migrate(`PRAGMA user_version = ${MIGRATION_SCRIPTS.length}`);
  return sql;
}

/** Inserts the single row of `meta` as an unborn replica has it, with a nonce of no meaning. */
export function insertMeta(sql: SqlPort): void {
  sql.run("INSERT INTO meta (id, birth_nonce) VALUES (0, ?)", "test-nonce");
}

/** Runs `body` so that its writes happen together or, when it throws, not at all. */
export function inSavepoint<T>(name: string, execute: (sql: string) => void, body: () => T): T {
  execute(`SAVEPOINT ${name}`);
  try {
    const result = body();
    execute(`RELEASE ${name}`);
    return result;
  } catch (error) {
    execute(`ROLLBACK TO ${name}`);
    execute(`RELEASE ${name}`);
    throw error;
  }
}

/** The size of an SQLite database, as its pragmas tell. */
export function databaseSize(read: (pragma: string) => readonly SqlRow[]): DatabaseSize {
  const of = (name: string): number => Number(Object.values(read(`PRAGMA ${name}`)[0]!)[0]);
  const [pages, page, free] = [of("page_count"), of("page_size"), of("freelist_count")];
  return { total: pages * page, inUse: (pages - free) * page };
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
    try {
      return inSavepoint(savepoint, (sql) => this.#database.exec(sql), body);
    } finally {
      this.#depth--;
    }
  }

  size(): DatabaseSize {
    return databaseSize((pragma) => this.all(pragma));
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
