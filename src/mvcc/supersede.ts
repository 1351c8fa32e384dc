// Owns the step from "live" to "superseded": copying versions from `now` to `old`, inside SQLite, so
// that values need not pass through memory; and the way back there of those that went to the history.

import { CATCH_UP_BYTES_MAX } from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import { nextRevision, type Bytes, type Revision } from "../base/types.ts";
import type { Replaced } from "./history-row.ts";
import type { History } from "./history.ts";
import type { ReplacedVersions } from "./replaced.ts";
import { leaseToBytes } from "./rows.ts";

/**
 * Copies the live versions that match `condition` (a WHERE clause over `now`) into `old`, visible
 * until `revision`. One made by this very revision is left out: no revision ever shows it.
 */
export function copyToOld(
  sql: SqlPort,
  revision: Revision,
  rows: { readonly condition: string; readonly parameters: readonly Bytes[] },
): void {
  sql.run(
    `INSERT INTO old (key, until, create_revision, mod_revision, version, lease, value, sub, trail)
     SELECT key, ?, create_revision, mod_revision, version, lease, value, sub, trail
     FROM now WHERE ${rows.condition} AND mod_revision < ?`,
    revision,
    ...rows.parameters,
    revision,
  );
}

/** Moves to `old` what stands in the history, run by run, and what a batch under way would add. */
export function moveToOld(
  sql: SqlPort,
  { history, compacted }: { readonly history: History; readonly compacted: Revision },
  replaced: ReplacedVersions,
): void {
  for (let from: Revision | null = nextRevision(compacted); from !== null;) {
    const { versions, next } = history.readReplaced(from, CATCH_UP_BYTES_MAX);
    insertOld(sql, versions);
    from = next;
  }
  insertOld(sql, replaced.clear());
}

function insertOld(sql: SqlPort, versions: readonly Replaced[]): void {
  for (const { kv, until, sub } of versions) {
    sql.run(
      `INSERT INTO old (key, until, create_revision, mod_revision, version, lease, value, sub)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      kv.key,
      until,
      kv.createRevision,
      kv.modRevision,
      kv.version,
      leaseToBytes(kv.lease),
      kv.value,
      sub,
    );
  }
}
