// Owns what the parts of one node share, whatever its role.

import type { Incarnation, MemberId } from "../base/types.ts";
import type { Ballot } from "./ballot.ts";
import type { RaftLog } from "./log.ts";
import type { Outbox } from "./outbox.ts";
import type { Timing } from "./timing.ts";
import type { Configuration } from "./types.ts";

/**
 * A node's identity and its parts. The configuration is fixed for now; a joint change (Raft thesis
 * §4.3) will replace it when its ENTRY_CONFIGURATION is appended, and restore the former when that
 * entry is overwritten.
 */
export interface Core {
  readonly id: MemberId;
  readonly incarnation: Incarnation;
  readonly configuration: Configuration;
  readonly timing: Timing;
  readonly ballot: Ballot;
  readonly log: RaftLog;
  readonly outbox: Outbox;
}
