// Owns when a member without a vote asks the others whether it is one. A voter that hears from no
// leader campaigns, and so learns that it was removed; a learner would wait for ever.

import { AWAY_PROBE_MS_MAX, AWAY_PROBE_MS_MIN } from "../base/limits.ts";
import { later, type MemberId, type Milliseconds, type Term } from "../base/types.ts";
import type { Message } from "../raft/types.ts";

export class Inquiry {
  #pauseMs = AWAY_PROBE_MS_MIN;
  #due: Milliseconds | null = null;

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

  /** Whether to ask now; again after a pause twice as long. */
  take(now: Milliseconds): boolean {
    if (this.#due === null || now < this.#due) return false;
    this.#pauseMs = Math.min(2 * this.#pauseMs, AWAY_PROBE_MS_MAX);
    this.#due = later(now, this.#pauseMs);
    return true;
  }
}

/** The question: whoever knows that `from` was removed says so to any message. */
export const inquiriesTo = (
  members: readonly { readonly id: MemberId }[],
  asker: { readonly from: MemberId; readonly term: Term },
): Message[] =>
  members.flatMap(({ id: to }) => (to === asker.from ? [] : [{ kind: "wake", ...asker, to }]));
