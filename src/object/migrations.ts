// Owns bringing a replica's database up to date: numbered SQL files, applied in order, each once.

import type { SqlPort } from "../base/ports.ts";
import first from "../../migrations/0001_replica.sql";
import second from "../../migrations/0002_raft_whole.sql";
import third from "../../migrations/0003_auth.sql";
import fourth from "../../migrations/0004_alarms_and_limits.sql";
import fifth from "../../migrations/0005_integrity.sql";
import sixth from "../../migrations/0006_idempotency.sql";
import seventh from "../../migrations/0007_replaced_versions.sql";
import { dropStaging } from "../mvcc/snapshot-sink.ts";

/** All migrations; their number is their place in the list, from 1 on. */
const MIGRATIONS: readonly string[] = [first, second, third, fourth, fifth, sixth, seventh];

/** Those that change a table which a snapshot replaces: what was received of one fits no more. */
const CHANGES_STAGED: readonly string[] = [seventh];

/** Whether this object was ever a replica, or on its way to become one. Writes nothing. */
export function hasDatabase(sql: SqlPort): boolean {
  return sql.all("SELECT name FROM sqlite_master WHERE name = 'migration'").length > 0;
}

/** Applies what is missing, each migration in a transaction with the record of it. */
export function migrate(sql: SqlPort): void {
  if (!hasDatabase(sql)) {
    sql.run("CREATE TABLE migration (number INTEGER PRIMARY KEY)");
  }
  const applied = sql.all<{ number: number }>("SELECT number FROM migration").length;
  for (const [offset, script] of MIGRATIONS.slice(applied).entries()) {
    sql.transaction(() => {
      if (CHANGES_STAGED.includes(script)) dropStaging(sql);
      sql.run(script);
      sql.run("INSERT INTO migration (number) VALUES (?)", applied + offset + 1);
    });
  }
}
