// Owns what the pure layers ask of the world: one synchronous SQL database.

import type { Bytes } from "./types.ts";

/** What SQLite stores for us. 64-bit ids are TEXT or BLOB: workerd rounds integers above 2^53. */
export type SqlValue = number | string | Bytes | null;
export type SqlRow = Record<string, SqlValue>;

/** How large a database is, in bytes. */
export interface DatabaseSize {
  /** All its pages, as far as the platform tells. */
  readonly total: number;
  /** Without those that are free: what its content needs. */
  readonly inUse: number;
}

/**
 * A synchronous SQLite database. In workerd it is a Durable Object's `ctx.storage.sql`, in Node
 * `node:sqlite`. All writes of one turn become durable together, in the order of the calls.
 */
export interface SqlPort {
  /** Runs one statement with `?` parameters and returns all its rows; BLOBs as Bytes. */
  all<Row extends SqlRow>(statement: string, ...parameters: readonly SqlValue[]): Row[];
  /** Runs one statement for its effect. */
  run(statement: string, ...parameters: readonly SqlValue[]): void;
  /** Runs `body` so that its writes happen together or, when it throws, not at all. Nests. */
  transaction<T>(body: () => T): T;
  /** Its size now, with what is not committed yet. Cheap: no table is read. */
  size(): DatabaseSize;
}
