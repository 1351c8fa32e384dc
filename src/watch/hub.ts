// Owns watching on one replica: filters over the history, fed by what is applied. It sends nothing
// itself; the owner takes the deliveries after each input.

import { assert } from "../base/assert.ts";
import { ATTACHMENT_BYTES_MAX, CATCH_UP_BYTES_MAX, SESSION_WATCHES_MAX } from "../base/limits.ts";
import type { KeyEvent, RevisionEvents } from "../base/kv.ts";
import {
  asRevision,
  later,
  nextRevision,
  type Milliseconds,
  type Revision,
} from "../base/types.ts";
import { ALL_WATCHES, type WatchDelivery, type WatchEvent, type WatchSpec } from "../base/watch.ts";
import type { Store } from "../mvcc/store.ts";
import { CONTROL_WEIGHT, Parcel } from "./parcel.ts";
import { Session, type SequencedDelivery } from "./session.ts";
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
      this.#add(session, createWatcher({ id: watch, spec, next: nextRevision(acknowledged) }));
    }
    this.#sessions.set(id, session);
    this.#catchUp(id, session);
  }

  close(id: number): void {
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
    this.#add(session, createWatcher({ id: watch, spec, next }));
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
    if (!session.watchers.delete(watch)) return;
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
    for (const [id, session] of this.#sessions) {
      for (const watcher of session.watchers.values()) {
        if (watcher.synced) this.#feed(session, watcher, revisions);
        if (!watcher.synced) this.#lagging.add(id);
      }
    }
  }

  /**
   * The store was compacted. Watchers that are up to date say so to their receivers, which could
   * otherwise resume from a revision that is gone although they have missed nothing.
   */
  compacted(): void {
    for (const session of this.#sessions.values()) this.#reportAll(session);
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
    this.#wantsProgress ||= watcher.spec.progressNotify;
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

  /** Live: one delivery per revision that holds anything for the watcher. */
  #feed(session: Session, watcher: Watcher, revisions: readonly RevisionEvents[]): void {
    for (const item of revisions) {
      if (item.revision < watcher.next) continue;
      if (!session.hasCredit && select(watcher, item.events).length > 0) watcher.synced = false;
      if (!watcher.synced) return;
      this.#send(session, watcher, { revisions: [item], header: item.revision });
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
  }

  /** One slice of history for one watcher; the next slice comes with the next tick. */
  #catchUpSlice(session: Session, watcher: Watcher): void {
    const { revision: present, compacted, history } = this.#store;
    if (watcher.next > present) {
      watcher.synced = true;
      return;
    }
    if (watcher.next < compacted) {
      session.watchers.delete(watcher.id);
      this.#control(session, {
        kind: "canceled",
        watch: watcher.id,
        revision: present,
        cause: { kind: "compacted", compactRevision: compacted },
      });
      return;
    }
    const slice = history.read(watcher.next, CATCH_UP_BYTES_MAX);
    if (!this.#send(session, watcher, { revisions: slice.revisions, header: present })) return;
    watcher.next = slice.next;
    watcher.synced = slice.next > present;
  }

  /**
   * Delivers what the watcher wants of `revisions`, which begin at or after `watcher.next`. What is
   * large goes in several deliveries, partial ones within a revision. When the credit ends, the
   * watcher remembers where, is no longer synced, and the answer is false.
   */
  #send(
    session: Session,
    watcher: Watcher,
    batch: { readonly revisions: readonly RevisionEvents[]; readonly header: Revision },
  ): boolean {
    const parcel = new Parcel(session, watcher, batch.header);
    for (const { revision, events } of batch.revisions) {
      if (parcel.isFull) parcel.flush({ partial: false });
      const wanted = select(watcher, events);
      for (let index = watcher.sent; index < wanted.length; index++) {
        if (parcel.isFull) parcel.flush({ partial: true });
        if (!session.hasCredit) {
          Object.assign(watcher, { next: revision, sent: index, synced: false });
          return false;
        }
        parcel.add({ ...wanted[index]!, prevKv: this.#previous(watcher, wanted[index]!) });
      }
      watcher.next = nextRevision(revision);
      watcher.sent = 0;
    }
    parcel.flush({ partial: false });
    return true;
  }

  #previous(watcher: Watcher, { kv }: KeyEvent): WatchEvent["prevKv"] {
    if (!watcher.spec.prevKv || kv.version === 1) return null;
    return this.#store.history.previousVersion(kv.key, kv.modRevision);
  }
}
