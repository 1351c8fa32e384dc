// Owns one session as the hub sees it: its watchers, and what is on the way and unacknowledged.

import { SESSION_CREDIT_BYTES, SESSION_UNACKNOWLEDGED_BYTES_MAX } from "../base/limits.ts";
import type { Revision } from "../base/types.ts";
import type { WatchDelivery } from "../base/watch.ts";
import type { Watcher } from "./watcher.ts";

/** A delivery with its place in the session's order. */
export interface SequencedDelivery {
  readonly sequence: number;
  readonly delivery: WatchDelivery;
}

interface InFlight {
  readonly sequence: number;
  readonly weight: number;
  /** Which watchers are served up to where once this is acknowledged. */
  readonly watcher: Watcher | null;
  readonly through: Revision;
}

/**
 * The delivery side of one session. A delivery costs its weight until it is acknowledged. While
 * there is no credit the hub hands it nothing, so that a receiver that stops reading costs the
 * replica its watchers' specifications and nothing else.
 */
export class Session {
  readonly watchers = new Map<number, Watcher>();
  /** Its receiver is to hear how far its watchers are, as soon as none is behind. */
  owesReport = false;
  readonly #inFlight: InFlight[] = [];
  #outbox: SequencedDelivery[] = [];
  #inFlightBytes = 0;
  readonly #onDelivery: () => void;
  #sequence: number;

  /**
   * `sequence` is the last one used before; the next delivery has the one after. `onDelivery` is
   * told that the outbox has something.
   */
  constructor(sequence: number, onDelivery: () => void) {
    this.#sequence = sequence;
    this.#onDelivery = onDelivery;
  }

  get sequence(): number {
    return this.#sequence;
  }

  get hasCredit(): boolean {
    return this.#inFlightBytes < SESSION_CREDIT_BYTES;
  }

  /** So much is unacknowledged that the receiver had better resume on a new connection. */
  get isOverdrawn(): boolean {
    return this.#inFlightBytes > SESSION_UNACKNOWLEDGED_BYTES_MAX;
  }

  /** Every watcher is served up to the present, and what was sent was acknowledged. */
  get isQuiet(): boolean {
    return this.#inFlight.length === 0 && [...this.watchers.values()].every(({ synced }) => synced);
  }

  /** Queues a delivery; once acknowledged, `watcher` is served through `through`. */
  deliver(options: {
    readonly delivery: WatchDelivery;
    readonly weight: number;
    readonly watcher: Watcher | null;
    readonly through: Revision;
  }): void {
    const sequence = ++this.#sequence;
    this.#outbox.push({ sequence, delivery: options.delivery });
    this.#inFlight.push({ ...options, sequence });
    this.#inFlightBytes += options.weight;
    if (options.watcher !== null) options.watcher.inFlight++;
    this.#onDelivery();
  }

  /** Takes note that everything up to and including `sequence` arrived. Repeats are harmless. */
  acknowledge(sequence: number): void {
    let arrived = 0;
    for (const item of this.#inFlight) {
      if (item.sequence > sequence) break;
      arrived++;
      this.#inFlightBytes -= item.weight;
      if (item.watcher === null) continue;
      item.watcher.inFlight--;
      if (item.through > item.watcher.acknowledged) item.watcher.acknowledged = item.through;
    }
    this.#inFlight.splice(0, arrived);
  }

  takeOutbox(): SequencedDelivery[] {
    const taken = this.#outbox;
    this.#outbox = [];
    return taken;
  }
}
