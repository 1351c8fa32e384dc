// Owns watching on one replica: filters over the history, fed by what is applied. It sends nothing
// itself; the owner takes the deliveries after each input.

import { assert } from "../base/assert.ts";
import { ATTACHMENT_BYTES_MAX, CATCH_UP_BYTES_MAX, SESSION_WATCHES_MAX } from "../base/limits.ts";
import type { RevisionEvents } from "../base/kv.ts";
import {
  asRevision,
  later,
  nextRevision,
  type Milliseconds,
  type Revision,
} from "../base/types.ts";
import { ALL_WATCHES, type WatchDelivery, type WatchSpec } from "../base/watch.ts";
import type { Store } from "../mvcc/store.ts";
import { CONTROL_WEIGHT, Parcel } from "./parcel.ts";
import { Session, type SequencedDelivery } from "./session.ts";
import { WatchEvents } from "./watch-events.ts";
import { WatchIndex } from "./watch-index.ts";
import { createWatcher, refusalOf, select, storedSize, type Watcher } from "./watcher.ts";

/** How often a quiet watcher that asked for it hears of progress, unless said: etcd's 10 minutes. */
export const PROGRESS_MS = 600_000;

/** Sessions that are caught up in one turn: each reads history, and requests wait meanwhile. */
const CATCH_UP_SESSIONS_MAX = 8;

export interface HubOptions {
  readonly now: Milliseconds;
  /** How often a quiet watcher that asked for it hears of progress. */
  readonly progressMs: number;
  /** The cluster's limit of watches of one replica, 0 for none. */
  readonly watchesMax: () => number;
}

/** What must outlive a sleep of the replica: kept in the socket's attachment. */
export interface SessionCheckpoint {
  readonly sequence: number;
  readonly watches: readonly {
    readonly id: number;
    readonly spec: WatchSpec;
    readonly acknowledged: Revision;
  }[];
}

/** What a watcher wants of some revisions, and how it is told of that. */
interface Wanted {
  readonly wanted: readonly RevisionEvents[];
  readonly told: WatchEvents;
}

/** Sequences leap by this after a sleep, so that an acknowledgement from before says nothing. */
const SEQUENCE_LEAP = 2 ** 32;

/**
 * All sessions of a replica. Guarantees per watcher, as etcd's: events in revision order, each once,
 * none left out, those of one revision together, resumable from any revision that is not compacted,
 * and a progress report at R only after all events up to R.
 *
 * A watcher is either synced (fed by `applied`) or caught up from history in slices, so that a slow
 * one never holds up another.
 */
export class WatchHub {
  readonly #store: Store;
  readonly #watchesMax: () => number;
  readonly #progressMs: number;
  readonly #sessions = new Map<number, Session>();
  /** All watchers of all sessions. */
  readonly #index = new WatchIndex();
  #lastSerial = 0;
  readonly #outgoing = new Set<number>();
  /** Sessions with a watcher that is being caught up. The one served longest ago stands first. */
  readonly #lagging = new Set<number>();
  #wantsProgress = false;
  #progressAt: Milliseconds;

