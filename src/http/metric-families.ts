// Owns which numbers are told under which name: etcd's, where its dashboards and alerts show them,
// and our own. How they are gathered is `object/meters.ts`'s, how they are written `routes/metrics.ts`'s.

import { ETCD_VERSION } from "../api/etcd-version.ts";
import {
  DURATION_BOUNDS_SECONDS,
  type Durations,
  type ReplicaMetrics,
  type RequestMeter,
} from "../api/metrics.ts";
import { METHODS, WATCH_METHOD } from "./grpc-methods.ts";

type Labels = Readonly<Record<string, string>>;

/** One line. `suffix` is appended to the family's name: a histogram has three kinds of lines. */
export interface Sample {
  readonly suffix?: string;
  readonly labels?: Labels;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter" | "histogram";
  readonly samples: (metrics: ReplicaMetrics) => readonly Sample[];
}

type Value = (metrics: ReplicaMetrics) => number;

const single =
  (type: "gauge" | "counter") =>
  (name: string, help: string, value: Value): Family => ({
    name,
    help,
    type,
    samples: (metrics) => [{ value: value(metrics) }],
  });
const gauge = single("gauge");
const counter = single("counter");

/** A family whose lines differ in a label beyond those of the replica. */
const listed = (
  type: Family["type"],
  name: string,
  help: string,
  samples: Family["samples"],
): Family => ({ name, help, type, samples });

/** The lines of one histogram: Prometheus counts upwards, we by class. */
function histogram({ counts, sumSeconds }: Durations, labels: Labels = {}): Sample[] {
  let count = 0;
  const buckets = counts.map((inClass, index): Sample => {
    count += inClass;
    const bound = DURATION_BOUNDS_SECONDS[index];
    const le = bound === undefined ? "+Inf" : String(bound);
    return { suffix: "_bucket", labels: { ...labels, le }, value: count };
  });
  return [
    ...buckets,
    { suffix: "_sum", labels, value: sumSeconds },
    { suffix: "_count", labels, value: count },
  ];
}

/** The sum of durations of the same classes. */
function addUp(all: readonly Durations[]): Durations {
  const counts = Array.from({ length: DURATION_BOUNDS_SECONDS.length + 1 }, (_, index) =>
    all.reduce((sum, { counts: classes }) => sum + classes[index]!, 0),
  );
  return { counts, sumSeconds: all.reduce((sum, { sumSeconds }) => sum + sumSeconds, 0) };
}

/** Requests of these kinds that were answered. */
const served =
  (...kinds: string[]): Value =>
  ({ ended }) =>
    ended
      .filter(({ kind, code }) => code === 0 && kinds.includes(kind))
      .reduce((sum, { took }) => sum + total(took), 0);

const total = ({ counts }: Durations): number => counts.reduce((sum, count) => sum + count, 0);

/** A write that was answered. Transactions that only read are few. */
const isCommit = ({ kind, code }: RequestMeter): boolean =>
  code === 0 && ["put", "deleteRange", "txn"].includes(kind);

const SERVER: readonly Family[] = [
  gauge(
    "etcd_server_has_leader",
    "Whether or not a leader exists. 1 is existence, 0 is not.",
    (m) => Number(m.status.leader !== null),
  ),
  gauge("etcd_server_is_leader", "Whether or not this member is a leader.", (m) =>
    Number(m.status.role === "leader"),
  ),
  gauge("etcd_server_is_learner", "Whether or not this member is a learner.", (m) =>
    Number(m.status.role === "learner"),
  ),
  listed("gauge", "etcd_server_id", "The member's id, in hexadecimal.", ({ status }) => [
    { labels: { server_id: status.memberId.toString(16) }, value: 1 },
  ]),
  listed("gauge", "etcd_server_version", "The version whose API is served.", () => [
    { labels: { server_version: ETCD_VERSION.etcdserver }, value: 1 },
  ]),
  listed("gauge", "etcd_cluster_version", "The version whose API the cluster has.", () => [
    { labels: { cluster_version: ETCD_VERSION.etcdcluster.replace(/\.0$/, "") }, value: 1 },
  ]),
  counter(
    "etcd_server_leader_changes_seen_total",
    "Leaders that this member has seen come.",
    (m) => m.leaderChanges,
  ),
  gauge(
    "etcd_server_proposals_committed_total",
    "The index of the last committed entry.",
    (m) => m.status.commit,
  ),
  gauge(
    "etcd_server_proposals_applied_total",
    "The index of the last applied entry.",
    (m) => m.status.applied,
  ),
  gauge(
    "etcd_server_proposals_pending",
    "Entries of the log that are not applied.",
    (m) => m.levels.unapplied,
  ),
  counter(
    "etcd_server_proposals_failed_total",
    "Writes of which no outcome was told.",
    (m) => m.proposalsFailed,
  ),
];

