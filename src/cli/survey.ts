// Owns what a deployment tells of a cluster's replicas, as the commands that look at it read it.

import type { Deployment } from "./deployment.ts";

export interface SurveyedReplica {
  readonly id: string;
  readonly region: string;
  readonly generation: number;
  readonly role: "leader" | "follower" | "candidate" | "learner";
  readonly term: number;
  readonly commit: number;
  readonly applied: number;
  readonly revision: number;
  readonly version: number;
  readonly asleep: boolean;
  /** Where it really runs, as far as the platform tells; absent from code that does not look. */
  readonly location?: string | null;
  /** Its clock, in ms since 1970, and how long the router waited for it. */
  readonly clock_ms?: number | null;
  readonly round_trip_ms?: number;
}

export interface Survey {
  readonly name: string;
  readonly cluster_id: string;
  /** The region of the one that calls itself leader; only an answer shows that it leads. */
  readonly leader: string | null;
  readonly replicas: readonly SurveyedReplica[];
  readonly unreachable: readonly { readonly region: string; readonly generation: number }[];
}

/** Needs no leader. @throws CommandError */
export async function surveyOf(
  deployment: Deployment,
  { withWhereabouts = false } = {},
): Promise<Survey> {
  const path = deployment.aboutCluster(withWhereabouts ? "/replicas?whereabouts" : "/replicas");
  return (await deployment.json(path, { takesPassword: true })) as Survey;
}

export interface Health {
  readonly isHealthy: boolean;
  /** In etcd's words. */
  readonly reason: string;
}

/** Whether somebody leads: shown by a linearizable read. @throws CommandError when nobody answers. */
export async function healthOf(deployment: Deployment): Promise<Health> {
  const { health, reason } = (await deployment.json(deployment.inCluster("/health"), {
    takesPassword: true,
    acceptsFailure: true,
  })) as { health?: string; reason?: string };
  return { isHealthy: health === "true", reason: reason ?? "" };
}
