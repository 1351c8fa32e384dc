// Owns finding out where the replicas of a cluster really are: in which data centers, by which clock,
// and how long they take to answer here.

import type { Place, Whereabouts } from "../api/replica.ts";
import type { ReplicaNetwork } from "./network.ts";
import type { Platform } from "./platform.ts";
import { withinTime } from "./replica-survey.ts";

/** The platform's edge is asked from there; a replica that has told its status is awake. */
const PATIENCE_MS = 4_000;

/** As it is told: what is not known is null. */
interface Found {
  readonly location: string | null;
  readonly clock_ms: number | null;
  readonly round_trip_ms?: number;
}

interface Services extends Pick<Platform, "clock" | "sleep"> {
  readonly network: ReplicaNetwork;
}

/** In the order of `replicas`, which were reached just now. Never throws. */
export const findReplicas = (
  services: Services,
  cluster: string,
  replicas: readonly { readonly place: Place }[],
): Promise<Found[]> => Promise.all(replicas.map(({ place }) => find(services, cluster, place)));

async function find(services: Services, cluster: string, place: Place): Promise<Found> {
  const replica = services.network.replica(cluster, place);
  const startedAt = services.clock();
  try {
    // The shortest call there is: nothing is looked up, and nothing waits.
    await withinTime(services, PATIENCE_MS, replica.cost());
    const roundTrip = services.clock() - startedAt;
    const found: Whereabouts | null = await withinTime(
      services,
      PATIENCE_MS,
      replica.whereabouts(),
    );
    const { location = null, clockMs = null } = found ?? {};
    return { location, clock_ms: clockMs, round_trip_ms: roundTrip };
  } catch {
    return { location: null, clock_ms: null };
  }
}
