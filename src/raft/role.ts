// Owns the states that a node can be in. A field exists only where it has meaning.

import type { Incarnation, MemberId, Milliseconds } from "../base/types.ts";
import type { Campaign } from "./election.ts";
import type { Leadership } from "./leadership.ts";

/** A node's role and what belongs to it. A learner is a follower that no configuration counts. */
export type RoleState =
  | {
      readonly role: "follower";
      readonly leader: MemberId | null;
      /** When the leader was last heard; means nothing without one. */
      readonly heardAt: Milliseconds;
      /** When to campaign; of a sleeper, when to ask its leader whether it is there. */
      readonly electionDue: Milliseconds;
      /** The leader has had the clock stopped. */
      readonly isAsleep: boolean;
    }
  | {
      readonly role: "preCandidate" | "candidate";
      readonly campaign: Campaign;
      readonly electionDue: Milliseconds;
    }
  | { readonly role: "leader"; readonly leadership: Leadership };

/**
 * The leader of the current term as heard from in this term, whatever this node's role since.
 *
 * A leader that restarts leads on in its term (ARCHITECTURE.md, "Leadership"), so one
 * term may have several instances of one leader; of these only the latest is listened to. It is
 * enough to remember it in memory: a superseded instance gets no new events, so all that it can
 * still send rests on what it knew while it was live, as a delayed message would. Its appends are
 * in its successor's log, and a read round of its own serves only reads that arrived before it
 * was superseded. So a follower that forgets, and listens to it once more, does no harm.
 */
export interface Author {
  readonly id: MemberId;
  readonly incarnation: Incarnation;
}
