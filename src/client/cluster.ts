// Owns what callers see of a cluster and of the replica that answers.

import type { Alarm } from "../base/alarm.ts";

export interface MemberInfo {
  readonly id: bigint;
  readonly region: string;
  /** 1 for the first replica of a region, one more for each that replaced it. */
  readonly generation: number;
  /** It is replicated to, and does not vote. */
  readonly isLearner: boolean;
  /** The leader has heard from it. */
  readonly isStarted: boolean;
}

export interface ClusterStatus {
  readonly clusterId: bigint;
  /** Who answers. */
  readonly memberId: bigint;
  readonly revision: number;
  readonly term: number;
  /** Null while nobody leads. */
  readonly leader: bigint | null;
  readonly isLearner: boolean;
  /** Log indexes: what is decided, and what of it was carried out. */
  readonly commit: number;
  readonly applied: number;
  readonly alarms: readonly Alarm[];
  /** Bytes of its database, and without the pages that are free. */
  readonly sizeBytes: number;
  readonly inUseBytes: number;
  /** From how many bytes in use on writes are refused. */
  readonly quotaBytes: number;
}
