// Owns gathering events of one watcher into deliveries of a bounded size.

import { DELIVERY_BYTES_MAX } from "../base/limits.ts";
import { asRevision, type Revision } from "../base/types.ts";
import type { WatchEvent } from "../base/watch.ts";
import type { Session } from "./session.ts";
import { weigh, type Watcher } from "./watcher.ts";

/** What one delivery without events weighs. */
export const CONTROL_WEIGHT = 32;

/** Events on their way to one watcher; delivered by `flush`, and again while there are more. */
export class Parcel {
  readonly #session: Session;
  readonly #watcher: Watcher;
  readonly #revision: Revision;
  #events: WatchEvent[] = [];
  #weight = CONTROL_WEIGHT;

  constructor(session: Session, watcher: Watcher, revision: Revision) {
    this.#session = session;
    this.#watcher = watcher;
    this.#revision = revision;
  }

  get isFull(): boolean {
    return this.#weight > DELIVERY_BYTES_MAX;
  }

  add(event: WatchEvent): void {
    this.#events.push(event);
    this.#weight += weigh(event);
  }

  /** Delivers what was gathered; after a whole one the watcher is served below its `next`. */
  flush(options: { readonly partial: boolean }): void {
    if (this.#events.length === 0) return;
    this.#watcher.hadEvents = true;
    const { partial } = options;
    this.#session.deliver({
      delivery: {
        kind: "events",
        watch: this.#watcher.id,
        revision: this.#revision,
        events: this.#events,
        partial,
      },
      weight: this.#weight,
      watcher: this.#watcher,
      through: partial ? asRevision(0) : asRevision(this.#watcher.next - 1),
    });
    this.#events = [];
    this.#weight = CONTROL_WEIGHT;
  }
}
