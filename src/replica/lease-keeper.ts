// Owns what a leader does about leases over time: keepalives that wait, how long they may, extensions
// gathered into one entry, and expiries. Followers keep the table only.

import type { AppliedBatch } from "../apply/applier.ts";
import type { Command } from "../apply/command.ts";
import type { LeaseKeepAliveAnswer, LeaseTimeToLiveAnswer } from "../base/lease.ts";
import { present } from "../base/assert.ts";
import { LEASE_EXTENSION_BATCH_MAX, MUTATION_KEYS_MAX } from "../base/limits.ts";
import type { ClusterTime, LeaseId } from "../base/types.ts";
import type { LeaseTable } from "../lease/lease-table.ts";
import { Lessor, type Expiry } from "../lease/lessor.ts";

/**
 * The longest that extensions are gathered, in milliseconds: well below the time after which the
 * router takes a silent replica for lost.
 */
const GATHER_MS_MAX = 250;

/**
 * A keepalive that leaves less than this share of the TTL under the horizon will hardly be followed by one
 * that fits: clients come back after a third, and not to the moment.
 */
const SLACK_SHARE_MIN = 3 / 8;

/**
 * So an extension is gathered ahead, for this share of the TTL: each entry writes the pages of all whom it
 * extends, and these can wait for many.
 */
const AHEAD_SHARE = 1 / 4;

/** A keepalive waits for others so long at most, in milliseconds, */
const PATIENCE_MS_MAX = 200;

/** and no longer than this share of the time since the last one, or of what the lease has left. */
const PATIENCE_SHARE = 1 / 50;

export class LeaseKeeper {
  readonly #table: LeaseTable;
  readonly #lessor: Lessor;
  readonly #keysOf: (id: LeaseId) => number;
  readonly #mayExpire: () => boolean;
  readonly #waiting = new Map<LeaseId, number[]>();
  readonly #gathered = new Set<LeaseId>();
  #extendAt: number | null = null;
  #isLeading = false;

  /** `keysOf` counts the keys that a lease holds; while leases may not expire they go on. */
  constructor(
    table: LeaseTable,
    keysOf: (id: LeaseId) => number,
    mayExpire: () => boolean = () => true,
  ) {
    this.#table = table;
    this.#mayExpire = mayExpire;
    this.#keysOf = keysOf;
    this.#lessor = new Lessor(table);
  }

