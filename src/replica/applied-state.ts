// Owns the list of the applied state that has no versions, and installing a snapshot of all of it.
// A table or column of `meta` that entries change and that is not here would be missing on every
// replica that catches up by snapshot; `test/replica/applied-state.test.ts` looks for such.

import { ALARMS } from "../apply/alarms.ts";
import { CLUSTER_VERSION, MEMBERSHIP } from "../apply/cluster-state.ts";
import { AUTH, AUTH_WITHOUT_TOKENS, deleteTokens } from "../auth/auth-tables.ts";
import { KEYED_WRITES } from "../apply/keyed-rows.ts";
import { LIMITS } from "../apply/stored-limits.ts";
import { EMPTY } from "../base/bytes.ts";
import { Writer } from "../base/codec.ts";
import type { SqlPort } from "../base/ports.ts";
import type { Bytes, LogIndex, Milliseconds, Term } from "../base/types.ts";
import type { Unversioned } from "../base/unversioned.ts";
import { CLUSTER_VERSION_MIN } from "../base/versions.ts";
import { LEASE_PAGES, type LeaseTable } from "../lease/lease-table.ts";
import { installStaged } from "../mvcc/snapshot-install.ts";
import { resetLog } from "../raft/log-base.ts";

/**
 * All of it. The replica's own is no part of it: hard state, incarnation, certificate, log. A replica
 * refuses a snapshot with more than its own list, so a new item is null until a new cluster version
 * lets entries change it.
 */
export const UNVERSIONED: readonly Unversioned[] = [
  LEASE_PAGES,
  MEMBERSHIP,
  CLUSTER_VERSION,
  AUTH,
  ALARMS,
  LIMITS,
  KEYED_WRITES,
];

/** What of it a client's file holds: what was written, and not who may yet repeat it. */
export const UNVERSIONED_OF_FILES: readonly Unversioned[] = UNVERSIONED.filter(
  (item) => item !== KEYED_WRITES,
).map((item) => (item === AUTH ? AUTH_WITHOUT_TOKENS : item));

/** Ends what of it another cluster must not take over. */
export const endTokens = (sql: SqlPort): void => deleteTokens(sql);

/**
 * What all of it says, in bytes that are equal on all replicas at the same applied index. Which page a
 * lease stands on is no part of that.
 */
export function unversionedBytes(sql: SqlPort, leases: LeaseTable): Bytes {
  const sorted = leases.all().toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const writer = new Writer().list(sorted, (item, { id, ttlSeconds, horizon }) =>
    item.id(id).uint(ttlSeconds).uint(horizon),
  );
  for (const { name, copy } of UNVERSIONED) {
    if (name !== LEASE_PAGES.name) writer.text(name).bytes(copy(sql) ?? EMPTY);
  }
  return writer.finish();
}

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
