// Owns the search that all requests share while nobody can be asked: one of them at a time keeps
// the lookout and asks the replicas in turn; the others wait for its news. However many wait, the
// replicas hear of one.
//
// A round asks everyone, and pauses grow; after some rounds each pause is followed by one question,
// to whoever was asked longest ago: then a cluster without a leader is asked about four times a
// second by each isolate, however many replicas it has.

import { contactName, type Contact } from "./contact.ts";

/** Requests of one cluster that may wait in one isolate: each holds its body, in 128 MB for all. */
export const WAITING_MAX = 1_000;
const PAUSE_MS_MIN = 40;
const PAUSE_MS_MAX = 250;
/** So many rounds ask everyone: an election is over by then, if it can be won. */
const FULL_ROUNDS = 3;

/** A keeper takes a step in a second; one that asks genesis may take longer, and is then replaced. */
const KEEPER_GONE_MS = 2_000;
/** A search that ended so long ago says nothing of the next one. */
const FORGOTTEN_MS = 1_000;

export type LookoutStep =
  | { readonly kind: "ask"; readonly contact: Contact }
  /** A round is over, or nobody can be asked now. */
  | { readonly kind: "rest"; readonly ms: number };

/**
 * The platform drops a request whose client has gone, between any two of its steps and without a
 * word. So nothing here waits for ever for a request to give back what it holds.
 */
export class Lookout {
  #keeper: object | null = null;
  /** When the keeper last took a step. */
  #keptAt = 0;
  /** Who waits, and until when at most; the oldest first. */
  readonly #waiting = new Map<object, number>();
  /** When a request last stopped waiting. */
  #leftAt = Number.NEGATIVE_INFINITY;
  #rounds = 0;
  #resumesAt = 0;
  readonly #askedInRound = new Set<string>();
  /** Names in the order in which they were last asked. */
  readonly #lastAsked = new Set<string>();

  isFull(now: number): boolean {
    for (const [who, until] of this.#waiting) {
      if (now < until) break;
      this.#waiting.delete(who);
    }
    return this.#waiting.size >= WAITING_MAX;
  }

  /** The request `who` waits, until it calls `leave`, or until then at most. */
  enter(who: object, { now, until }: { readonly now: number; readonly until: number }): void {
    // Whoever comes when nobody has waited for a while asks everyone, without long pauses.
    if (this.#waiting.size === 0 && now - this.#leftAt > FORGOTTEN_MS) this.restart();
    this.#waiting.set(who, until);
  }

  leave(who: object, now: number): void {
    this.#waiting.delete(who);
    this.#leftAt = now;
  }

  /** Whether `who` keeps the lookout: because it did, because nobody does, or nobody any more. */
  take(who: object, now: number): boolean {
    if (this.#keeper === who) return true;
    if (this.#keeper !== null && now - this.#keptAt < KEEPER_GONE_MS) return false;
    this.#keeper = who;
    this.#keptAt = now;
    return true;
  }

  release(who: object): void {
    if (this.#keeper === who) this.#keeper = null;
  }

  /** Something has changed: everyone is worth asking again. */
  restart(): void {
    this.#rounds = 0;
    this.#askedInRound.clear();
  }

  /** The next step, given who can be asked now, the best first; `fraction` in [0, 1) is jitter. */
  next(candidates: readonly Contact[], now: number, fraction: number): LookoutStep {
    this.#keptAt = now;
    if (now < this.#resumesAt) return { kind: "rest", ms: this.#resumesAt - now };
    const contact = this.#choose(candidates);
    if (contact === null) return this.#pause(now, fraction);
    this.asked(contact);
    return { kind: "ask", contact };
  }

  /** `contact` was asked as the believed leader: it need not be asked again in this round. */
  asked(contact: Contact): void {
    const name = contactName(contact);
    this.#askedInRound.add(name);
    this.#lastAsked.delete(name);
    this.#lastAsked.add(name);
  }

  #choose(candidates: readonly Contact[]): Contact | null {
    const unasked = candidates.filter((contact) => !this.#askedInRound.has(contactName(contact)));
    if (this.#rounds < FULL_ROUNDS) return unasked[0] ?? null;
    if (this.#askedInRound.size > 0) return null;
    const order = [...this.#lastAsked];
    const askedAt = (contact: Contact): number => order.indexOf(contactName(contact));
    return unasked.toSorted((a, b) => askedAt(a) - askedAt(b))[0] ?? null;
  }

  /** Jittered, so that the isolates of a cluster do not come back as one. */
  #pause(now: number, fraction: number): LookoutStep {
    this.#askedInRound.clear();
    const ms = Math.min(PAUSE_MS_MIN * 2 ** this.#rounds, PAUSE_MS_MAX) * (0.5 + fraction);
    this.#rounds++;
    this.#resumesAt = now + ms;
    return { kind: "rest", ms };
  }
}
