// Owns the arithmetic of read leases (thesis §6.4.1): how long a leader may be sure that nobody else
// was elected. What the voters promise for it is `loyalty.ts`'s.

import { later, type MemberId, type Milliseconds } from "../base/types.ts";
import type { Core } from "./core.ts";
import { quorumValue } from "./quorum.ts";
import { LEASE_DRIFT } from "./timing.ts";

/**
 * Until when a quorum elects nobody else, given when each other voter is known to have followed:
 * counted from when it was asked, and for the part of its promise that drifting clocks leave.
 */
export function leaseUntil(
  core: Core,
  now: Milliseconds,
  followedAt: (voter: MemberId) => Milliseconds,
): Milliseconds {
  const followed = quorumValue(core.configuration, (voter) =>
    voter === core.id ? now : followedAt(voter),
  );
  return later(followed, core.timing.electionMsMin * (1 - LEASE_DRIFT));
}
