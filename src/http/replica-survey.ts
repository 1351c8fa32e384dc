// Owns asking all replicas of a cluster something about themselves, without needing a leader: those
// that do not tell in time, or are none, are unreachable.

import type { Place, ReplicaRpc, ReplicaStatus } from "../api/replica.ts";
import type { ReplicaNetwork } from "./network.ts";
import type { Platform } from "./platform.ts";

/** What the replica at `place` has told. */
export interface Told<T = ReplicaStatus> {
  readonly place: Place;
  readonly told: T;
}

export interface Survey<T> {
  readonly told: readonly Told<T>[];
  readonly unreachable: readonly Place[];
}

/** Whom to ask, and how long each may take; ms. */
export interface SurveyOrder {
  readonly cluster: string;
  readonly places: readonly Place[];
  readonly patienceMs: number;
}

interface SurveyServices extends Pick<Platform, "sleep"> {
  readonly network: ReplicaNetwork;
}

/** Puts `question` to the replicas of `cluster` at `places`, all at once. Never throws. */
export async function askReplicas<T extends object>(
  services: SurveyServices,
  { cluster, places, patienceMs }: SurveyOrder,
  question: (replica: ReplicaRpc) => Promise<T | null>,
): Promise<Survey<T>> {
  const ask = async (place: Place): Promise<T | null> => {
    try {
      const answer = question(services.network.replica(cluster, place));
      return await withinTime(services, patienceMs, answer);
    } catch {
      return null;
    }
  };
  const answers: readonly (T | null)[] = await Promise.all(places.map(ask));
  const heard = places.map((place, i) => ({ place, told: answers[i] ?? null }));
  return {
    told: heard.flatMap(({ place, told }) => (told === null ? [] : [{ place, told }])),
    unreachable: heard.filter(({ told }) => told === null).map(({ place }) => place),
  };
}

/** A replica that was cut off may still call itself leader, of a lower term. */
export function leadingRegion(all: readonly Told[]): string | null {
  const leaders = all.filter(({ told }) => told.role === "leader");
  const [first] = leaders.toSorted((a, b) => b.told.term - a.told.term);
  return first?.place.region ?? null;
}

/** What `work` gives, or null when it takes longer than `ms`. */
export async function withinTime<T>(
  services: Pick<Platform, "sleep">,
  ms: number,
  work: Promise<T>,
): Promise<T | null> {
  const timer = new AbortController();
  try {
    return await Promise.race([work, services.sleep(ms, timer.signal).then(() => null)]);
  } finally {
    timer.abort();
  }
}
