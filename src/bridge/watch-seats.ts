// Owns the sessions on which one user's watches lie: a watch sits on one that has room, whichever stream it
// is of. No watch keeps another waiting: whoever hears deliveries takes or drops them at once.

import type { Header } from "../api/replica.ts";
import { hasRoom, specSize } from "../api/session-room.ts";
import type { WatchDelivery, WatchSpec } from "../base/watch.ts";
import { StoreSession, type StoreSessionOptions } from "./store-session.ts";
import type { UpstreamError } from "./upstream.ts";

/** Who sits there. */
export interface Sitter {
  hear(delivery: WatchDelivery, header: Header): void;
  /** The endpoint is not there; nothing is delivered until it is. */
  unreached(error: UpstreamError): void;
  /** The session is over, and the seat with it. */
  failed(error: UpstreamError): void;
}

/** Where a watch sits. */
export interface Seat {
  readonly session: SeatSession;
  /** Ends the watch; `canceled` is heard when the store has done so. */
  cancel(): void;
}

/** A report that is awaited. */
type ProgressHeard = (header: Header) => void;

/** What a session is to those who sit there. */
export interface SeatSession {
  /** Since when no replica has spoken; null while one does. */
  readonly downSince: number | null;
  /** Asks for a report on all watches that were created before. Returns what forgets the question. */
  askProgress(heard: ProgressHeard): () => void;
}

/** Where watches find seats. */
export interface Seats {
  /** Begins a watch; null when there is no room, and may not be more. */
  seat(spec: WatchSpec, sitter: Sitter): Seat | null;
}

/** A report may not come: a watch of somebody else is behind, or the connection broke. It is asked for again. */
const ASK_AGAIN_MS = 500;
/** A session without watches is kept for so long. */
const EMPTY_MS_MAX = 10_000;

class WatchSession implements SeatSession {
  readonly #store: StoreSession;
  readonly #sitters = new Set<Sitter>();
  readonly #onFailed: () => void;
  /** Whether its watches wait for revisions yet to come, which holds back reports of progress. */
  readonly isOfFuture: boolean;
  #specBytes = 0;
  #emptySince: number | null = null;
  /** Reports awaited from the question on the way, and those that the next one is for. */
  #asked = new Set<ProgressHeard>();
  #next = new Set<ProgressHeard>();
  #again: NodeJS.Timeout | null = null;

  constructor(
    options: Pick<StoreSessionOptions, "url" | "headers">,
    { isOfFuture, onFailed }: { readonly isOfFuture: boolean; readonly onFailed: () => void },
  ) {
    this.isOfFuture = isOfFuture;
    this.#onFailed = onFailed;
    this.#store = new StoreSession({
      ...options,
      isPatient: true,
      onProgress: (header) => this.#heardProgress(header),
      onUnreached: (error) => this.#unreached(error),
      onFailed: (error) => this.#failed(error),
    });
  }

  get downSince(): number | null {
    return this.#store.downSince;
  }

  hasRoomFor(spec: WatchSpec): boolean {
    return hasRoom({ watches: this.#sitters.size, specBytes: this.#specBytes }, specSize(spec));
  }

  isDeserted(now: number): boolean {
    return this.#emptySince !== null && now - this.#emptySince >= EMPTY_MS_MAX;
  }

  sit(spec: WatchSpec, sitter: Sitter): Seat {
    const size = specSize(spec);
    const seated: Sitter = {
      hear: (delivery, header) => sitter.hear(delivery, header),
      unreached: (error) => sitter.unreached(error),
      failed: (error) => sitter.failed(error),
    };
    this.#sitters.add(seated);
    this.#specBytes += size;
    this.#emptySince = null;
    const cancel = this.#store.watch(spec, (delivery, header) => {
      if (delivery.kind === "canceled" && this.#sitters.delete(seated)) {
        this.#specBytes -= size;
        if (this.#sitters.size === 0) this.#emptySince = Date.now();
      }
      seated.hear(delivery, header);
    });
    return { session: this, cancel };
  }

  askProgress(heard: ProgressHeard): () => void {
    this.#next.add(heard);
    if (this.#asked.size === 0) this.#ask();
    return () => {
      this.#next.delete(heard);
      this.#asked.delete(heard);
    };
  }

  close(): void {
    if (this.#again !== null) clearTimeout(this.#again);
    this.#store.close();
  }

  #ask(): void {
    for (const heard of this.#next) this.#asked.add(heard);
    this.#next.clear();
    if (this.#again !== null) clearTimeout(this.#again);
    this.#again = null;
    if (this.#asked.size === 0) return;
    this.#store.requestProgress();
    this.#again = setTimeout(() => this.#ask(), ASK_AGAIN_MS);
  }

  #heardProgress(header: Header): void {
    const asked = this.#asked;
    this.#asked = new Set();
    for (const heard of asked) heard(header);
    this.#ask();
  }

  #unreached(error: UpstreamError): void {
    for (const sitter of this.#sitters) sitter.unreached(error);
  }

  #failed(error: UpstreamError): void {
    this.close();
    this.#onFailed();
    for (const sitter of this.#sitters) sitter.failed(error);
  }
}

export interface WatchSeatsOptions extends Pick<StoreSessionOptions, "url" | "headers"> {
  /** Whether the bridge may have one session more; it is counted then. */
  readonly mayOpen: () => boolean;
  readonly onClosed: () => void;
}

export class WatchSeats implements Seats {
  readonly #options: WatchSeatsOptions;
  readonly #sessions = new Set<WatchSession>();
  /** The latest that was heard of. */
  #revision = 0;

  constructor(options: WatchSeatsOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#sessions.size === 0;
  }

  seat(spec: WatchSpec, sitter: Sitter): Seat | null {
    const isOfFuture = this.#revision > 0 && spec.startRevision > this.#revision + 1;
    const session = this.#roomFor(spec, isOfFuture) ?? this.#open(isOfFuture);
    if (session === null) return null;
    return session.sit(spec, {
      hear: (delivery, header) => {
        this.heardRevision(delivery.revision);
        sitter.hear(delivery, header);
      },
      unreached: (error) => sitter.unreached(error),
      failed: (error) => sitter.failed(error),
    });
  }

  /** The store has had this revision. */
  heardRevision(revision: number): void {
    if (revision > this.#revision) this.#revision = revision;
  }

  closeDeserted(now: number): void {
    for (const session of this.#sessions) {
      if (!session.isDeserted(now)) continue;
      session.close();
      this.#forget(session);
    }
  }

  close(): void {
    for (const session of this.#sessions) session.close();
    this.#sessions.clear();
  }

  #roomFor(spec: WatchSpec, isOfFuture: boolean): WatchSession | null {
    for (const session of this.#sessions) {
      if (session.isOfFuture === isOfFuture && session.hasRoomFor(spec)) return session;
    }
    return null;
  }

  #open(isOfFuture: boolean): WatchSession | null {
    if (!this.#options.mayOpen()) return null;
    const onFailed = (): void => this.#forget(session);
    const session: WatchSession = new WatchSession(this.#options, { isOfFuture, onFailed });
    this.#sessions.add(session);
    return session;
  }

  #forget(session: WatchSession): void {
    if (this.#sessions.delete(session)) this.#options.onClosed();
  }
}
