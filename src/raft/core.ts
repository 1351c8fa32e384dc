// Owns what the parts of one node share, whatever its role.

import type { Incarnation, MemberId } from "../base/types.ts";
import type { Ballot } from "./ballot.ts";
import type { RaftLog } from "./log.ts";
import type { Outbox } from "./outbox.ts";
import type { Timing } from "./timing.ts";
import type { Configuration } from "./types.ts";

/** A node's identity and its parts. */
export interface Core {
  readonly id: MemberId;
  readonly incarnation: Incarnation;
  /** The version of this code, told to leaders. */
  readonly version: number;
  /** Told to leaders as well: there is no room left. */
  isFull: boolean;
  /** And this: somebody waits here for what is committed. */
  isAwaited: boolean;
  readonly timing: Timing;
  readonly ballot: Ballot;
  readonly log: RaftLog;
  readonly outbox: Outbox;
  /** As of the last entry handed out for applying: an entry changes it when it is applied. */
  configuration: Configuration;
}