  constructor(store: Store, { now, progressMs, watchesMax }: HubOptions) {
    this.#store = store;
    this.#watchesMax = watchesMax;
    this.#progressMs = progressMs;
    this.#progressAt = later(now, progressMs);
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** How many watchers there are, and how many of them are being caught up from history. */
  watchers(): { readonly watchers: number; readonly slowWatchers: number } {
    const all = [...this.#sessions.values()].flatMap((session) => [...session.watchers.values()]);
    return { watchers: all.length, slowWatchers: all.filter(({ synced }) => !synced).length };
  }

  has(id: number): boolean {
    return this.#sessions.has(id);
  }

  /** Begins a session, or goes on with one that was checkpointed before a sleep. */
  open(id: number, checkpoint: SessionCheckpoint | null): void {
    assert(!this.#sessions.has(id), "a session is opened once");
    const sequence = checkpoint === null ? 0 : checkpoint.sequence + SEQUENCE_LEAP;
    const session = new Session(sequence, () => this.#outgoing.add(id));
    for (const { id: watch, spec, acknowledged } of checkpoint?.watches ?? []) {
      const watcher = { session: id, serial: ++this.#lastSerial, id: watch, spec };
      this.#add(session, createWatcher({ ...watcher, next: nextRevision(acknowledged) }));
    }
    this.#sessions.set(id, session);
    this.#catchUp(id, session);
  }

  close(id: number): void {
    for (const watcher of this.#sessions.get(id)?.watchers.values() ?? []) {
      this.#index.remove(watcher);
    }
    this.#sessions.delete(id);
    this.#lagging.delete(id);
  }

  /** Adds a watcher; its first delivery is `created`, or `canceled` with the reason. */
  watch(sessionId: number, watch: number, spec: WatchSpec): void {
    const session = this.#session(sessionId);
    const reason = this.#refusal(session, watch, spec);
    const present = this.#store.revision;
    if (reason !== null) return this.refuse(sessionId, watch, reason);
    const next = spec.startRevision > 0 ? asRevision(spec.startRevision) : nextRevision(present);
    const serial = ++this.#lastSerial;
    this.#add(session, createWatcher({ session: sessionId, serial, id: watch, spec, next }));
    this.#control(session, { kind: "created", watch, revision: present });
    this.#catchUp(sessionId, session);
  }

  /** Tells that a watch does not come about. */
  refuse(sessionId: number, watch: number, reason: string): void {
    this.#control(this.#session(sessionId), {
      kind: "canceled",
      watch,
      revision: this.#store.revision,
      cause: { kind: "refused", reason },
    });
  }

  /** Ends a watcher. An unknown one is passed over in silence, as in etcd. */
  cancel(sessionId: number, watch: number): void {
    const session = this.#session(sessionId);
    const watcher = session.watchers.get(watch);
    if (watcher === undefined) return;
    this.#remove(session, watcher);
    this.#control(session, {
      kind: "canceled",
      watch,
      revision: this.#store.revision,
      cause: { kind: "asked" },
    });
  }

  /** Reports progress for all watchers of the session, or nothing while one is behind. */
  reportProgress(sessionId: number): void {
    this.#reportAll(this.#session(sessionId));
  }

  acknowledge(sessionId: number, sequence: number): void {
    const session = this.#session(sessionId);
    session.acknowledge(sequence);
    if (this.#lagging.has(sessionId)) this.#catchUp(sessionId, session);
  }

  /** Feeds what was just applied to the watchers that are up to date. */
  applied(revisions: readonly RevisionEvents[]): void {
    const told = new WatchEvents(this.#store.history);
    for (const [watcher, wanted] of this.#index.wanted(revisions)) {
      this.#feed(this.#session(watcher.session), watcher, { wanted, told });
      if (!watcher.synced) this.#lagging.add(watcher.session);
    }
  }

  /**
   * The store was compacted. Watchers that are up to date say so to their receivers, which could
   * otherwise resume from a revision that is gone although they have missed nothing. Where one is
   * behind, they say so once it is not.
   */
  compacted(): void {
    for (const session of this.#sessions.values()) {
      session.owesReport = session.watchers.size > 0;
      this.#reportAll(session);
    }
  }

  /** Goes on catching up, and reports progress when its time has come. */
  tick(now: Milliseconds): void {
    const turns = [...this.#lagging].filter((id) => this.#session(id).hasCredit);
    for (const id of turns.slice(0, CATCH_UP_SESSIONS_MAX)) this.#catchUp(id, this.#session(id));
    if (now < this.#progressAt) return;
    this.#progressAt = later(now, this.#progressMs);
    const watchers = [...this.#sessions.values()].flatMap((session) =>
      [...session.watchers.values()].map((watcher) => ({ session, watcher })),
    );
    this.#wantsProgress = watchers.some(({ watcher }) => watcher.spec.progressNotify);
    for (const { session, watcher } of watchers) this.#reportOne(session, watcher);
  }

  /** When `tick` is wanted next; null when nothing is ever due. */
  deadline(now: Milliseconds): Milliseconds | null {
    for (const id of this.#lagging) if (this.#session(id).hasCredit) return now;
    return this.#wantsProgress ? this.#progressAt : null;
  }

  /** All deliveries since the last call, by session, each session's in order. */
  takeDeliveries(): { session: number; deliveries: SequencedDelivery[] }[] {
    const taken = [...this.#outgoing].flatMap((id) => {
      const session = this.#sessions.get(id);
      return session === undefined ? [] : [{ session: id, deliveries: session.takeOutbox() }];
    });
    this.#outgoing.clear();
    return taken;
  }

  sessionIds(): number[] {
    return [...this.#sessions.keys()];
  }

  /** So much of it is unacknowledged that the owner should close it. */
  isOverdrawn(sessionId: number): boolean {
    return this.#session(sessionId).isOverdrawn;
  }

  /** Whether nothing is under way in the session: a good moment to checkpoint it. */
  isQuiet(sessionId: number): boolean {
    return this.#session(sessionId).isQuiet;
  }

  checkpoint(sessionId: number): SessionCheckpoint {
    const session = this.#session(sessionId);
    const watches = [...session.watchers.values()].map((watcher) => ({
      id: watcher.id,
      spec: watcher.spec,
      acknowledged: this.#servedThrough(watcher),
    }));
    return { sequence: session.sequence, watches };
  }

  /** A watcher that is up to date, with nothing on the way, has missed nothing up to now. */
  #servedThrough({ synced, inFlight, acknowledged }: Watcher): Revision {
    if (!synced || inFlight > 0) return acknowledged;
    return asRevision(Math.max(acknowledged, this.#store.revision));
  }

  #session(id: number): Session {
    const session = this.#sessions.get(id);
    assert(session !== undefined, "the session is open");
    return session;
  }

  #add(session: Session, watcher: Watcher): void {
    session.watchers.set(watcher.id, watcher);
    this.#index.add(watcher);
    this.#wantsProgress ||= watcher.spec.progressNotify;
  }

  #remove(session: Session, watcher: Watcher): void {
    session.watchers.delete(watcher.id);
    this.#index.remove(watcher);
  }

  #refusal(session: Session, watch: number, spec: WatchSpec): string | null {
    if (session.watchers.has(watch)) {
      return "mvcc: duplicate watch ID provided on the WatchStream";
    }
    if (session.watchers.size >= SESSION_WATCHES_MAX) {
      return `edgekeeper: a session holds ${SESSION_WATCHES_MAX} watches; open another one`;
    }
    const specs = [...session.watchers.values()].map((watcher) => watcher.spec);
    if (
      [...specs, spec].reduce((size, item) => size + storedSize(item), 0) > ATTACHMENT_BYTES_MAX
    ) {
      return "edgekeeper: the keys of this session's watches are too long; open another one";
    }
    return refusalOf(spec) ?? (this.#hasAll() ? "etcdserver: too many requests" : null);
  }

  /** Whether this replica has all the watches that it may have. */
  #hasAll(): boolean {
    const max = this.#watchesMax();
    if (max === 0) return false;
    return (
      [...this.#sessions.values()].reduce((sum, { watchers }) => sum + watchers.size, 0) >= max
    );
  }

  #control(session: Session, delivery: WatchDelivery): void {
    const watcher = session.watchers.get(delivery.watch) ?? null;
    const through = asRevision(0);
    session.deliver({ delivery, weight: CONTROL_WEIGHT, watcher, through });
  }

  #reportAll(session: Session): void {
    const present = this.#store.revision;
    const watchers = [...session.watchers.values()];
    if (watchers.length === 0) return;
    if (!watchers.every((watcher) => watcher.synced && watcher.next <= present + 1)) return;
    session.owesReport = false;
    this.#control(session, { kind: "progress", watch: ALL_WATCHES, revision: present });
  }

  #reportOne(session: Session, watcher: Watcher): void {
    const present = this.#store.revision;
    const isCurrent = watcher.synced && watcher.next <= present + 1 && !watcher.hadEvents;
    watcher.hadEvents = false;
    if (!watcher.spec.progressNotify || !isCurrent || !session.hasCredit) return;
    const delivery: WatchDelivery = { kind: "progress", watch: watcher.id, revision: present };
    session.deliver({ delivery, weight: CONTROL_WEIGHT, watcher, through: present });
  }

  /** Live: one delivery for each revision that holds something for the watcher. */
  #feed(session: Session, watcher: Watcher, { wanted, told }: Wanted): void {
    for (const item of wanted) {
      if (item.revision < watcher.next) continue;
      // Nothing in between was for it. Otherwise it would be read once more, if it still could.
      watcher.next = item.revision;
      watcher.synced = session.hasCredit;
      if (!watcher.synced) return;
      if (!this.#send(session, watcher, { wanted: [item], told }, item.revision)) return;
    }
  }

  /** A slice for each watcher of the session that lags; then others have their turn. */
  #catchUp(id: number, session: Session): void {
    this.#lagging.delete(id);
    let isBehind = false;
    for (const watcher of session.watchers.values()) {
      if (!watcher.synced && session.hasCredit) this.#catchUpSlice(session, watcher);
      isBehind ||= !watcher.synced && session.watchers.has(watcher.id);
    }
    if (isBehind) this.#lagging.add(id);
    else if (session.owesReport) this.#reportAll(session);
  }

