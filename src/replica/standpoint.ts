// Owns what a replica says of itself, with its answers and when it is asked: who it is, who leads,
// how far it has come.

import type { ReplicaLevels } from "../api/metrics.ts";
import type { Directory, Header, ReplicaAnswer, ReplicaStatus } from "../api/replica.ts";
import type { Incarnation, MemberId } from "../base/types.ts";
import type { RaftNode } from "../raft/node.ts";
import type { Vantage } from "./calls.ts";
import type { Machine } from "./machine.ts";
import type { Sessions } from "./sessions.ts";
import { replicaStatus } from "./status.ts";

/** Which replica this is, for as long as its object keeps its memory. */
export interface Self {
  /** What it was born with: whose cluster, and in which jurisdiction. */
  readonly birth: Directory;
  readonly memberId: MemberId;
  readonly incarnation: Incarnation;
}

export class Standpoint implements Vantage {
  readonly #self: Self;
  readonly #machine: Machine;
  readonly #raft: RaftNode;

  constructor(self: Self, parts: { readonly machine: Machine; readonly raft: RaftNode }) {
    this.#self = self;
    this.#machine = parts.machine;
    this.#raft = parts.raft;
  }

  get directory(): Directory {
    const { members, index: version } = this.#machine.membership;
    return { ...this.#self.birth, members, version };
  }

  header(): Header {
    const { memberId } = this.#self;
    const { clusterId } = this.#self.birth;
    const { revision } = this.#machine.store;
    return { clusterId, memberId, revision, term: this.#raft.status().term };
  }

  redirect(): ReplicaAnswer & { kind: "redirect" } {
    const { leader, term } = this.#raft.status();
    const { directory } = this;
    // A replica that has just stepped down may still name itself: that would send the router round.
    const isSelf = leader === this.#self.memberId;
    return { kind: "redirect", leader: isSelf ? null : leader, term, directory };
  }

  status(): ReplicaStatus {
    const { memberId: self, incarnation } = this.#self;
    return replicaStatus({ self, machine: this.#machine, raft: this.#raft }, incarnation);
  }

  levels(sessions: Sessions): ReplicaLevels {
    const { compacted, appliedIndex } = this.#machine.store;
    const { total: databaseBytes, inUse: databaseBytesInUse } = this.#machine.size();
    return {
      databaseBytes,
      databaseBytesInUse,
      quotaBytes: this.#machine.quotaBytes,
      compacted,
      unapplied: this.#raft.status().lastIndex - appliedIndex,
      sessions: sessions.count,
      ...sessions.watchers(),
      leases: this.#machine.leaseCount,
      leasesExpired: this.#machine.applier.leasesExpired,
    };
  }
}
