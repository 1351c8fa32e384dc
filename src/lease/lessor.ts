// Owns what only the serving leader knows of leases: until when each was last promised to live,
// which are being expired, and which ask for an extension. All of it is lost with the leadership.

import { present } from "../base/assert.ts";
import { DeadlineQueue } from "../base/deadline-queue.ts";
import { LEASE_EXPIRY_BATCH_MAX } from "../base/limits.ts";
import { asClusterTime, type ClusterTime, type LeaseId } from "../base/types.ts";
import type { Lease, LeaseTable } from "./lease-table.ts";

/** A revocation by expiry: it names the horizon it saw, and does nothing if that has moved. */
export interface Expiry {
  readonly id: LeaseId;
  readonly horizon: ClusterTime;
}

/** How a keepalive is answered now, or what has to be applied before it can be. */
export type KeepAliveVerdict =
  | { readonly kind: "gone" }
  /** Promised for one TTL from now: the horizon, which any next leader knows, covers it. */
  | { readonly kind: "alive"; readonly ttlSeconds: number }
  /** An extension must commit first. */
  | { readonly kind: "extend" }
  /** Its expiry is under way: the outcome decides. */
  | { readonly kind: "expiring" };

/**
 * The leader's lessor. A lease has a deadline, at most its horizon: the moment up to which a client
 * was told that it lives. A keepalive that fits under the horizon moves the deadline in memory only;
 * one that does not needs an extension of the horizon through the log. A new leader knows no
 * deadlines and takes the horizons: never early, and late by what was left
 * under the horizon: half a TTL, and a quarter if it was extended ahead.
 */
export class Lessor {
  readonly #table: LeaseTable;
  readonly #deadlines = new DeadlineQueue<LeaseId>();
  readonly #expiring = new Set<LeaseId>();
  #leading = false;

  constructor(table: LeaseTable) {
    this.#table = table;
  }

  /** Begins to lead: every lease lives up to its horizon. */
  lead(): void {
    this.resign();
    this.#leading = true;
    for (const lease of this.#table.all()) this.#deadlines.set(lease.id, lease.horizon);
  }

  /** Ends leading: promises nothing more, expires nothing more. */
  resign(): void {
    this.#leading = false;
    this.#expiring.clear();
    this.#deadlines.clear();
  }

  /** A grant was applied: the lease lives for one TTL from `now`. */
  granted(lease: Lease, now: ClusterTime): void {
    if (this.#leading) this.#promise(lease, now);
  }

  /** An entry that may have moved or removed the lease was applied. */
  settled(id: LeaseId): void {
    this.#expiring.delete(id);
    const lease = this.#table.get(id);
    if (lease === null) this.#deadlines.delete(id);
    else if (this.#leading && this.#deadlines.get(id) === null) {
      this.#deadlines.set(id, lease.horizon);
    }
  }

  keepAlive(id: LeaseId, now: ClusterTime): KeepAliveVerdict {
    const lease = this.#table.get(id);
    if (lease === null) return { kind: "gone" };
    if (this.#expiring.has(id)) return { kind: "expiring" };
    if (now + lease.ttlSeconds * 1_000 > lease.horizon) return { kind: "extend" };
    this.#promise(lease, now);
    return { kind: "alive", ttlSeconds: lease.ttlSeconds };
  }

  /** Milliseconds of cluster time that the lease still has; null when there is none. */
  remaining(id: LeaseId, now: ClusterTime): number | null {
    const lease = this.#table.get(id);
    if (lease === null) return null;
    return Math.max((this.#deadlines.get(id) ?? lease.horizon) - now, 0);
  }

  /** All leases, the soonest to expire first. */
  byExpiry(): LeaseId[] {
    const deadline = (lease: Lease): number => this.#deadlines.get(lease.id) ?? lease.horizon;
    const leases = this.#table.all();
    return leases.toSorted((a, b) => deadline(a) - deadline(b)).map((lease) => lease.id);
  }

  /** When to ask `expire` again; null when no lease is running. */
  nextExpiry(): ClusterTime | null {
    const at = this.#deadlines.next();
    return at === null ? null : asClusterTime(at);
  }

  /** The leases whose deadline has come, to be proposed for expiry; at most a batch of them. */
  expire(now: ClusterTime): Expiry[] {
    return this.#deadlines.due(now, LEASE_EXPIRY_BATCH_MAX).map((id) => {
      this.#expiring.add(id);
      const lease = present(this.#table.get(id), "a lease with a deadline exists");
      return { id, horizon: lease.horizon };
    });
  }

  /** Takes back an expiry that was not proposed: it is due again at once. */
  postpone(id: LeaseId, now: ClusterTime): void {
    this.#expiring.delete(id);
    this.#deadlines.set(id, now);
  }

  #promise(lease: Lease, now: ClusterTime): void {
    this.#deadlines.set(lease.id, Math.min(now + lease.ttlSeconds * 1_000, lease.horizon));
  }
}
