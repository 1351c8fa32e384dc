// Owns what a replica tells of itself: to the lab and to people, and as etcd's Status. No leader is
// needed for either.

import type { ReplicaStatus } from "../api/replica.ts";
import type { StatusAnswer } from "../base/maintenance.ts";
import type { Incarnation, MemberId } from "../base/types.ts";
import type { RaftNode } from "../raft/node.ts";
import type { Machine } from "./machine.ts";

interface Parts {
  readonly self: MemberId;
  readonly machine: Machine;
  readonly raft: RaftNode;
}

export function replicaStatus(parts: Parts, incarnation: Incarnation): ReplicaStatus {
  const { role, term, leader, commit, isAsleep } = parts.raft.status();
  const { revision, appliedIndex: applied } = parts.machine.store;
  const { version: clusterVersion, alarms } = parts.machine.cluster;
  const { enabled: authEnabled } = parts.machine.auth;
  const raft = { role, leader, term, commit, isAsleep };
  const state = { applied, revision, clusterVersion, alarms: alarms.active, authEnabled };
  return { memberId: parts.self, ...raft, ...state, incarnation };
}

export function memberStatus({ machine, raft }: Parts): StatusAnswer {
  const { role, term, leader, commit } = raft.status();
  const { total: sizeBytes, inUse: inUseBytes } = machine.size();
  return {
    leader,
    term,
    commit,
    applied: machine.store.appliedIndex,
    isLearner: role === "learner",
    alarms: machine.cluster.alarms.active,
    sizeBytes,
    inUseBytes,
    quotaBytes: machine.quotaBytes,
  };
}
