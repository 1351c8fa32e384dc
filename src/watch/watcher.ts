// Owns one watcher: what it wants, and up to which revision it has been served.

import {
  containsKey,
  intervalOf,
  isEmptyInterval,
  ZERO_BYTE,
  type Interval,
} from "../base/interval.ts";
import type { KeyEvent } from "../base/kv.ts";
import { asRevision, type Revision } from "../base/types.ts";
import type { WatchEvent, WatchSpec } from "../base/watch.ts";

/**
 * A watcher hears of every event in its interval with a revision of at least `next`.
 * Invariant: all events below `next` were delivered, or are on their way in the session.
 */
export interface Watcher {
  /** The number of the session that it belongs to. */
  readonly session: number;
  /** Counts the watchers of a replica in the order in which they came. */
  readonly serial: number;
  readonly id: number;
  readonly spec: WatchSpec;
  readonly interval: Interval;
  /** The first revision that was not yet delivered, or one since which nothing was for a synced one. */
  next: Revision;
  /** How many of the events it wants of revision `next` were delivered already. */
  sent: number;
  /** It takes events as they are applied; otherwise it is being caught up from history. */
  synced: boolean;
  /** All events up to and including this revision were acknowledged. */
  acknowledged: Revision;
  /** Deliveries of its events that are on the way. */
  inFlight: number;
  /** It was given events since progress was last due, which say as much as a report would. */
  hadEvents: boolean;
}

/** The interval of a specification; an empty key means the first key, as in etcd. */
export function intervalOfSpec(spec: WatchSpec): Interval {
  if (spec.key.length > 0) return intervalOf(spec.key, spec.rangeEnd);
  return spec.rangeEnd.length === 0
    ? intervalOf(ZERO_BYTE, spec.rangeEnd)
    : { ...intervalOf(spec.key, spec.rangeEnd), start: spec.key };
}

/** Why etcd refuses such a watcher at once, or null. */
export function refusalOf(spec: WatchSpec): string | null {
  if (isEmptyInterval(intervalOfSpec(spec))) return "mvcc: watcher range is empty";
  if (spec.startRevision < 0) return "etcdserver: mvcc: required revision has been compacted";
  return null;
}

/** A watcher that wants events from `next` on. */
export function createWatcher(options: {
  readonly session: number;
  readonly serial: number;
  readonly id: number;
  readonly spec: WatchSpec;
  readonly next: Revision;
}): Watcher {
  return {
    ...options,
    interval: intervalOfSpec(options.spec),
    sent: 0,
    synced: false,
    acknowledged: asRevision(options.next - 1),
    inFlight: 0,
    hadEvents: false,
  };
}

/** The events of `events` that the watcher wants, without previous versions. */
export function select(watcher: Watcher, events: readonly KeyEvent[]): readonly KeyEvent[] {
  return events.filter(
    (event) => wantsKind(watcher, event) && containsKey(watcher.interval, event.kv.key),
  );
}

/** Whether the watcher wants such an event of a key that it watches. */
export const wantsKind = ({ spec }: Watcher, { kind }: KeyEvent): boolean =>
  !(kind === "put" ? spec.noPut : spec.noDelete);

/** What an event weighs against a session's credit, in bytes; near its encoded size. */
export function weigh(event: WatchEvent): number {
  const { kv, prevKv } = event;
  const previous = prevKv === null ? 0 : prevKv.key.length + prevKv.value.length + 32;
  return kv.key.length + kv.value.length + 32 + previous;
}

/** The most that a specification takes in a checkpoint, in bytes. */
export const storedSize = (spec: WatchSpec): number => spec.key.length + spec.rangeEnd.length + 40;
