// Owns the names of the Worker's bindings, as `wrangler.toml` and the development server give them.

import { parseDuration } from "../api/duration.ts";
import type { Timing } from "../raft/timing.ts";
import { PROGRESS_MS } from "../watch/hub.ts";
import type { Catalog } from "./catalog.ts";
import type { Genesis } from "./genesis.ts";
import type { Replica } from "./replica.ts";

export interface Environment {
  readonly REPLICA: DurableObjectNamespace<Replica>;
  readonly GENESIS: DurableObjectNamespace<Genesis>;
  readonly CATALOG: DurableObjectNamespace<Catalog>;
  /** Where the first replicas of a new cluster live: location hints, comma-separated. */
  readonly EDGEKEEPER_REGIONS: string;
  /** The bearer token that every request must carry; a secret. */
  readonly EDGEKEEPER_TOKEN?: string;
  /** How users of a cluster show who they are: `simple`, or `jwt,...`; see `http/token-options.ts`. */
  readonly EDGEKEEPER_AUTH_TOKEN?: string;
  /** "1": leaders answer reads without a round, on the bound in `docs/operations.md`. Else off. */
  readonly EDGEKEEPER_LEASE_READS?: string;
  /** How often quiet watches that ask for it hear of progress: "10m" when absent, "100ms" at least. */
  readonly EDGEKEEPER_WATCH_PROGRESS_NOTIFY_INTERVAL?: string;
  /** "1" on a developer's machine only: no credential, lab door open. Never deployed. */
  readonly EDGEKEEPER_DEVELOPMENT?: string;
  /** Development only: round-trip milliseconds by pair of regions, "enam-weur=80,wnam-enam=60". */
  readonly EDGEKEEPER_RTT?: string;
}

/** What the environment says of the durations that consensus runs on. */
export const timingOf = (
  environment: Pick<Environment, "EDGEKEEPER_LEASE_READS">,
): Pick<Timing, "leaseReads"> => ({ leaseReads: environment.EDGEKEEPER_LEASE_READS === "1" });

/** As etcd has it: more often would be a load, and no news. */
const PROGRESS_MS_MIN = 100;

/** How often quiet watches hear of progress. What is no span of time is as if it were absent. */
export function progressMsOf(
  environment: Pick<Environment, "EDGEKEEPER_WATCH_PROGRESS_NOTIFY_INTERVAL">,
): number {
  const given = parseDuration(environment.EDGEKEEPER_WATCH_PROGRESS_NOTIFY_INTERVAL ?? "");
  return given === null ? PROGRESS_MS : Math.max(given, PROGRESS_MS_MIN);
}
