// Owns when a leader raises the cluster version: once every member's code knows a higher one, and one
// entry at a time.

import type { ClusterState } from "../apply/cluster-state.ts";
import { CLUSTER_VERSION_MIN } from "../base/versions.ts";

export class Upgrade {
  readonly #cluster: ClusterState;
  /** The version and the cap over which an entry on its way raises; null when there is none. */
  #from: { readonly version: number; readonly cap: number | null } | null = null;

  constructor(cluster: ClusterState) {
    this.#cluster = cluster;
  }

  /** This replica leads no more: what it proposed may be lost. */
  stop(): void {
    this.#from = null;
  }

  /**
   * The version to propose now, when the members' code knows `versions` (null: one was not heard
   * from); null when the cluster's is right, or an entry that raises it is on its way.
   */
  next(versions: readonly (number | null)[]): number | null {
    const { version, versionCap: cap } = this.#cluster;
    if (this.#from?.version !== version || this.#from.cap !== cap) this.#from = null;
    if (this.#from !== null || versions.includes(null)) return null;
    const lowest = Math.min(...versions.map((each) => each ?? CLUSTER_VERSION_MIN));
    const target = Math.min(lowest, cap ?? lowest);
    if (target <= version) return null;
    this.#from = { version, cap };
    return target;
  }
}
