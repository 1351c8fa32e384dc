// Owns what a Raft node hands out after inputs: the effects that its owner must perform.

import type { LogIndex, MemberId, Term } from "../base/types.ts";
import type { Entry, Message, Role, SnapshotAnswer, SnapshotMessage } from "./types.ts";

/** A read that may be answered once the owner has applied `index` (Raft thesis §6.4). */
export interface ReadyRead {
  readonly token: number;
  readonly index: LogIndex;
}

/** Everything since the last `takeReady`, in an order that is safe to perform as it stands. */
export interface Ready {
  /** To send. All writes that they depend on were made before `takeReady` returned. */
  readonly messages: readonly Message[];
  /** To apply, in order, each exactly once; consecutive with what was handed out before. */
  readonly committed: readonly Entry[];
  readonly reads: readonly ReadyRead[];
  /** Tokens of reads that this node can no longer confirm: ask the next leader. */
  readonly readsLost: readonly number[];
  /**
   * Indexes `>= from` of former proposals were overwritten: a definite failure of those. Handed out
   * once what replaced them has committed; until then another replica might bring them back. Not
   * every loss is told: a proposal has also failed when its index commits with another term.
   */
  readonly overwrittenFrom: LogIndex | null;
  /** Parts of a leader's snapshot, or answers to parts of this one's: the owner's to deal with. */
  readonly snapshots: readonly (SnapshotMessage | SnapshotAnswer)[];
}

export interface RaftStatus {
  readonly role: Role;
  readonly term: Term;
  /** Null while none is known. */
  readonly leader: MemberId | null;
  readonly commit: LogIndex;
  readonly lastIndex: LogIndex;
  /** A leader that has committed in its term (or all up to its resumption) and may serve. */
  readonly serving: boolean;
  /** The clock stands still: nothing is due for long. */
  readonly isAsleep: boolean;
  /** A leader that is handing over: proposals wait until that succeeds or is given up. */
  readonly isHandingOver: boolean;
}

/** Where a proposal went: its entry is `index` if that index commits with this `term`. */
export interface Proposed {
  readonly first: LogIndex;
  readonly term: Term;
}