  /** One slice of history for one watcher; the next slice comes with the next tick. */
  #catchUpSlice(session: Session, watcher: Watcher): void {
    const { revision: present, compacted, history } = this.#store;
    if (watcher.next > present) {
      watcher.synced = true;
      return;
    }
    if (watcher.next < compacted) {
      this.#remove(session, watcher);
      this.#control(session, {
        kind: "canceled",
        watch: watcher.id,
        revision: present,
        cause: { kind: "compacted", compactRevision: compacted },
      });
      return;
    }
    const slice = history.read(watcher.next, CATCH_UP_BYTES_MAX);
    const told = new WatchEvents(history);
    const wanted = slice.revisions.map(({ revision, events }) => ({
      revision,
      events: select(watcher, events),
    }));
    if (!this.#send(session, watcher, { wanted, told }, present)) return;
    watcher.next = slice.next;
    watcher.synced = slice.next > present;
  }

  /**
   * Delivers revisions that begin at or after `watcher.next`. What is large goes in several deliveries,
   * partial ones within a revision. When the credit ends, the watcher remembers where, is no longer
   * synced, and the answer is false.
   */
  #send(session: Session, watcher: Watcher, { wanted, told }: Wanted, header: Revision): boolean {
    const parcel = new Parcel(session, watcher, header);
    for (const { revision, events } of wanted) {
      if (parcel.isFull) parcel.flush({ partial: false });
      for (let index = watcher.sent; index < events.length; index++) {
        if (parcel.isFull) parcel.flush({ partial: true });
        if (!session.hasCredit) {
          Object.assign(watcher, { next: revision, sent: index, synced: false });
          return false;
        }
        parcel.add(told.of(events[index]!, watcher.spec));
      }
      watcher.next = nextRevision(revision);
      watcher.sent = 0;
    }
    parcel.flush({ partial: false });
    return true;
  }
}
