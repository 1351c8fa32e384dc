// Owns what watchers are told of events: each is made once for all of them, so that a version before
// is read once, and whoever encodes an event can do so once.

import type { KeyEvent, KeyValue } from "../base/kv.ts";
import type { WatchEvent } from "../base/watch.ts";
import type { History } from "../mvcc/history.ts";

/** The events of one turn as watchers hear of them. */
export class WatchEvents {
  readonly #history: History;
  readonly #bare = new Map<KeyEvent, WatchEvent>();
  readonly #withPrevious = new Map<KeyEvent, WatchEvent>();

  constructor(history: History) {
    this.#history = history;
  }

  /** The event, with the version before if that is wanted and there is one. */
  of(event: KeyEvent, wants: { readonly prevKv: boolean }): WatchEvent {
    const made = wants.prevKv ? this.#withPrevious : this.#bare;
    const before = made.get(event);
    if (before !== undefined) return before;
    const told = { ...event, prevKv: wants.prevKv ? this.#previous(event) : null };
    made.set(event, told);
    return told;
  }

  #previous({ kv }: KeyEvent): KeyValue | null {
    return kv.version === 1 ? null : this.#history.previousVersion(kv.key, kv.modRevision);
  }
}
