// Owns how tests change a cluster's members: the requests, asked as the router asks them.

import type { ClientRequest, ReplicaAnswer } from "../../src/api/replica.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import type { Member } from "../../src/base/membership.ts";
import { asMemberId } from "../../src/base/types.ts";
import { put } from "./requests.ts";
import { VirtualCluster } from "./virtual-cluster.ts";

export const add = (member: Member, isLearner: boolean): ClientRequest => ({
  kind: "memberAdd",
  region: member.region,
  isLearner,
  member,
});

export const promote = (id: bigint): ClientRequest => ({
  kind: "memberPromote",
  id: asMemberId(id),
});

export const remove = (id: bigint): ClientRequest => ({
  kind: "memberRemove",
  id: asMemberId(id),
});

/** A cluster of `voters` that has written a key `a` once, and knows which code its members run. */
export function settledCluster(voters: number): VirtualCluster {
  const cluster = new VirtualCluster(voters);
  cluster.serve(put(encodeUtf8("a"), encodeUtf8("1")));
  cluster.run(500);
  return cluster;
}

/** Asks as the router does: at the leader, and again where it redirects to. */
export function askLeader(cluster: VirtualCluster, request: ClientRequest): ReplicaAnswer {
  for (let attempt = 0; attempt < 20; attempt++) {
    const answer = cluster.serve(request);
    if (answer.kind !== "redirect") return answer;
    cluster.run(50);
  }
  throw new Error("nobody leads");
}

/** The id of a new member in `region` that votes. */
export function growCluster(cluster: VirtualCluster, region: string): bigint {
  const member = cluster.join(region);
  const added = askLeader(cluster, add(member, true));
  if (added.kind !== "answered") throw new Error(JSON.stringify(added.kind));
  cluster.run(500);
  const promoted = askLeader(cluster, promote(member.id));
  if (promoted.kind !== "answered") throw new Error(promoted.kind);
  return member.id;
}

/** The regions of the members that vote, as a change or a list answers. */
export function votersOf(answer: ReplicaAnswer): string[] {
  if (answer.kind !== "answered" || answer.answer.kind !== "members") throw new Error(answer.kind);
  const { members } = answer.answer.answer;
  return members.filter(({ isLearner }) => !isLearner).map(({ region }) => region);
}
