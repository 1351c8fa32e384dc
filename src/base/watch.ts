// Owns the words of watching: what a watcher wants, and what is delivered to it.

import type { KeyEvent, KeyValue } from "./kv.ts";
import type { Bytes, Revision } from "./types.ts";

export interface WatchSpec {
  /** Empty means the first key, as in etcd. */
  readonly key: Bytes;
  readonly rangeEnd: Bytes;
  /** The first revision wanted; 0: from the next one on. May lie in the future. */
  readonly startRevision: number;
  readonly prevKv: boolean;
  readonly progressNotify: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
}

export interface WatchEvent extends KeyEvent {
  /**
   * The version before, if asked for and neither absent nor compacted. None with a birth (version 1),
   * though the key may have died in the same revision: as etcd.
   */
  readonly prevKv: KeyValue | null;
}

/**
 * What a session hears about one of its watches, in order. A watch is `created` exactly once,
 * before anything else of it, and hears nothing after `canceled`.
 */
export type WatchDelivery =
  | { readonly kind: "created"; readonly watch: number; readonly revision: Revision }
  | {
      readonly kind: "events";
      readonly watch: number;
      /** The store's revision for the header; at least that of the last event. */
      readonly revision: Revision;
      readonly events: readonly WatchEvent[];
      /** Further events of the same last revision follow in the next delivery of this watch. */
      readonly partial: boolean;
    }
  /** All events up to and including `revision` were delivered. */
  | { readonly kind: "progress"; readonly watch: number; readonly revision: Revision }
  | {
      readonly kind: "canceled";
      readonly watch: number;
      readonly revision: Revision;
      readonly cause: WatchCancelCause;
    };

export type WatchCancelCause =
  | { readonly kind: "asked" }
  | { readonly kind: "compacted"; readonly compactRevision: Revision }
  | { readonly kind: "refused"; readonly reason: string };

/** The watch id of a progress report that covers all watches of a session. */
export const ALL_WATCHES = -1;
