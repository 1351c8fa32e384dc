// Owns the watches of a session as its receiver keeps them across connections: what begins each anew,
// and what of a delivery its owner has had. Whoever holds the connection sends and passes on.

import { ALL_WATCHES, type WatchDelivery, type WatchSpec } from "../base/watch.ts";
import type { ReceiverFrame } from "./session.ts";
import { WatchProgress } from "./watch-progress.ts";

type WatchFrame = Extract<ReceiverFrame, { kind: "watch" }>;

interface OpenWatch {
  readonly progress: WatchProgress;
  /** On the connection at hand the replica has it. */
  isBegun: boolean;
  /** The owner wants it canceled; the answer is still to come. */
  canceling: boolean;
}

export class SessionWatches {
  readonly #watches = new Map<number, OpenWatch>();

  /** Adds a watch; the frame begins it. */
  add(watch: number, spec: WatchSpec): WatchFrame {
    const progress = new WatchProgress(spec);
    this.#watches.set(watch, { progress, isBegun: false, canceling: false });
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
    for (const [watch, open] of this.#watches) {
      open.isBegun = false;
      const { progress, canceling } = open;
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
    if (delivery.watch === ALL_WATCHES) return this.#takeReport(delivery);
    const open = this.#watches.get(delivery.watch);
    if (open === undefined) return null;
    const { progress } = open;
    switch (delivery.kind) {
      case "created":
        open.isBegun = true;
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

  /**
   * "All" are those that the replica has. One that is still to be begun again may have missed events
   * before that revision, so to the owner it would not be true.
   */
  #takeReport(report: WatchDelivery): WatchDelivery | null {
    let isOfAll = true;
    for (const { progress, isBegun } of this.#watches.values()) {
      if (isBegun) progress.progressed(report.revision);
      else if (progress.isCreated) isOfAll = false;
    }
    return isOfAll ? report : null;
  }
}
