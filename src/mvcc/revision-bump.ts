// Owns the leap of a store's revisions that a rebuilt cluster begins with: what clients remember of
// the lost one must not be mistaken for what comes.

import { assert } from "../base/assert.ts";
import type { SqlPort } from "../base/ports.ts";
import { asClusterTime, asLogIndex, asRevision } from "../base/types.ts";
import type { Milliseconds, Revision } from "../base/types.ts";
import { packBatch } from "./history-row.ts";
import { Segments } from "./segments.ts";

/**
 * Lets the store in `sql` go on `by` revisions later, compacted up to there, and returns the revision
 * it stands at: a watch that resumes from before is told so, as after any compaction, instead of
 * being given other events for revisions that it has seen (`etcdutl snapshot restore --bump-revision
 * --mark-compacted`). Live keys keep the revisions that they were changed at.
 *
 * `wall` is this replica's clock: cluster time goes on from there, and no lease pays for the outage.
 * Nothing may hold a Store over this database: it would not know.
 */
export function bumpRevision(
  sql: SqlPort,
  { by, wall }: { readonly by: number; readonly wall: Milliseconds },
): Revision {
  assert(Number.isSafeInteger(by) && by > 0, "revisions go forward");
  return sql.transaction(() => {
    const segments = new Segments(sql);
    const last = segments.lastHead();
    const revision = asRevision((last?.revision ?? 1) + by);
    const [part] = packBatch({ begin: revision, requests: [], events: [], replaced: new Map() });
    segments.append([
      {
        ...part!,
        applied: asLogIndex(last?.applied ?? 0),
        time: asClusterTime(last?.time ?? 0),
        part: 0,
        wall,
      },
    ]);
    sql.run("UPDATE meta SET compacted = ? WHERE id = 0", revision);
    return revision;
  });
}
