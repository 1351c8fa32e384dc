// Owns what a cluster is limited to, and how it tidies up: replicated, so that every replica refuses alike.

export interface ClusterLimits {
  /** Bytes of storage in use per replica, from which on writes are refused (etcd's `--quota-backend-bytes`); 0: none but the platform's. */
  readonly quotaBytes: number;
  /** Requests per second that one replica takes of clients; 0: no limit. */
  readonly requestsPerSecond: number;
  /** Watches of one replica at once; 0: no limit. */
  readonly watches: number;
  /** Leases of the cluster at once; 0: no limit. */
  readonly leases: number;
  /** As etcd's `--auto-compaction-mode`; retention in milliseconds or revisions; null: none. */
  readonly autoCompaction: {
    readonly mode: "periodic" | "revision";
    readonly retention: number;
  } | null;
}

export const DEFAULT_LIMITS: ClusterLimits = {
  quotaBytes: 2_147_483_648,
  requestsPerSecond: 0,
  watches: 0,
  leases: 0,
  autoCompaction: null,
};
