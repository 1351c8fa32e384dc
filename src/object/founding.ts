// Owns making the first replica of a rebuilt cluster out of the last one of a lost cluster.

import { ENTRY_COMMAND_MIN, ENTRY_LEADER } from "../base/entry-kinds.ts";
import type { SqlPort } from "../base/ports.ts";
import { asMemberId, type Milliseconds, type Revision } from "../base/types.ts";
import { bumpRevision } from "../mvcc/revision-bump.ts";
import { leaderPayload } from "../raft/entry-codec.ts";
import { resetLog } from "../raft/log-base.ts";
import { SqlLog } from "../raft/sql-log.ts";
import type { Entry } from "../raft/types.ts";
import { copyDatabase, type CopySource } from "./database-copy.ts";

/** Stands for an entry that is no part of the new cluster; it never is the first of its term. */
const NOTHING = leaderPayload(asMemberId(0n));

export interface FoundingOptions {
  /** How far revisions leap. */
  readonly bumpBy: number;
  readonly now: Milliseconds;
}

/**
 * Fills the database behind `sql`, fresh from its migrations, from `source`, and returns the revision
 * that it begins with. It is then a replica but for its certificate, which names its only voter.
 *
 * What stands in the log and was not applied becomes part of the new cluster: any of it may have been
 * acknowledged by the majority that is lost, and this replica was not told. Changes of the lost
 * cluster's members are no part of the new one.
 *
 * @throws Error when the source cannot be copied now; what was written is then of no use.
 */
export async function foundFrom(
  sql: SqlPort,
  source: CopySource,
  { bumpBy, now }: FoundingOptions,
): Promise<Revision> {
  const { position, tail } = await copyDatabase(sql, source);
  const isKept = ({ kind }: Entry): boolean => kind === ENTRY_LEADER || kind >= ENTRY_COMMAND_MIN;
  const entries = tail.map((entry) => (isKept(entry) ? entry : { ...entry, ...NOTHING }));
  return sql.transaction(() => {
    resetLog(sql, { index: position.applied, term: position.appliedTerm });
    new SqlLog(sql).append(entries);
    return bumpRevision(sql, { by: bumpBy, wall: now });
  });
}
