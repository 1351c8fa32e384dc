// Owns whether anybody waits at this replica for what is committed. A leader tells a follower of commits by
// themselves only then; else with the next append or heartbeat.

import { AUDIENCE_MS } from "../base/limits.ts";
import { asMilliseconds, later, type Milliseconds } from "../base/types.ts";

export class Audience {
  #readAt = asMilliseconds(-Infinity);

  /** A read has come here that need not go to the leader: another is likely. */
  read(now: Milliseconds): void {
    this.#readAt = now;
  }

  /** Sessions may watch. */
  isThere(sessions: number, now: Milliseconds): boolean {
    return sessions > 0 || now < later(this.#readAt, AUDIENCE_MS);
  }
}
