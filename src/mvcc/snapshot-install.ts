// Owns putting a received snapshot in place of the applied state: all of it in one transaction, so
// that a crash leaves the old state or the new one, and never half of either.

import { assert, present } from "../base/assert.ts";
import { concatBytes } from "../base/bytes.ts";
import type { SqlPort } from "../base/ports.ts";
import type { Bytes, LogIndex, Milliseconds } from "../base/types.ts";
import type { Unversioned } from "../base/unversioned.ts";
import { tableOf, type RowHead } from "./segments.ts";
import { decodeStorePin, STORE_PIN, type StorePin } from "./snapshot-part.ts";
import {
  endStaging,
  readStaging,
  STAGED_TABLES,
  STAGED_UNVERSIONED,
  stagedName,
} from "./snapshot-sink.ts";

/**
 * Installs the snapshot whose parts are all here, and which is of the entry at `index`. Everything
 * that was made over the database (store, leases, applier) must be made anew: it shows the pinned
 * state exactly. `now` is the receiver's own clock: its cluster time goes on from here, since what
 * another replica's clock said when it applied the entry means nothing here.
 *
 * Takes as long as dropping the former tables, and a walk over the live keys for the index of
 * leases, whose name cannot be changed by SQLite.
 *
 * @throws InvariantError when a part is missing, or the snapshot is not of that entry, or has other
 * unversioned state than this replica knows: what is not understood is not thrown away.
 */
export function installStaged(
  sql: SqlPort,
  options: {
    readonly index: LogIndex;
    readonly now: Milliseconds;
    readonly unversioned: readonly Unversioned[];
  },
): void {
  const staging = present(readStaging(sql), "a snapshot was received");
  assert(staging.cursor === null, "all parts of a snapshot are here before it is installed");
  sql.transaction(() => {
    const bodies = readBodies(sql);
    const pin = decodeStorePin(present(bodies.get(STORE_PIN), "a snapshot says where it stands"));
    assert(pin.index === options.index, `the snapshot is of entry ${options.index}`);
    for (const table of STAGED_TABLES) replaceTable(sql, table);
    replaceHistory(sql, staging.history, { pin, now: options.now });
    sql.run(
      // What the source had not swept yet was not sent.
      "UPDATE meta SET compacted = ?, swept = ? WHERE id = 0",
      pin.compacted,
      pin.compacted,
    );
    bodies.delete(STORE_PIN);
    for (const { name, restore } of options.unversioned) {
      restore(sql, bodies.get(name) ?? null);
      bodies.delete(name);
    }
    assert(bodies.size === 0, `what a snapshot has is known: ${[...bodies.keys()].join(", ")}`);
    endStaging(sql);
  });
}

function readBodies(sql: SqlPort): Map<string, Bytes> {
  const rows = sql.all<{ name: string; bytes: Bytes }>(
    `SELECT name, bytes FROM ${STAGED_UNVERSIONED} ORDER BY name, piece`,
  );
  const pieces = Map.groupBy(rows, ({ name }) => name);
  const bodyOf = ([name, parts]: [string, typeof rows]): [string, Bytes] => [
    name,
    concatBytes(parts.map(({ bytes }) => bytes)),
  ];
  return new Map([...pieces].map(bodyOf));
}

/** Its indexes go with the former table, and are made again under their names. */
function replaceTable(sql: SqlPort, table: string): void {
  const indexes = sql.all<{ sql: string }>(
    "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL",
    table,
  );
  sql.run(`DROP TABLE ${table}`);
  sql.run(`ALTER TABLE ${stagedName(table)} RENAME TO ${table}`);
  for (const index of indexes) sql.run(index.sql);
}

function replaceHistory(
  sql: SqlPort,
  count: number,
  { pin, now }: { readonly pin: StorePin; readonly now: Milliseconds },
): void {
  const former = sql.all<{ number: number }>("SELECT number FROM segment WHERE kind = 'rev'");
  for (const { number } of former) sql.run(`DROP TABLE ${tableOf(number)}`);
  sql.run("DELETE FROM segment WHERE kind = 'rev'");
  for (let number = 1; number <= count; number++) {
    sql.run(`ALTER TABLE ${stagedName(tableOf(number))} RENAME TO ${tableOf(number)}`);
    sql.run("INSERT INTO segment (kind, number) VALUES ('rev', ?)", number);
  }
  setWall(sql, tableOf(count), { pin, now });
}

/** The newest row is the applied index; the snapshot's is that of the pin, or it is not whole. */
function setWall(
  sql: SqlPort,
  table: string,
  { pin, now }: { readonly pin: StorePin; readonly now: Milliseconds },
): void {
  const [newest] = sql.all<RowHead>(
    `SELECT revision, applied, part, time, wall FROM ${table}
     ORDER BY revision DESC, applied DESC, part DESC LIMIT 1`,
  );
  const { revision, applied, part, time } = present(newest, "a snapshot has its applied index");
  const isPin = revision === pin.revision && applied === pin.index && time === pin.time;
  assert(isPin, `the history of a snapshot ends at entry ${pin.index}`);
  sql.run(
    `UPDATE ${table} SET wall = ? WHERE revision = ? AND applied = ? AND part = ?`,
    now,
    revision,
    applied,
    part,
  );
}
