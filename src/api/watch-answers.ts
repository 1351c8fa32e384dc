// Owns what etcd's watch stream says of one watch: deliveries in, responses out. Which watches a stream
// has, and where responses go, is its owner's affair.

import { BODY_BYTES_MAX } from "../base/limits.ts";
import { asRevision } from "../base/types.ts";
import type { WatchDelivery, WatchEvent } from "../base/watch.ts";
import type { Header } from "./replica.ts";
import type { WatchResponse } from "./watch-json.ts";

type EventsDelivery = Extract<WatchDelivery, { kind: "events" }>;
type CanceledDelivery = Extract<WatchDelivery, { kind: "canceled" }>;

/** What is put together for one response; the memory of whoever does it must hold it twice. */
const GATHERED_BYTES_MAX = 33_554_432;

/** Beyond this, a client that takes fragments gets them, as in etcd: `--max-request-bytes`, and room. */
const FRAGMENT_BYTES = BODY_BYTES_MAX;

export const DUPLICATE_ID = "mvcc: duplicate watch ID provided on the WatchStream";
export const STREAM_FULL = "edgekeeper: a stream holds no more watches; open another one";
const TOO_LARGE = "edgekeeper: a revision is too large for one response; set fragment";

/** The watch id of answers that belong to no watch: refusals, and progress of all. */
const NO_WATCH = -1n;

/** What follows from a delivery. */
export interface WatchSaid {
  readonly responses: readonly WatchResponse[];
  /** The watch is over, for its client too. */
  readonly isOver: boolean;
}

export class WatchAnswers {
  readonly id: bigint;
  readonly #fragment: boolean;
  #isCreated = false;
  /** Parts of a revision, for a client that wants it whole. */
  #gathered: WatchEvent[] = [];
  #gatheredBytes = 0;

  constructor({ id, fragment }: { readonly id: bigint; readonly fragment: boolean }) {
    this.id = id;
    this.#fragment = fragment;
  }

  get isCreated(): boolean {
    return this.#isCreated;
  }

  /** Bytes that wait for the rest of their revision. */
  get gatheredBytes(): number {
    return this.#gatheredBytes;
  }

  hear(delivery: WatchDelivery, header: Header): WatchSaid {
    switch (delivery.kind) {
      case "created":
        this.#isCreated = true;
        return said({ header, watchId: this.id, created: true });
      case "events":
        return this.#events(delivery, header);
      case "progress":
        return said({ header, watchId: this.id });
      case "canceled":
        return { ...this.#canceled(delivery, header), isOver: true };
      default:
        return delivery satisfies never;
    }
  }

  #events({ events, partial }: EventsDelivery, header: Header): WatchSaid {
    const responses: WatchResponse[] = [];
    const size = eventsSize(events);
    const isFragment = this.#fragment && this.#gatheredBytes + size > FRAGMENT_BYTES;
    if (isFragment && this.#gathered.length > 0) {
      responses.push({ header, watchId: this.id, fragment: true, events: this.#take() });
    }
    if (!partial) {
      const whole = this.#gathered.length === 0 ? events : [...this.#take(), ...events];
      responses.push({ header, watchId: this.id, events: whole });
      return { responses, isOver: false };
    }
    this.#gathered.push(...events);
    this.#gatheredBytes += size;
    const isOver = this.#gatheredBytes > GATHERED_BYTES_MAX;
    // A watch whose revision is beyond all bounds ends.
    if (isOver) {
      responses.push({ header, watchId: this.id, canceled: true, cancelReason: TOO_LARGE });
    }
    return { responses, isOver };
  }

  #canceled({ cause }: CanceledDelivery, header: Header): WatchSaid {
    const ending = { header, watchId: this.id, canceled: true };
    switch (cause.kind) {
      case "asked":
        return said(ending);
      case "compacted": {
        // etcd leaves the revision out here, and gives no reason.
        const { compactRevision } = cause;
        const unrevised = { ...header, revision: asRevision(0) };
        return said({ ...ending, header: unrevised, compactRevision });
      }
      case "refused": {
        const { reason } = cause;
        return said(
          this.#isCreated ? { ...ending, cancelReason: reason } : refusedWatch(header, reason),
        );
      }
      default:
        return cause satisfies never;
    }
  }

  /** What was gathered, which is forgotten. */
  #take(): readonly WatchEvent[] {
    const gathered = this.#gathered;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    return gathered;
  }
}

const said = (response: WatchResponse): WatchSaid => ({ responses: [response], isOver: false });

/** A watch that is not to be: created and canceled in one, under no id. */
export const refusedWatch = (header: Header, cancelReason: string): WatchResponse => ({
  header,
  watchId: NO_WATCH,
  created: true,
  canceled: true,
  cancelReason,
});

/** All watches of a stream have had everything up to the header's revision. */
export const progressOfAll = (header: Header): WatchResponse => ({ header, watchId: NO_WATCH });

/** Bytes of events, without what frames them. */
export const eventsSize = (events: readonly WatchEvent[]): number =>
  events.reduce(
    (total, { kv, prevKv }) =>
      total + kv.key.length + kv.value.length + (prevKv?.value.length ?? 0),
    0,
  );

/**
 * The ids of a stream's watches, counted from 0; those that the client has chosen are passed over. One
 * that was given to a watch that is then refused is given again: creations are answered in order.
 */
export class WatchIds {
  #next = 0n;

  /** The id that the next watch gets; `isTaken` tells of those that the stream has. */
  free(isTaken: (id: bigint) => boolean): bigint {
    while (isTaken(this.#next)) this.#next++;
    return this.#next;
  }

  /** A watch of that id was created. */
  created(id: bigint): void {
    if (id === this.#next) this.#next++;
  }
}
