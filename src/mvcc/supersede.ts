// Owns the step from "live" to "superseded": copying versions from `now` to `old`, inside SQLite, so
// that values need not pass through memory.

import type { SqlPort } from "../base/ports.ts";
import type { Bytes, Revision } from "../base/types.ts";

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
    `INSERT INTO old (key, until, create_revision, mod_revision, version, lease, value, sub)
     SELECT key, ?, create_revision, mod_revision, version, lease, value, sub
     FROM now WHERE ${rows.condition} AND mod_revision < ?`,
    revision,
    ...rows.parameters,
    revision,
  );
}
