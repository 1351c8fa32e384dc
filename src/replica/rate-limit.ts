// Owns how many requests per second a replica takes: a bucket that fills at that rate, and holds what
// one second brings. Requests of operators are not counted, or nobody could raise the limit.

import type { ClientRequest } from "../api/replica.ts";
import type { Milliseconds } from "../base/types.ts";

export class RateLimit {
  #tokens = Infinity;
  #filledAt = 0;

  /** Whether a request that comes now is one too many at `perSecond`; 0 is no limit. */
  isExceeded(request: ClientRequest, perSecond: number, now: Milliseconds): boolean {
    if (perSecond === 0 || !isCounted(request)) return false;
    const gained = (Math.max(now - this.#filledAt, 0) * perSecond) / 1_000;
    this.#tokens = Math.min(this.#tokens + gained, perSecond);
    this.#filledAt = now;
    if (this.#tokens < 1) return true;
    this.#tokens -= 1;
    return false;
  }
}

function isCounted({ kind }: ClientRequest): boolean {
  switch (kind) {
    case "range":
    case "put":
    case "deleteRange":
    case "txn":
    case "compact":
    case "leaseGrant":
    case "leaseRevoke":
    case "leaseKeepAlive":
    case "leaseTimeToLive":
    case "leaseLeases":
      return true;
    default:
      return false;
  }
}
