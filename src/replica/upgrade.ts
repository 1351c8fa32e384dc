// Owns when a leader raises the cluster version: once every member's code knows a higher one, and one
// entry at a time.

import type { ClusterState } from "../apply/cluster-state.ts";
import type { Command } from "../apply/command.ts";
import { CLUSTER_VERSION_MIN } from "../base/versions.ts";
import type { PeerStatus } from "../raft/node.ts";

const NOTHING: readonly Command[] = [];

export class Upgrade {
  readonly #cluster: ClusterState;
  readonly #codeVersion: number;
  /** The version and the cap over which an entry on its way raises; null when there is none. */
  #from: { readonly version: number; readonly cap: number | null } | null = null;

  constructor(cluster: ClusterState, codeVersion: number) {
    this.#cluster = cluster;
    this.#codeVersion = codeVersion;
  }

  /**
   * What to propose now, so that entries may mean more: nothing unless this replica leads `peers`. One
   * that leads no more may have lost what it proposed.
   */
  follow(peers: readonly Pick<PeerStatus, "version">[] | null): readonly Command[] {
    if (peers === null) this.#from = null;
    if (peers === null || this.#cluster.version >= this.#codeVersion) return NOTHING;
    const version = this.#next([this.#codeVersion, ...peers.map((peer) => peer.version)]);
    const cap = this.#cluster.versionCap;
    return version === null ? NOTHING : [{ kind: "version", version, cap }];
  }

  /**
   * The version to propose now, when the members' code knows `versions` (null: one was not heard
   * from); null when the cluster's is right, or an entry that raises it is on its way.
   */
  #next(versions: readonly (number | null)[]): number | null {
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
