// Owns when a member without a vote asks the others whether it is one. A voter that hears from no
// leader campaigns, and so learns that it was removed; a learner would wait for ever.

import type { ClusterState } from "../apply/cluster-state.ts";
import { AWAY_PROBE_MS_MAX, AWAY_PROBE_MS_MIN } from "../base/limits.ts";
import { later, type MemberId, type Milliseconds, type Term } from "../base/types.ts";
import type { Message } from "../raft/types.ts";

export class Inquiry {
  readonly #self: MemberId;
  readonly #cluster: ClusterState;
  #pauseMs = AWAY_PROBE_MS_MIN;
  #due: Milliseconds | null = null;

  constructor(self: MemberId, cluster: ClusterState) {
    this.#self = self;
    this.#cluster = cluster;
  }

  /** When the question is due; null when there is none. */
  get due(): Milliseconds | null {
    return this.#due;
  }

  /** Takes note of whether this replica is such a member, and hears from no leader. */
  follow(isLost: boolean, now: Milliseconds): void {
    if (isLost) this.#due ??= later(now, this.#pauseMs);
    else {
      this.#due = null;
      this.#pauseMs = AWAY_PROBE_MS_MIN;
    }
  }

  /** The questions to ask now; again after a pause twice as long. */
  take({ term, now }: { readonly term: Term; readonly now: Milliseconds }): Message[] {
    if (this.#due === null || now < this.#due) return [];
    this.#pauseMs = Math.min(2 * this.#pauseMs, AWAY_PROBE_MS_MAX);
    this.#due = later(now, this.#pauseMs);
    const others = this.#cluster.membership.members.filter(({ id }) => id !== this.#self);
    // Whoever knows that this replica was removed says so to any message.
    return others.map(({ id: to }) => ({ kind: "wake", from: this.#self, to, term }));
  }
}
