// Owns what one batch of entries gathers while it is applied, and what becomes of each.

import type { Membership } from "../base/membership.ts";
import type { Bytes, ClusterTime, LeaseId, LogIndex, Revision } from "../base/types.ts";
import type { Lease } from "../lease/lease-table.ts";
import type { AppliedRequest } from "../mvcc/history-row.ts";
import type { AppliedEntry } from "./applier.ts";
import type { Outcome } from "./outcome.ts";

/** What an entry has come to; no outcome is of what nobody asked for. */
export interface Done {
  readonly outcome: Outcome | null;
  readonly revision: Revision;
}

export interface FirstAnswer extends Done {
  readonly outcome: Outcome;
  readonly time: ClusterTime;
}

/** What one batch gathers while its entries are applied. */
export class Batch {
  readonly entries: AppliedEntry[] = [];
  readonly requests: AppliedRequest[] = [];
  readonly granted: Lease[] = [];
  readonly settled: LeaseId[] = [];
  /** Encoded answers of this batch by request id: a repeat may follow its original at once. */
  readonly outcomes = new Map<string, Omit<FirstAnswer, "outcome"> & { readonly answer: Bytes }>();
  compacted = false;
  membership: Membership | null = null;
  /** Bytes of answers kept for repeats. */
  keptBytes = 0;
  readonly isAwaited: (index: LogIndex) => boolean;

  constructor(isAwaited: (index: LogIndex) => boolean) {
    this.isAwaited = isAwaited;
  }
}
