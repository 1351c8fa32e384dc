// Owns when a leader tells followers of a commit by itself: the next append says so too, and one that is
// likely to come soon saves a call to each. Where nobody waits for it, it is never told by itself.

import { COMMIT_FLUSH_MS, COMMIT_FLUSH_MS_BUSY } from "../base/limits.ts";
import { asMilliseconds, later, type LogIndex, type Milliseconds } from "../base/types.ts";

export class CommitFlush {
  #seen: LogIndex;
  #committedAt = asMilliseconds(-Infinity);
  #due: Milliseconds | null = null;

  /** `commit` is what followers need not hear of. */
  constructor(commit: LogIndex) {
    this.#seen = commit;
  }

  get due(): Milliseconds | null {
    return this.#due;
  }

  /**
   * The commit index may have risen. `isWanted`: somebody waits at a follower for an index that it was
   * not told; at once, if they have come after that was committed.
   */
  follow(commit: LogIndex, isWanted: boolean, now: Milliseconds): void {
    const isNews = commit > this.#seen;
    if (!isWanted) this.#due = null;
    else if (isNews) {
      const isBusy = now <= later(this.#committedAt, COMMIT_FLUSH_MS_BUSY);
      this.#due = later(now, isBusy ? COMMIT_FLUSH_MS_BUSY : COMMIT_FLUSH_MS);
    } else this.#due ??= now;
    if (isNews) this.#committedAt = now;
    this.#seen = commit;
  }

  /** Whether it is time; once. */
  take(now: Milliseconds): boolean {
    if (this.#due === null || now < this.#due) return false;
    this.#due = null;
    return true;
  }
}
