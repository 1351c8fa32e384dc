// Owns making the first replica of a cluster out of the state of another: of the last replica of a
// lost one, or of a snapshot file.

import { ENTRY_COMMAND_MIN, ENTRY_LEADER } from "../base/entry-kinds.ts";
import type { SqlPort } from "../base/ports.ts";
import { asMemberId } from "../base/types.ts";
import type { LogIndex, Milliseconds, Revision, Term } from "../base/types.ts";
import { bumpRevision } from "../mvcc/revision-bump.ts";
import { Store } from "../mvcc/store.ts";
import { leaderPayload } from "../raft/entry-codec.ts";
import { SqlLog } from "../raft/sql-log.ts";
import { endTokens } from "../replica/applied-state.ts";
import type { Entry } from "../raft/types.ts";
import { copyDatabase, installCopy, type CopySource } from "./database-copy.ts";

/** Stands for an entry that is no part of the new cluster; it never is the first of its term. */
const NOTHING = leaderPayload(asMemberId(0n));

export interface FoundingOptions {
  /** How far revisions leap; 0 not at all, and then nothing is compacted either. */
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
  const tail = await copyDatabase(sql, source, now);
  const isKept = ({ kind }: Entry): boolean => kind === ENTRY_LEADER || kind >= ENTRY_COMMAND_MIN;
  const entries = tail.map((entry) => (isKept(entry) ? entry : { ...entry, ...NOTHING }));
  return sql.transaction(() => {
    new SqlLog(sql).append(entries);
    return begin(sql, { bumpBy, now });
  });
}

/**
 * The same of a snapshot, all of whose parts are staged, of the entry at `index` of `term`: there is
 * no log with it.
 *
 * @throws InvariantError when a part is missing or something in it is not known; nothing has changed.
 */
export function foundFromStaged(
  sql: SqlPort,
  snapshot: { readonly index: LogIndex; readonly term: Term },
  options: FoundingOptions,
): Revision {
  return sql.transaction(() => {
    installCopy(sql, { ...snapshot, now: options.now }, snapshot.term);
    return begin(sql, options);
  });
}

/**
 * Users and roles go on, tokens do not: the time that they end at stood still in the copy, however old
 * it is. Nobody remembers the revisions of a snapshot that is given another name only: they may go on.
 */
function begin(sql: SqlPort, { bumpBy, now }: FoundingOptions): Revision {
  endTokens(sql);
  return bumpBy === 0 ? new Store(sql).revision : bumpRevision(sql, { by: bumpBy, wall: now });
}
