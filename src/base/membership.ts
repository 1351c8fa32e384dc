// Owns the words of membership: where replicas live, who votes, and what the members list shows.

import type { ClusterId, LogIndex, MemberId } from "./types.ts";

/** Where a replica of the cluster lives; its object is named `{cluster}/{region}/{generation}`. */
export interface Member {
  readonly id: MemberId;
  readonly region: string;
  /** 1 for the first replica of a region, one more for each that replaced it. */
  readonly generation: number;
}

/** Legal bounds that the platform keeps objects in. */
export const JURISDICTIONS = ["eu", "us", "fedramp"] as const;
export type Jurisdiction = (typeof JURISDICTIONS)[number];

/**
 * What it takes to reach a replica's object. The same name within another jurisdiction, or within
 * none, is another object.
 */
export interface Place extends Pick<Member, "region" | "generation"> {
  /** Of the whole cluster; null: none. */
  readonly jurisdiction: Jurisdiction | null;
}

/** Who forms the cluster, as far as the answering replica has applied. */
export interface Directory {
  readonly clusterId: ClusterId;
  readonly members: readonly Member[];
  /** Decided with the cluster, and never changed. Absent: none. */
  readonly jurisdiction?: Jurisdiction;
  /** The entry that made it: higher is newer. Absent, or 0, of those the cluster was born with. */
  readonly version?: LogIndex;
}

/**
 * Who takes part in decisions. `outgoing` is empty except during a joint change (Raft thesis §4.3),
 * when a decision needs a majority of both lists. A learner is replicated to and never counted.
 */
export interface Configuration {
  readonly voters: readonly MemberId[];
  readonly outgoing: readonly MemberId[];
  readonly learners: readonly MemberId[];
}

/**
 * The replicated membership: part of the applied state, changed by entries only. `members` holds
 * everyone that `configuration` names, those who leave by a joint one included; who was removed never
 * comes back under the same id.
 */
export interface Membership {
  readonly configuration: Configuration;
  readonly members: readonly Member[];
  readonly removed: readonly Member[];
  /** The entry that made it; 0 for the members of the birth certificate. */
  readonly index: LogIndex;
}

/** A member as `member/list` shows it. */
export interface MemberStatus extends Member {
  readonly isLearner: boolean;
  /** False until the leader has heard from it: etcd shows such a member without a name. */
  readonly isStarted: boolean;
}

export interface MembersAnswer {
  readonly members: readonly MemberStatus[];
  /** The member that was added; null in all other answers. */
  readonly added: MemberStatus | null;
}

/** Several changes at once, made by one joint configuration. Ids that appear twice are refused. */
export interface MemberChange {
  readonly promote: readonly MemberId[];
  readonly remove: readonly MemberId[];
}

/** Where the object of one of the cluster's replicas is. */
export const placeIn = (
  { jurisdiction }: Pick<Directory, "jurisdiction">,
  { region, generation }: Pick<Member, "region" | "generation">,
): Place => ({ region, generation, jurisdiction: jurisdiction ?? null });

/** The same of all of them. */
export const placesIn = (directory: Directory): Place[] =>
  directory.members.map((member) => placeIn(directory, member));
