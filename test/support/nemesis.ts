// Owns what an operator does to a running cluster, and what only an enemy would: moves of members and
// of leadership, and harm through the development server's lab door.

import { setTimeout as sleep } from "node:timers/promises";

export interface ReplicaReport {
  readonly region: string;
  readonly role: "leader" | "follower" | "candidate" | "learner";
  readonly term: number;
  readonly commit: number;
  readonly applied: number;
  readonly revision: number;
}

/** What a replica has cost since its incarnation began. */
export interface CostReport {
  readonly region: string;
  readonly generation: number;
  readonly incarnation: number;
  readonly asleep: boolean;
  readonly rows_written: number;
  readonly peer_calls: number;
}

const LEADER_MS_MAX = 15_000;
/** A change of regions is asked for again until it is done, but not for ever. */
const REGIONS_MS_MAX = 120_000;

export async function clusterStatus(url: string): Promise<readonly ReplicaReport[]> {
  const response = await fetch(`${url}/_lab/status`, { signal: AbortSignal.timeout(5_000) });
  const { replicas } = (await response.json()) as { replicas: readonly ReplicaReport[] };
  return replicas;
}

/** Wakes replicas that are out of memory: they have a new incarnation then. */
export async function clusterCost(url: string): Promise<readonly CostReport[]> {
  const response = await fetch(`${url}/_lab/cost`, { signal: AbortSignal.timeout(5_000) });
  const { replicas } = (await response.json()) as { replicas: readonly CostReport[] };
  return replicas;
}

/** The region of the leader with the highest term: an isolated one may still believe in itself. */
export async function leaderRegion(url: string): Promise<string> {
  const end = performance.now() + LEADER_MS_MAX;
  while (performance.now() < end) {
    const replicas = await clusterStatus(url);
    const term = Math.max(...replicas.map((replica) => replica.term));
    const leader = replicas.find((replica) => replica.role === "leader" && replica.term === term);
    if (leader !== undefined) return leader.region;
    await sleep(50);
  }
  throw new Error(`no leader within ${LEADER_MS_MAX} ms`);
}

export async function lab(
  url: string,
  region: string,
  order: "abort" | "isolate" | "heal",
): Promise<void> {
  const response = await fetch(`${url}/_lab/replicas/${region}/${order}`, {
    method: "POST",
    headers: { "X-Edgekeeper-Lab": "1" },
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`lab ${order} ${region}: ${response.status} ${text}`);
}

/** Has the cluster live in exactly `regions`, and returns once it does. */
export async function liveIn(url: string, regions: readonly string[]): Promise<void> {
  const end = performance.now() + REGIONS_MS_MAX;
  let said = "";
  while (performance.now() < end) {
    const response = await fetch(`${url}/v1/clusters/default/regions`, {
      method: "PUT",
      body: JSON.stringify({ regions }),
    });
    said = `${response.status} ${await response.text()}`;
    if (response.ok) return;
    await sleep(100);
  }
  throw new Error(`regions ${regions.join()}: ${said}`);
}

/** Asks the leader to hand over to the member in `region`; throws when it does not. */
export async function transferLeadership(url: string, region: string): Promise<void> {
  const { members } = await post<{ members: readonly { ID: string; name: string }[] }>(
    `${url}/v3/cluster/member/list`,
    {},
  );
  const target = members.find(({ name }) => name.startsWith(`${region}/`));
  await post(`${url}/v3/maintenance/transfer-leadership`, { targetID: target?.ID });
}

async function post<Answer>(url: string, body: object): Promise<Answer> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}
