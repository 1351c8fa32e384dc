// Owns what a replica's core asks of its shell: the effects of an input, to be performed at once
// after the input has returned, and so after all its writes.

import type { ClientRequest, ReplicaAnswer } from "../api/replica.ts";
import type { ReplicaFrame } from "../api/session.ts";
import type { Membership } from "../base/membership.ts";
import type { Bytes, LogIndex, MemberId, Milliseconds } from "../base/types.ts";
import type { Message } from "../raft/types.ts";

/** Messages of one batch to one peer: one call. What it answers comes back by `peerAnswered`. */
export interface PeerSend {
  readonly to: MemberId;
  readonly messages: readonly Message[];
}

export interface CallAnswer {
  readonly call: number;
  readonly answer: ReplicaAnswer;
}

/** A request of a client's session that has ended, for those who count. */
export interface ServedRequest {
  readonly request: ClientRequest;
  readonly answer: ReplicaAnswer;
  readonly askedAt: Milliseconds;
}

export interface SessionEffects {
  readonly frames: readonly {
    readonly session: number;
    readonly frames: readonly ReplicaFrame[];
  }[];
  /** What to keep with the session's socket across a sleep of the object. */
  readonly checkpoints: readonly { readonly session: number; readonly checkpoint: Bytes }[];
  /** After the frames. The session is closed in the core already. */
  readonly closes: readonly {
    readonly session: number;
    readonly code: number;
    readonly reason: string;
  }[];
  readonly served: readonly ServedRequest[];
}

export interface Effects extends SessionEffects {
  readonly sends: readonly PeerSend[];
  readonly answers: readonly CallAnswer[];
  /** A batch was written: call `durable` once the storage confirms it. */
  readonly awaitsDurable: boolean;
  /** Applied writes that carried a trace id, for the log. */
  readonly traces: readonly { readonly trace: string; readonly index: LogIndex }[];
  /** The membership, when an applied entry has changed it. */
  readonly membership: Membership | null;
  /**
   * A membership that a majority has said to know, of a leader that had not told it yet: those that
   * have left may be told, for nobody needs their votes any more.
   */
  readonly settled: Membership | null;
  /**
   * A snapshot was installed: after the other effects, a new core is built over the same database,
   * with a higher incarnation. Waiting calls have no outcome; sessions go on from their checkpoints.
   */
  readonly restart: boolean;
  /** Who leads now, as far as is known here: told each time, to be counted. */
  readonly leader: MemberId | null;
  /** This replica was told that it was removed and is not needed: it ends, for ever. */
  readonly isRemoved: boolean;
}
