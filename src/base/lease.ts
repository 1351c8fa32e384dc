// Owns the words of the lease API.

import type { Bytes, LeaseId } from "./types.ts";

export interface LeaseGrantAnswer {
  readonly id: LeaseId;
  readonly ttlSeconds: number;
}

export interface LeaseKeepAliveAnswer {
  readonly id: LeaseId;
  /** The granted TTL, or 0 when the lease is gone. */
  readonly ttlSeconds: number;
}

export interface LeaseTimeToLiveAnswer {
  readonly id: LeaseId;
  /** Seconds left, rounded down; -1 when there is no such lease. */
  readonly ttlSeconds: number;
  readonly grantedTtlSeconds: number;
  /** In key order; empty unless asked for. */
  readonly keys: readonly Bytes[];
}

export interface LeaseLeasesAnswer {
  /** Ordered by expiry, the soonest first. */
  readonly leases: readonly LeaseId[];
}
