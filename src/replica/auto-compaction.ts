// Owns when a leader compacts by itself, and up to where. Both follow from the history and from what
// was compacted last, by whomever: nothing is remembered, so whoever comes to lead, or wakes, goes on
// where the last one was, and never compacts too early.
//
//   periodic   what was overwritten more than the retention ago; each time an interval's worth, which
//              is the retention or an hour, whichever is shorter
//   revision   all but the latest revisions, five minutes after there is anything to compact
//
// Nothing is due while nothing was written since: an idle cluster sleeps on. Source: etcd
// server/etcdserver/api/v3compactor/periodic.go and revision.go.

import type { ClusterLimits } from "../base/cluster-limits.ts";
import { AUTO_COMPACTION_MS_MAX, REVISION_COMPACTION_MS } from "../base/limits.ts";
import { asClusterTime, asRevision, type ClusterTime, type Revision } from "../base/types.ts";
import type { Store } from "../mvcc/store.ts";

type Policy = NonNullable<ClusterLimits["autoCompaction"]>;

/** No revision below this has events; a fresh store is at 1. */
const FIRST_REVISION = 1;

export class AutoCompaction {
  readonly #store: Store;
  readonly #limits: () => ClusterLimits;
  /** What `#dueAfter` found, for as long as nothing changes that it depends on. */
  #known: {
    readonly from: number;
    readonly policy: Policy;
    readonly due: ClusterTime;
  } | null = null;
  /** Proposed, and not applied yet. */
  #target: Revision | null = null;

  constructor(store: Store, limits: () => ClusterLimits) {
    this.#store = store;
    this.#limits = limits;
  }

  /** What was proposed may be lost. */
  stop(): void {
    this.#target = null;
  }

  /** When there is something to compact; null while there is not, or it is under way. */
  get due(): ClusterTime | null {
    const { autoCompaction: policy } = this.#limits();
    if (this.#target !== null && this.#target <= this.#store.compacted) this.#target = null;
    if (policy === null || policy.retention === 0 || this.#target !== null) return null;
    const kept = policy.mode === "revision" ? policy.retention : 0;
    const from = Math.max(this.#store.compacted, FIRST_REVISION) + kept + 1;
    if (from > this.#store.revision) return null;
    if (this.#known?.from !== from || this.#known.policy !== policy) {
      this.#known = { from, policy, due: this.#dueAfter(asRevision(from), policy) };
    }
    return this.#known.due;
  }

  /** The revision to compact to at `time`, which is proposed now; null when none is due. */
  take(time: ClusterTime): Revision | null {
    const { due } = this;
    const { autoCompaction: policy } = this.#limits();
    if (due === null || due > time || policy === null) return null;
    this.#target =
      policy.mode === "revision"
        ? asRevision(this.#store.revision - policy.retention)
        : this.#store.history.revisionAt(asClusterTime(time - policy.retention));
    return this.#target;
  }

  /** What is due once revision `from` is there, by the time at which that came. */
  #dueAfter(from: Revision, { mode, retention }: Policy): ClusterTime {
    const since = this.#store.history.timeOf(from);
    if (mode === "revision") return asClusterTime(since + REVISION_COMPACTION_MS);
    return asClusterTime(since + retention + Math.min(retention, AUTO_COMPACTION_MS_MAX));
  }
}
