// Owns doing harm to a running cluster through the development server's lab door.

import { setTimeout as sleep } from "node:timers/promises";

export interface ReplicaReport {
  readonly region: string;
  readonly role: "leader" | "follower" | "candidate" | "learner";
  readonly term: number;
  readonly commit: number;
  readonly applied: number;
  readonly revision: number;
}

const LEADER_MS_MAX = 15_000;

export async function clusterStatus(url: string): Promise<readonly ReplicaReport[]> {
  const response = await fetch(`${url}/_lab/status`, { signal: AbortSignal.timeout(5_000) });
  const { replicas } = (await response.json()) as { replicas: readonly ReplicaReport[] };
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
