// Owns where a replica's log begins, as its row of `meta` keeps it: the last entry that was trimmed
// or came by snapshot, its term, and who opened that term. A log may start anywhere.

import { assert } from "../base/assert.ts";
import type { SqlPort } from "../base/ports.ts";
import { asLogIndex, asMemberId, asTerm } from "../base/types.ts";
import type { LogIndex, Term } from "../base/types.ts";
import type { LogBase } from "./types.ts";

/** @throws InvariantError when the row is missing or damaged. */
export function readBase(sql: SqlPort): LogBase {
  const [row] = sql.all<{ log_index: number; log_term: number; log_author: string | null }>(
    "SELECT log_index, log_term, log_author FROM meta WHERE id = 0",
  );
  assert(row !== undefined, "a replica's database has its row of meta");
  const { log_index: index, log_term: term, log_author: author } = row;
  assert(author === null || /^\d{1,20}$/.test(author), "an author is a decimal member id");
  assert((index === 0) === (term === 0), "entries have terms from 1 on");
  return {
    index: asLogIndex(index),
    term: asTerm(term),
    author: author === null ? null : asMemberId(BigInt(author)),
  };
}

/** One row. To be called in the transaction that drops what lies before the base. */
export function writeBase(sql: SqlPort, { index, term, author }: LogBase): void {
  sql.run(
    "UPDATE meta SET log_index = ?, log_term = ?, log_author = ? WHERE id = 0",
    index,
    term,
    author === null ? null : author.toString(),
  );
}

/** Drops a table of the log: one row, however many it holds. */
export function dropLogTable(sql: SqlPort, number: number): void {
  sql.run(`DROP TABLE log_${number}`);
  sql.run("DELETE FROM segment WHERE kind = 'log' AND number = ?", number);
}

/**
 * Puts an empty log that begins behind `snapshot` in place of the one that is there, for a replica
 * that installs a snapshot of that entry. Whoever holds a SqlLog over the database makes a new one.
 * A snapshot does not tell who opened its term, and it need not: the receiver has not.
 */
export function resetLog(
  sql: SqlPort,
  snapshot: { readonly index: LogIndex; readonly term: Term },
): void {
  sql.transaction(() => {
    const numbers = sql.all<{ number: number }>("SELECT number FROM segment WHERE kind = 'log'");
    for (const { number } of numbers) dropLogTable(sql, number);
    writeBase(sql, { ...snapshot, author: null });
  });
}
