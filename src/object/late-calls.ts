// Owns which calls come too late to be looked at: the platform may hold a call back for as long as it
// likes, and tells nobody. Its router has asked others meanwhile, with the same request id.

import type { ReplicaCall } from "../api/replica.ts";
import { CALL_LATE_MS } from "../base/limits.ts";

/** Whether repeats of the call may have been applied, and forgotten. */
export const isTooLate = ({ askedAt }: ReplicaCall, now: number = Date.now()): boolean =>
  askedAt !== undefined && now - askedAt > CALL_LATE_MS;
