// Owns filling an object that was never used from a snapshot file, part by part, so that Genesis can
// make a cluster of it. Until then it is nothing: an upload that is cut off, or refused, leaves an
// object as if never used.

import type { FoundingOrder } from "../api/recovery.ts";
import { assert, InvariantError, present } from "../base/assert.ts";
import { CodecError } from "../base/codec.ts";
import type { SqlPort } from "../base/ports.ts";
import { accept, refuse, type Result } from "../base/result.ts";
import type { Bytes, Milliseconds } from "../base/types.ts";
import { CODE_VERSION } from "../base/versions.ts";
import { stagePart } from "../mvcc/snapshot-sink.ts";
import { birthNonce } from "./certificate.ts";
import { foundFromStaged } from "./founding.ts";
import { hasDatabase, migrate } from "./migrations.ts";

/** Whether this object is being filled by who knows `nonce`: one that is sealed no more. */
export function isFilledBy(sql: SqlPort, nonce: string): boolean {
  if (!hasDatabase(sql) || birthNonce(sql, () => nonce) !== nonce) return false;
  const isFresh = "SELECT id FROM meta WHERE log_index = 0 AND member_id IS NULL";
  return sql.all(isFresh).length > 0;
}

/** Takes a part; the first one begins. A repeat, whose answer was lost, changes nothing. */
export function takePart(
  sql: SqlPort,
  { nonce, part, data }: { readonly nonce: string; readonly part: number; readonly data: Bytes },
): Result<null, string> {
  if (!hasDatabase(sql) && part === 0) {
    migrate(sql);
    birthNonce(sql, () => nonce);
  }
  if (!isFilledBy(sql, nonce)) return refuse("the object for the copy was used before");
  return orReason(() => {
    const wanted = stagePart(sql, { snapshot: nonce, part, data });
    return wanted.part === part + 1
      ? accept(null)
      : refuse(`the snapshot is damaged: part ${part} does not follow the one before`);
  });
}

/** Makes the copy a replica but for its certificate; returns the revision that it begins with. */
export function sealUpload(
  sql: SqlPort,
  { founder, index, term, bumpRevisions }: FoundingOrder,
  now: Milliseconds,
): Result<number, string> {
  if (!isFilledBy(sql, founder.nonce)) return refuse("the copy was given up: it took too long");
  return orReason(() => {
    const revision = foundFromStaged(sql, { index, term }, { bumpBy: bumpRevisions, now });
    const [row] = sql.all<{ version: number }>("SELECT cluster_version AS version FROM meta");
    assert(present(row, "meta has its row").version <= CODE_VERSION, "its version is known");
    return accept(revision);
  });
}

/** What is wrong with the bytes is a reason; anything else that is thrown is not. */
function orReason<T>(body: () => Result<T, string>): Result<T, string> {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof CodecError || error instanceof InvariantError)) throw error;
    return refuse(`the snapshot is damaged: ${error.message}`);
  }
}
