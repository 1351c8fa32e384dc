// Owns what a leader tells of its peers.

import type { LogIndex, MemberId, Milliseconds } from "../base/types.ts";
import type { ProgressState } from "./progress.ts";

/** What a leader knows of one peer, for diagnostics. */
export interface PeerStatus {
  readonly id: MemberId;
  readonly state: ProgressState;
  readonly match: LogIndex;
  readonly next: LogIndex;
  /** Appends under way. */
  readonly inFlight: number;
  /** When it was last heard from, in the node's steady time. */
  readonly heardAt: Milliseconds;
  /** The version of its code; null while it was not heard from in this leadership. */
  readonly version: number | null;
  /** It has said that its database has no room left. */
  readonly isFull: boolean;
}
