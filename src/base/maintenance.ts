// Owns the words of maintenance: what a replica says of itself, and of the hash of what it holds.

import type { Alarm } from "./alarm.ts";
import type { LogIndex, MemberId, Revision, Term } from "./types.ts";

/** What etcd's Status tells, of the replica that answers. */
export interface StatusAnswer {
  readonly leader: MemberId | null;
  readonly term: Term;
  readonly commit: LogIndex;
  readonly applied: LogIndex;
  readonly isLearner: boolean;
  readonly alarms: readonly Alarm[];
  /** Bytes of the database, and without the pages that are free. */
  readonly sizeBytes: number;
  readonly inUseBytes: number;
  /** From how many bytes in use on writes are refused. */
  readonly quotaBytes: number;
}

/** The answer to HashKV. Hashes of one revision compare only if the compacted revision is one too. */
export interface KvHash {
  /** Unsigned, 32 bits. */
  readonly hash: number;
  readonly hashRevision: Revision;
  /** -1 when never compacted. */
  readonly compactRevision: Revision;
}
