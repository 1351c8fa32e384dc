// Owns the memory of applied request ids: which ids were applied within the window of cluster time,
// and where their first answers stand in the history. Equal on all replicas, since ids enter and
// leave by the time of entries and never by a local clock.

import { bytesKey } from "../base/bytes.ts";
import { REQUEST_WINDOW_MAX, REQUEST_WINDOW_MS } from "../base/limits.ts";
import type { Bytes, ClusterTime, Revision } from "../base/types.ts";
import type { Place } from "../mvcc/history.ts";

/** A request that was applied, and where its answer is kept. */
export interface RememberedRequest {
  readonly revision: Revision;
  readonly time: ClusterTime;
  readonly place: Place;
}

/** Ids in the order in which they were applied, so that the oldest stand first. */
export class RequestWindow {
  readonly #requests = new Map<string, RememberedRequest>();

  /**
   * At the leader's time `now` no further id can be taken in without forgetting one early: new
   * writes must wait. Ids older than the window do not count, for the next entry, stamped `now` or
   * later, forgets them; they are not forgotten here, because another leader's stamps may be lower.
   */
  isFull(now: ClusterTime): boolean {
    if (this.#requests.size < REQUEST_WINDOW_MAX) return false;
    const [oldest] = this.#requests.values();
    return oldest !== undefined && oldest.time > now - REQUEST_WINDOW_MS;
  }

  find(id: Bytes): RememberedRequest | null {
    return this.#requests.get(bytesKey(id)) ?? null;
  }

  remember(id: Bytes, request: RememberedRequest): void {
    const key = bytesKey(id);
    // An id from before the window may come again: it then stands last.
    this.#requests.delete(key);
    this.#requests.set(key, request);
  }

  /** Forgets what was applied more than the window before `time`. */
  forget(time: ClusterTime): void {
    for (const [id, request] of this.#requests) {
      if (request.time > time - REQUEST_WINDOW_MS) return;
      this.#requests.delete(id);
    }
  }
}
