// Owns the list of the applied state that has no versions, and installing a snapshot of all of it.
// A table or column of `meta` that entries change and that is not here would be missing on every
// replica that catches up by snapshot; `test/replica/applied-state.test.ts` looks for such.

import { Reader, Writer } from "../base/codec.ts";
import type { SqlPort } from "../base/ports.ts";
import { present } from "../base/assert.ts";
import type { Bytes, LogIndex, Milliseconds, Term } from "../base/types.ts";
import type { Unversioned } from "../base/unversioned.ts";
import { LEASE_PAGES } from "../lease/lease-table.ts";
import { installStaged } from "../mvcc/snapshot-install.ts";
import { resetLog } from "../raft/log-base.ts";

const MEMBERSHIP: Unversioned = {
  name: "membership",

  copy(sql) {
    const [row] = sql.all<{ membership: Bytes | null }>("SELECT membership FROM meta WHERE id = 0");
    const { membership } = present(row, "meta has its row");
    const writer = new Writer().flag(membership !== null);
    return (membership === null ? writer : writer.bytes(membership)).finish();
  },

  restore(sql, body) {
    const reader = new Reader(body);
    const membership = reader.flag() ? reader.bytes() : null;
    reader.end();
    sql.run("UPDATE meta SET membership = ? WHERE id = 0", membership);
  },
};

const CLUSTER_VERSION: Unversioned = {
  name: "clusterVersion",

  copy(sql) {
    const [found] = sql.all<{ version: number; cap: number | null }>(
      "SELECT cluster_version AS version, version_cap AS cap FROM meta WHERE id = 0",
    );
    const { version, cap } = present(found, "meta has its row");
    return new Writer()
      .uint(version)
      .uint(cap ?? 0)
      .finish();
  },

  restore(sql, body) {
    const reader = new Reader(body);
    const version = reader.uint();
    const cap = reader.uint() || null;
    reader.end();
    sql.run("UPDATE meta SET cluster_version = ?, version_cap = ? WHERE id = 0", version, cap);
  },
};

/**
 * All of it. The replica's own is no part of it: hard state, incarnation, certificate, log. A replica
 * refuses a snapshot with more or less than its own list, so a new item comes with a new cluster
 * version.
 */
export const UNVERSIONED: readonly Unversioned[] = [LEASE_PAGES, MEMBERSHIP, CLUSTER_VERSION];

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
