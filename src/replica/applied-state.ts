// Owns the list of the applied state that has no versions, and installing a snapshot of all of it.
// A table or column of `meta` that entries change and that is not here would be missing on every
// replica that catches up by snapshot; `test/replica/applied-state.test.ts` looks for such.

import { CLUSTER_VERSION, MEMBERSHIP } from "../apply/cluster-state.ts";
import { AUTH } from "../auth/auth-tables.ts";
import type { SqlPort } from "../base/ports.ts";
import type { LogIndex, Milliseconds, Term } from "../base/types.ts";
import type { Unversioned } from "../base/unversioned.ts";
import { CLUSTER_VERSION_MIN } from "../base/versions.ts";
import { LEASE_PAGES } from "../lease/lease-table.ts";
import { installStaged } from "../mvcc/snapshot-install.ts";
import { resetLog } from "../raft/log-base.ts";

/**
 * All of it. The replica's own is no part of it: hard state, incarnation, certificate, log. A replica
 * refuses a snapshot with more than its own list, so a new item is null until a new cluster version
 * lets entries change it.
 */
export const UNVERSIONED: readonly Unversioned[] = [LEASE_PAGES, MEMBERSHIP, CLUSTER_VERSION, AUTH];

/**
 * The lowest cluster version that all of it is heeded at: older code would pass over the rest as if it
 * were not there, users and roles among it.
 */
export const versionNeeded = (sql: SqlPort): number =>
  UNVERSIONED.reduce((needed, { since = CLUSTER_VERSION_MIN, copy }) => {
    return since <= needed || copy(sql) === null ? needed : since;
  }, CLUSTER_VERSION_MIN);

/**
 * Puts the received snapshot of the entry `index` of `term` in place of the applied state and the
 * log, in one transaction; see `installStaged`. Everything made over the database is made anew.
 */
export function installSnapshot(
  sql: SqlPort,
  snapshot: { readonly index: LogIndex; readonly term: Term; readonly now: Milliseconds },
): void {
  const { index, term, now } = snapshot;
  sql.transaction(() => {
    installStaged(sql, { index, now, unversioned: UNVERSIONED });
    resetLog(sql, { index, term });
  });
}
