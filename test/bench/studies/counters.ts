// Owns reading what Edgekeeper's replicas count of themselves: rows written and calls to peers, as the
// platform bills them, and whether they sleep.

import { setTimeout as sleep } from "node:timers/promises";

/** One replica's counters since its object was last constructed. */
export interface ReplicaCounters {
  readonly region: string;
  readonly incarnation: number;
  readonly asleep: boolean;
  readonly rows_written: number;
  readonly peer_calls: number;
}

const SLEEP_MS_MAX = 30_000;
const POLL_MS = 50;

/** On a connection of its own: one that was kept alive may just be ending. */
const ask = (url: string): Promise<Response> => fetch(url, { headers: { Connection: "close" } });

export async function readCounters(url: string): Promise<readonly ReplicaCounters[]> {
  const answer = await ask(`${url}/_lab/cost`);
  const { replicas } = (await answer.json()) as { readonly replicas: readonly ReplicaCounters[] };
  return replicas;
}

/** Waits until all replicas sleep: what was to be told is told then, and what was to be written. */
export async function untilAsleep(url: string): Promise<readonly ReplicaCounters[]> {
  const end = performance.now() + SLEEP_MS_MAX;
  for (;;) {
    const counters = await readCounters(url);
    if (counters.every(({ asleep }) => asleep)) return counters;
    if (performance.now() > end) throw new Error("the replicas do not go to sleep");
    await sleep(POLL_MS);
  }
}

export async function leaderRegion(url: string): Promise<string> {
  const answer = await ask(`${url}/_lab/status`);
  return ((await answer.json()) as { readonly leader: string }).leader;
}

/** What was counted between two readings, by replica. @throws Error when one was constructed anew. */
export function since(
  before: readonly ReplicaCounters[],
  after: readonly ReplicaCounters[],
): { readonly region: string; readonly rows: number; readonly calls: number }[] {
  return after.map((now) => {
    const then = before.find(({ region }) => region === now.region);
    if (then?.incarnation !== now.incarnation) throw new Error(`${now.region} began anew`);
    const rows = now.rows_written - then.rows_written;
    return { region: now.region, rows, calls: now.peer_calls - then.peer_calls };
  });
}

/** Bytes of all replicas' databases. */
export async function databaseBytes(url: string): Promise<number> {
  const metrics = await (await ask(`${url}/metrics`)).text();
  const sizes = [...metrics.matchAll(/^etcd_mvcc_db_total_size_in_bytes\{.*\} (\S+)$/gm)];
  return sizes.reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}

/** How many batches of the log that replica has written since its object was last constructed. */
export async function batchesOf(url: string, region: string): Promise<number> {
  const metrics = await (await ask(`${url}/metrics`)).text();
  const line = new RegExp(
    `^etcd_disk_wal_fsync_duration_seconds_count\\{.*region="${region}".*\\} (\\S+)$`,
    "m",
  );
  return Number(line.exec(metrics)?.[1]);
}
