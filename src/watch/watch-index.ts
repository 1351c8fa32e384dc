// Owns finding the watchers of a key among all of a replica, so that an event costs as much as it is
// wanted, and not as much as there are watchers.

import { bytesKey } from "../base/bytes.ts";
import { isOneKey } from "../base/interval.ts";
import type { KeyEvent, RevisionEvents } from "../base/kv.ts";
import type { Bytes } from "../base/types.ts";
import {
  valueAt,
  visitAround,
  withInterval,
  withoutInterval,
  type IntervalTree,
} from "./interval-tree.ts";
import { wantsKind, type Watcher } from "./watcher.ts";

/** Watchers by what they watch: those of one key in a map, those of a range in a tree. */
export class WatchIndex {
  readonly #byKey = new Map<string, Set<Watcher>>();
  #byRange: IntervalTree<Set<Watcher>> = null;

  add(watcher: Watcher): void {
    const { interval } = watcher;
    const present = this.#equalTo(watcher);
    if (present !== undefined) present.add(watcher);
    else if (isOneKey(interval)) {
      this.#byKey.set(bytesKey(interval.start), new Set([watcher]));
    } else {
      this.#byRange = withInterval(this.#byRange, { interval, value: new Set([watcher]) });
    }
  }

  remove(watcher: Watcher): void {
    const { interval } = watcher;
    const present = this.#equalTo(watcher);
    present?.delete(watcher);
    if (present?.size !== 0) return;
    if (isOneKey(interval)) this.#byKey.delete(bytesKey(interval.start));
    else this.#byRange = withoutInterval(this.#byRange, interval);
  }

  /**
   * What each watcher that is up to date wants of `revisions`; the watchers in the order in which they
   * were added, for each the revisions in theirs.
   */
  wanted(revisions: readonly RevisionEvents[]): [Watcher, RevisionEvents[]][] {
    const wanted = new Map<Watcher, RevisionEvents[]>();
    for (const item of revisions) {
      for (const [watcher, events] of this.#wantedOf(item)) {
        const before = wanted.get(watcher);
        const part = events.length === item.events.length ? item : { ...item, events };
        if (before === undefined) wanted.set(watcher, [part]);
        else before.push(part);
      }
    }
    return [...wanted].toSorted(([a], [b]) => a.serial - b.serial);
  }

  #wantedOf({ events }: RevisionEvents): Map<Watcher, KeyEvent[]> {
    const wanted = new Map<Watcher, KeyEvent[]>();
    for (const event of events) {
      this.#visit(event.kv.key, (watcher) => {
        if (!watcher.synced || !wantsKind(watcher, event)) return;
        const before = wanted.get(watcher);
        if (before === undefined) wanted.set(watcher, [event]);
        else before.push(event);
      });
    }
    return wanted;
  }

  #visit(key: Bytes, visit: (watcher: Watcher) => void): void {
    const visitAll = (watchers: Iterable<Watcher>): void => {
      for (const watcher of watchers) visit(watcher);
    };
    visitAll(this.#byKey.get(bytesKey(key)) ?? []);
    visitAround(this.#byRange, key, visitAll);
  }

  /** Those that watch the same as `watcher`. */
  #equalTo({ interval }: Watcher): Set<Watcher> | undefined {
    if (isOneKey(interval)) return this.#byKey.get(bytesKey(interval.start));
    return valueAt(this.#byRange, interval) ?? undefined;
  }
}
