// Owns what a replica tells of its work: levels of this moment, and sums since its object was last
// constructed, which start again from nothing as those of any process that restarts.

import type { ClientRequest, ReplicaCost, ReplicaStatus } from "./replica.ts";

/** Upper bounds of the classes of a duration, in seconds: 1 ms to 8.192 s, as etcd's for its disk. */
export const DURATION_BOUNDS_SECONDS: readonly number[] = Array.from(
  { length: 14 },
  (_, power) => 2 ** power / 1_000,
);

/** How durations were distributed. */
export interface Durations {
  /** By class: at most this bound and above the one before; the last is above all bounds. */
  readonly counts: readonly number[];
  readonly sumSeconds: number;
}

/** The requests of one kind that ended with one code of gRPC, 0 for success. */
export interface RequestMeter {
  readonly kind: ClientRequest["kind"];
  readonly code: number;
  readonly took: Durations;
}

/** The calls to one peer, and what they carried. */
export interface PeerMeter {
  readonly region: string;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly failures: number;
  readonly roundTrips: Durations;
}

/** What the core has at this moment. */
export interface ReplicaLevels {
  readonly compacted: number;
  /** Entries of the log that are not applied. */
  readonly unapplied: number;
  readonly sessions: number;
  readonly watchers: number;
  /** Watchers that are being caught up from history. */
  readonly slowWatchers: number;
  readonly leases: number;
  readonly databaseBytes: number;
  readonly databaseBytesInUse: number;
  readonly quotaBytes: number;
  /** Since construction: leases that ended by themselves. */
  readonly leasesExpired: number;
}

export interface ReplicaMetrics {
  readonly status: ReplicaStatus;
  readonly cost: ReplicaCost;
  readonly levels: ReplicaLevels;
  readonly leaderChanges: number;
  readonly sessionsClosed: number;
  /** From writing a batch until the storage has confirmed it. */
  readonly commits: Durations;
  /** Requests that have begun, ended or not. */
  readonly started: readonly { readonly kind: ClientRequest["kind"]; readonly count: number }[];
  /** Requests that this replica has answered or refused; not those that it passed on. */
  readonly ended: readonly RequestMeter[];
  /** Writes of which no outcome was told: in time, or at all. */
  readonly proposalsFailed: number;
  readonly peers: readonly PeerMeter[];
}
