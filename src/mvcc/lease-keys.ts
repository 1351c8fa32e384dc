// Owns which keys hang on which lease, and how many: counted once by the index of leases, and then kept
// by every change, for a lease may hold 25,000 keys, and every further put would count them.

import { LEASES_COUNTED_MAX } from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import { NO_LEASE, type Bytes, type LeaseId } from "../base/types.ts";
import { leaseToBytes } from "./rows.ts";

/**
 * Invariant: a count that is remembered is that of the rows of `now`. What was counted is no part of
 * the state: a store that is made anew counts anew.
 */
export class LeaseKeys {
  readonly #sql: SqlPort;
  /** The one counted first stands first. */
  readonly #counts = new Map<LeaseId, number>();

  constructor(sql: SqlPort) {
    this.#sql = sql;
  }

  /** How many keys are attached to the lease. */
  countOf(lease: LeaseId): number {
    if (lease === NO_LEASE) return 0;
    const known = this.#counts.get(lease);
    if (known !== undefined) return known;
    const [row] = this.#sql.all<{ count: number }>(
      "SELECT count(*) AS count FROM now WHERE lease = ?",
      leaseToBytes(lease),
    );
    const count = row?.count ?? 0;
    this.#remember(lease, count);
    return count;
  }

  /** The keys attached to the lease, or (null) to any, in key order. */
  keysOf(lease: LeaseId | null): Bytes[] {
    const rows =
      lease === null
        ? this.#sql.all<{ key: Bytes }>("SELECT key FROM now WHERE lease IS NOT NULL ORDER BY key")
        : this.#sql.all<{ key: Bytes }>(
            "SELECT key FROM now WHERE lease = ? ORDER BY key",
            leaseToBytes(lease),
          );
    return rows.map((row) => row.key);
  }

  /** A live key hangs on `to` that hung on `from`, or was or is no more: NO_LEASE. */
  moved(from: LeaseId, to: LeaseId): void {
    if (from === to) return;
    this.#add(from, -1);
    this.#add(to, 1);
  }

  /** No key hangs on the lease any more. */
  ended(lease: LeaseId): void {
    this.#counts.delete(lease);
  }

  #add(lease: LeaseId, keys: number): void {
    const known = this.#counts.get(lease);
    if (known !== undefined) this.#counts.set(lease, known + keys);
  }

  #remember(lease: LeaseId, count: number): void {
    for (const oldest of this.#counts.keys()) {
      if (this.#counts.size < LEASES_COUNTED_MAX) break;
      this.#counts.delete(oldest);
    }
    this.#counts.set(lease, count);
  }
}