  /**
   * Takes note of whether this replica serves as leader, and has applied all that it knows to be
   * committed. Returns the waiting calls that it cannot answer any more.
   */
  follow(isServing: boolean): number[] {
    if (isServing === this.#isLeading) return [];
    this.#isLeading = isServing;
    if (isServing) {
      this.#lessor.lead();
      return [];
    }
    this.#lessor.resign();
    this.#gathered.clear();
    this.#extendAt = null;
    const dropped = [...this.#waiting.values()].flat();
    this.#waiting.clear();
    return dropped;
  }

  /** Answers a keepalive, or has `call` wait until an entry settles the lease: null. */
  keepAlive(call: number, id: LeaseId, time: ClusterTime): LeaseKeepAliveAnswer | null {
    const verdict = this.#lessor.keepAlive(id, time);
    if (verdict.kind === "gone") return { id, ttlSeconds: 0 };
    if (verdict.kind === "alive") {
      this.#foresee(id, time);
      return { id, ttlSeconds: verdict.ttlSeconds };
    }
    this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), call]);
    if (verdict.kind === "extend") this.#gather(id, time);
    return null;
  }

  /**
   * How long a keepalive may wait for others, in milliseconds. One that is asked every ten seconds has
   * time; one that is asked again at once has none.
   */
  patience(id: LeaseId, time: ClusterTime): number {
    const lease = this.#table.get(id);
    const remaining = this.#lessor.remaining(id, time);
    if (lease === null || remaining === null) return 0;
    const since = Math.max(0, lease.ttlSeconds * 1_000 - remaining);
    return Math.min(Math.floor(Math.min(since, remaining) * PATIENCE_SHARE), PATIENCE_MS_MAX);
  }

  timeToLive(id: LeaseId, time: ClusterTime): Omit<LeaseTimeToLiveAnswer, "keys"> {
    const lease = this.#table.get(id);
    const remaining = this.#lessor.remaining(id, time);
    if (lease === null || remaining === null) return { id, ttlSeconds: -1, grantedTtlSeconds: 0 };
    // After a change of leader the horizon counts, which lies up to three quarters of a TTL further.
    const ttlSeconds = Math.min(Math.floor(remaining / 1_000), lease.ttlSeconds);
    return { id, ttlSeconds, grantedTtlSeconds: lease.ttlSeconds };
  }

  leases(): LeaseId[] {
    return this.#lessor.byExpiry();
  }

  /** Takes note of what was applied; returns the calls whose keepalive is to be tried again. */
  applied(batch: AppliedBatch, time: ClusterTime): number[] {
    for (const lease of batch.granted) this.#lessor.granted(lease, time);
    return batch.settled.flatMap((id) => {
      this.#lessor.settled(id);
      const calls = this.#waiting.get(id) ?? [];
      this.#waiting.delete(id);
      return calls;
    });
  }

  /** The commands that are due, to be proposed. */
  due(time: ClusterTime): Command[] {
    if (!this.#isLeading) return [];
    const commands: Command[] = [];
    if (this.#extendAt !== null && time >= this.#extendAt) {
      const ids = [...this.#gathered].slice(0, LEASE_EXTENSION_BATCH_MAX);
      for (const id of ids) this.#gathered.delete(id);
      commands.push({ kind: "leaseExtend", ids });
      this.#extendAt = this.#gathered.size > 0 ? time : null;
    }
    // After the extensions: an expiry that is overtaken by one sees a horizon that has moved.
    const expired = this.#mayExpire() ? this.#lessor.expire(time) : [];
    const expiries = this.#fitting(expired, time);
    if (expiries.length > 0) commands.push({ kind: "leaseExpire", expiries });
    return commands;
  }

  /** As many as one turn can delete the keys of, and one at least; the others are due again. */
  #fitting(expiries: readonly Expiry[], time: ClusterTime): Expiry[] {
    let keys = 0;
    return expiries.filter(({ id }, index) => {
      keys += this.#keysOf(id);
      const fits = index === 0 || keys <= MUTATION_KEYS_MAX;
      if (!fits) this.#lessor.postpone(id, time);
      return fits;
    });
  }

  /** When `due` has something, in cluster time; null when nothing is to come. */
  nextDue(): number | null {
    if (!this.#isLeading) return null;
    const expiry = this.#mayExpire() ? this.#lessor.nextExpiry() : null;
    const next = Math.min(this.#extendAt ?? Infinity, expiry ?? Infinity);
    return next === Infinity ? null : next;
  }

  /** Gathers an extension ahead of the keepalive that will need it, if that is likely the next. */
  #foresee(id: LeaseId, time: ClusterTime): void {
    const { horizon, ttlSeconds } = present(this.#table.get(id), "a lease that lives is there");
    const ttlMs = ttlSeconds * 1_000;
    if (horizon - time - ttlMs >= ttlMs * SLACK_SHARE_MIN) return;
    this.#gathered.add(id);
    this.#extendAt = Math.min(this.#extendAt ?? Infinity, time + ttlMs * AHEAD_SHARE);
  }

  /**
   * Extensions are gathered for a tenth of the TTL, or 250 ms, from the first one on; but never
   * past the end of a lease: its keepalive came in time.
   */
  #gather(id: LeaseId, time: ClusterTime): void {
    const lease = this.#table.get(id);
    const remaining = this.#lessor.remaining(id, time);
    if (lease === null || remaining === null) return;
    this.#gathered.add(id);
    const at = time + Math.min(lease.ttlSeconds * 100, GATHER_MS_MAX, remaining);
    this.#extendAt = Math.min(this.#extendAt ?? Infinity, at);
  }
}