const STORE: readonly Family[] = [
  gauge(
    "etcd_mvcc_db_total_size_in_bytes",
    "Bytes of the database.",
    (m) => m.levels.databaseBytes,
  ),
  gauge(
    "etcd_mvcc_db_total_size_in_use_in_bytes",
    "The same without free pages.",
    (m) => m.levels.databaseBytesInUse,
  ),
  gauge(
    "etcd_server_quota_backend_bytes",
    "Bytes in use from which on writes are refused.",
    (m) => m.levels.quotaBytes,
  ),
  counter("etcd_mvcc_put_total", "Puts that were answered.", served("put")),
  counter("etcd_mvcc_delete_total", "Deletions that were answered.", served("deleteRange")),
  counter("etcd_mvcc_range_total", "Ranges that were answered.", served("range")),
  counter("etcd_mvcc_txn_total", "Transactions that were answered.", served("txn")),
  gauge(
    "etcd_debugging_mvcc_current_revision",
    "The revision of the store.",
    (m) => m.status.revision,
  ),
  gauge(
    "etcd_debugging_mvcc_compact_revision",
    "The compacted revision.",
    (m) => m.levels.compacted,
  ),
  gauge("etcd_debugging_mvcc_watcher_total", "Watchers.", (m) => m.levels.watchers),
  gauge(
    "etcd_debugging_mvcc_watch_stream_total",
    "Sessions that may hold watchers.",
    (m) => m.levels.sessions,
  ),
  gauge(
    "etcd_debugging_mvcc_slow_watcher_total",
    "Watchers that are being caught up.",
    (m) => m.levels.slowWatchers,
  ),
  counter("etcd_debugging_lease_granted_total", "Leases granted.", served("leaseGrant")),
  counter("etcd_debugging_lease_revoked_total", "Leases revoked.", served("leaseRevoke")),
  counter("etcd_debugging_lease_renewed_total", "Keepalives answered.", served("leaseKeepAlive")),
  counter(
    "etcd_debugging_server_lease_expired_total",
    "Leases that ended by themselves.",
    (m) => m.levels.leasesExpired,
  ),
  listed(
    "histogram",
    "etcd_disk_wal_fsync_duration_seconds",
    "From writing a batch of the log until the storage has confirmed it.",
    ({ commits }) => histogram(commits),
  ),
  listed(
    "histogram",
    "etcd_disk_backend_commit_duration_seconds",
    "The same: log and store are one database, which commits them together.",
    ({ commits }) => histogram(commits),
  ),
];

const NETWORK: readonly Family[] = [
  listed("counter", "etcd_network_peer_sent_bytes_total", "Bytes of calls to peers.", (m) =>
    m.peers.map(({ region, sentBytes }) => ({ labels: { To: region }, value: sentBytes })),
  ),
  listed("counter", "etcd_network_peer_received_bytes_total", "Bytes of their answers.", (m) =>
    m.peers.map(({ region, receivedBytes }) => ({
      labels: { From: region },
      value: receivedBytes,
    })),
  ),
  listed("counter", "etcd_network_peer_sent_failures_total", "Calls to peers that failed.", (m) =>
    m.peers.map(({ region, failures }) => ({ labels: { To: region }, value: failures })),
  ),
  listed(
    "histogram",
    "etcd_network_peer_round_trip_time_seconds",
    "From a call to a peer until its answer, the commit at the peer included.",
    (m) => m.peers.flatMap(({ region, roundTrips }) => histogram(roundTrips, { To: region })),
  ),
];

const GRPC: readonly Family[] = [
  listed("counter", "grpc_server_started_total", "Requests begun, by etcd's method.", (m) => [
    ...m.started.map(({ kind, count }) => ({ labels: METHODS[kind], value: count })),
    { labels: WATCH_METHOD, value: m.sessionsClosed + m.levels.sessions },
  ]),
  listed(
    "counter",
    "grpc_server_handled_total",
    "Requests ended, by etcd's method and code.",
    (m) => [
      ...m.ended.map(({ kind, code, took }) => ({
        labels: { ...METHODS[kind], grpc_code: codeName(code) },
        value: total(took),
      })),
      { labels: { ...WATCH_METHOD, grpc_code: "OK" }, value: m.sessionsClosed },
    ],
  ),
  listed("histogram", "grpc_server_handling_seconds", "How long requests took.", (m) =>
    [...Map.groupBy(m.ended, ({ kind }) => kind)].flatMap(([kind, meters]) =>
      histogram(addUp(meters.map(({ took }) => took)), METHODS[kind]),
    ),
  ),
];

const OWN: readonly Family[] = [
  counter(
    "edgekeeper_rows_written_total",
    "Rows written, as the platform bills them.",
    (m) => m.cost.rowsWritten,
  ),
  counter("edgekeeper_peer_calls_total", "Calls made to peers.", (m) => m.cost.peerCalls),
  gauge("edgekeeper_quiescent", "1 while the replica has no timer and sends nothing.", (m) =>
    Number(m.status.isAsleep),
  ),
  gauge("edgekeeper_leases", "Leases that live.", (m) => m.levels.leases),
  gauge(
    "edgekeeper_incarnation",
    "How often the replica's object was constructed.",
    (m) => m.status.incarnation,
  ),
  listed(
    "histogram",
    "edgekeeper_commit_seconds",
    "From the arrival of a write at this replica, as leader, until its answer.",
    ({ ended }) => histogram(addUp(ended.filter(isCommit).map(({ took }) => took))),
  ),
];

/** All that `/metrics` tells, in its order. */
export const FAMILIES: readonly Family[] = [...SERVER, ...STORE, ...NETWORK, ...GRPC, ...OWN];

/** As the Go library of gRPC prints codes. */
const CODE_NAMES = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
] as const;

const codeName = (code: number): string => CODE_NAMES[code] ?? "Unknown";
