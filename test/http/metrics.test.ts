// `/metrics`: what Prometheus reads of it, and that the numbers of etcd's dashboards are there.

import { describe, expect, test } from "vitest";
import { DURATION_BOUNDS_SECONDS, type ReplicaMetrics } from "../../src/api/metrics.ts";
import { asMemberId, asTerm } from "../../src/base/types.ts";
import { appTo } from "./support/app.ts";
import { breaks, FakeNetwork } from "./support/fake-network.ts";

const durations = (...counts: number[]) => ({
  counts: Array.from({ length: DURATION_BOUNDS_SECONDS.length + 1 }, (_, i) => counts[i] ?? 0),
  sumSeconds: 0.5,
});

const METRICS: ReplicaMetrics = {
  status: {
    role: "leader",
    memberId: asMemberId(0xabcn),
    leader: asMemberId(0xabcn),
    term: asTerm(3),
    commit: 12,
    applied: 11,
    revision: 9,
    incarnation: 2,
    isAsleep: false,
    alarms: [],
    clusterVersion: 3,
  },
  cost: { rowsWritten: 34, peerCalls: 7 },
  levels: {
    compacted: 4,
    unapplied: 1,
    sessions: 2,
    watchers: 30,
    slowWatchers: 1,
    leases: 5,
    databaseBytes: 4_096,
    databaseBytesInUse: 2_048,
    quotaBytes: 9_000,
    leasesExpired: 6,
  },
  leaderChanges: 1,
  sessionsClosed: 8,
  commits: durations(1, 2, 0, 4),
  started: [{ kind: "put", count: 4 }],
  ended: [
    { kind: "put", code: 0, took: durations(3) },
    { kind: "put", code: 5, took: durations(0, 1) },
  ],
  proposalsFailed: 0,
  peers: [
    { region: "enam", sentBytes: 10, receivedBytes: 5, failures: 1, roundTrips: durations(1) },
  ],
};

/** What etcd's own mixin of alerts and dashboards asks for, as far as a Worker can know it. */
const OF_DASHBOARDS = [
  "etcd_server_has_leader",
  "etcd_server_leader_changes_seen_total",
  "etcd_server_proposals_committed_total",
  "etcd_server_proposals_applied_total",
  "etcd_server_proposals_pending",
  "etcd_server_proposals_failed_total",
  "etcd_server_quota_backend_bytes",
  "etcd_mvcc_db_total_size_in_bytes",
  "etcd_mvcc_db_total_size_in_use_in_bytes",
  "etcd_disk_wal_fsync_duration_seconds_bucket",
  "etcd_disk_backend_commit_duration_seconds_bucket",
  "etcd_network_peer_sent_bytes_total",
  "etcd_network_peer_received_bytes_total",
  "etcd_network_peer_round_trip_time_seconds_bucket",
  "etcd_network_peer_sent_failures_total",
  "grpc_server_started_total",
  "grpc_server_handled_total",
  "grpc_server_handling_seconds_bucket",
];

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)\{((?:[a-zA-Z_]\w*="[^"]*",?)*)\} (\S+)$/;

async function scrape(network: FakeNetwork, path = "/metrics") {
  const response = await appTo(network).send("GET", path);
  return { response, lines: (await response.text()).split("\n").filter((line) => line !== "") };
}

function played(): FakeNetwork {
  const network = new FakeNetwork();
  network.metrics.set("wnam", async () => METRICS);
  network.metrics.set("weur", () => Promise.reject(new Error("away")));
  return network;
}

describe("/metrics", () => {
  test("is Prometheus' text format, each line of a replica", async () => {
    const { response, lines } = await scrape(played());
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    for (const line of lines.filter((one) => !one.startsWith("#"))) {
      const [, , labels, value] = LINE.exec(line) ?? [];
      expect(labels).toContain('region="wnam",generation="1"');
      expect(Number(value)).not.toBeNaN();
    }
  });

  test("tells each name's help and type once, before its lines", async () => {
    const { lines } = await scrape(played());
    const helped = lines
      .filter((line) => line.startsWith("# HELP"))
      .map((line) => line.split(" ")[2]);
    expect(new Set(helped).size).toBe(helped.length);
    expect(helped.length).toBeGreaterThan(30);
  });

  test("has the numbers of etcd's dashboards", async () => {
    const { lines } = await scrape(played());
    const names = new Set(lines.map((line) => line.split("{")[0]));
    expect(OF_DASHBOARDS.filter((name) => !names.has(name))).toEqual([]);
  });

  test.for([
    'etcd_server_proposals_applied_total{region="wnam",generation="1"} 11',
    'etcd_mvcc_put_total{region="wnam",generation="1"} 3',
    'etcd_server_id{region="wnam",generation="1",server_id="abc"} 1',
    'edgekeeper_rows_written_total{region="wnam",generation="1"} 34',
    'grpc_server_handled_total{region="wnam",generation="1",grpc_type="unary",' +
      'grpc_service="etcdserverpb.KV",grpc_method="Put",grpc_code="NotFound"} 1',
    'grpc_server_handling_seconds_count{region="wnam",generation="1",grpc_type="unary",' +
      'grpc_service="etcdserverpb.KV",grpc_method="Put"} 4',
    'edgekeeper_commit_seconds_count{region="wnam",generation="1"} 3',
  ])("%s", async (line) => expect((await scrape(played())).lines).toContain(line));

  test("counts a histogram's classes upwards, and ends with all", async () => {
    const { lines } = await scrape(played());
    const buckets = lines.filter((line) =>
      line.startsWith("etcd_disk_wal_fsync_duration_seconds_b"),
    );
    expect(buckets.map((line) => Number(line.split(" ")[1]))).toEqual([
      1,
      3,
      3,
      ...Array.from({ length: 12 }, () => 7),
    ]);
    expect(buckets.at(-1)).toContain('le="+Inf"');
  });

  test("asks Genesis only when none of the replicas that are known is one", async () => {
    const network = played();
    await scrape(network);
    expect(network.log).toEqual([]);
    const empty = new FakeNetwork({ wnam: breaks });
    empty.directory = null;
    const { response } = await scrape(empty, "/c/nobody/metrics");
    expect(response.status).toBe(404);
  });
});
