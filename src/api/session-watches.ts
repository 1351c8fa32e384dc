// Owns the watches of a session as its receiver keeps them across connections: what begins each anew,
// and what of a delivery its owner has had. Whoever holds the connection sends and passes on.

import { ALL_WATCHES, type WatchDelivery, type WatchSpec } from "../base/watch.ts";
import type { ReceiverFrame } from "./session.ts";
import { WatchProgress } from "./watch-progress.ts";

type WatchFrame = Extract<ReceiverFrame, { kind: "watch" }>;

interface OpenWatch {
  readonly progress: WatchProgress;
  /** The owner wants it canceled; the answer is still to come. */
  canceling: boolean;
}

export class SessionWatches {
  readonly #watches = new Map<number, OpenWatch>();

  /** Adds a watch; the frame begins it. */
  add(watch: number, spec: WatchSpec): WatchFrame {
    this.#watches.set(watch, { progress: new WatchProgress(spec), canceling: false });
    return { kind: "watch", watch, spec };
  }

  /** The frame that ends a watch; null when there is none. */
  cancel(watch: number): ReceiverFrame | null {
    const open = this.#watches.get(watch);
    if (open === undefined) return null;
    open.canceling = true;
    return { kind: "cancel", watch };
  }

  /**
   * What begins the watches on another connection: new ones, and known ones after what was passed on.
   * Those in `ended` were to end, and have nothing to go on with.
   */
  resume(): { readonly frames: readonly ReceiverFrame[]; readonly ended: readonly number[] } {
    const frames: ReceiverFrame[] = [];
    const ended: number[] = [];
    for (const [watch, { progress, canceling }] of this.#watches) {
      const { resumeSpec: spec, isCreated } = progress;
      if (canceling && isCreated) {
        ended.push(watch);
        continue;
      }
      frames.push({ kind: "watch", watch, spec, ...(isCreated ? { isResumed: true } : {}) });
      if (canceling) frames.push({ kind: "cancel", watch });
    }
    return { frames, ended };
  }

  /** What of a delivery the owner has not had yet; null: all of it. */
  take(delivery: WatchDelivery): WatchDelivery | null {
    if (delivery.watch === ALL_WATCHES) {
      for (const { progress } of this.#watches.values()) progress.progressed(delivery.revision);
      return delivery;
    }
    const progress = this.#watches.get(delivery.watch)?.progress;
    if (progress === undefined) return null;
    switch (delivery.kind) {
      case "created":
        return progress.created(delivery.revision) ? delivery : null;
      case "events": {
        const events = progress.take(delivery);
        return events === null ? null : { ...delivery, events };
      }
      case "progress":
        progress.progressed(delivery.revision);
        return delivery;
      case "canceled":
        this.#watches.delete(delivery.watch);
        return delivery;
      default:
        return delivery satisfies never;
    }
  }
}
