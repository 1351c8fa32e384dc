// Owns a client's question how far all watches of its stream have come. They may sit on several sessions:
// the least of what these report is what they all have had.

import type { Header } from "../api/replica.ts";
import { progressOfAll } from "../api/watch-answers.ts";
import type { WatchResponse } from "../api/watch-json.ts";
import type { Seat, SeatSession } from "./watch-seats.ts";

/** A watch of the stream; without a seat it is behind. */
interface Asked {
  readonly seat: Seat | null;
  readonly isLive: boolean;
}

export class ProgressQuestion {
  readonly #say: (response: WatchResponse) => void;
  /** What forgets the question, by session that has not answered; null when none is asked. */
  #awaited: Map<SeatSession, () => void> | null = null;
  #least: Header | null = null;
  /** Those that the question on the way is about. */
  #asked = new Set<Asked>();
  /** The question came again before it was answered. */
  #again: (() => Iterable<Asked>) | null = null;

  constructor(say: (response: WatchResponse) => void) {
    this.#say = say;
  }

  /** Answered once all have reported; not at all, as in etcd, while a watch is behind. */
  ask(watches: () => Iterable<Asked>): void {
    if (this.#awaited !== null) {
      this.#again = watches;
      return;
    }
    const asked = new Set(watches());
    const sessions = new Set<SeatSession>();
    for (const { seat, isLive } of asked) {
      if (seat === null || !isLive) return;
      sessions.add(seat.session);
    }
    if (sessions.size === 0) return;
    this.#least = null;
    this.#asked = asked;
    const awaited = new Map<SeatSession, () => void>();
    this.#awaited = awaited;
    for (const session of sessions) {
      awaited.set(
        session,
        session.askProgress((header) => this.#heard(session, header, watches)),
      );
    }
  }

  /** A watch has fallen behind, or the stream is over: what was asked is not answered. */
  forget(): void {
    for (const forget of this.#awaited?.values() ?? []) forget();
    this.#awaited = null;
    this.#again = null;
    this.#asked.clear();
  }

  #heard(session: SeatSession, header: Header, watches: () => Iterable<Asked>): void {
    if (this.#awaited?.delete(session) !== true) return;
    if (this.#least === null || header.revision < this.#least.revision) this.#least = header;
    if (this.#awaited.size > 0) return;
    this.#awaited = null;
    // To the client it is of one, too, that was created meanwhile and may be behind.
    const isOfAll = [...watches()].every((watch) => this.#asked.has(watch));
    if (isOfAll) this.#say(progressOfAll(this.#least));
    const again = isOfAll ? this.#again : watches;
    this.#again = null;
    if (again !== null) this.ask(again);
  }
}
