// Owns the replicated part of leases: which exist, their TTL and horizon, stored many to a row.
// Equal on all replicas at the same applied index. Who expires when is the leader's `lessor.ts`.

import { assert, present } from "../base/assert.ts";
import { seal, unseal } from "../base/checksum.ts";
import { Reader, Writer } from "../base/codec.ts";
import { LEASE_TTL_SECONDS_MAX, LEASE_TTL_SECONDS_MIN, LEASES_PER_PAGE } from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import type { Refusal } from "../base/refusal.ts";
import { accept, refuse, type Result } from "../base/result.ts";
import {
  asClusterTime,
  asLeaseId,
  type Bytes,
  type ClusterTime,
  type LeaseId,
} from "../base/types.ts";
import type { Unversioned } from "../base/unversioned.ts";

export interface Lease {
  readonly id: LeaseId;
  readonly ttlSeconds: number;
  /** The lease may not be revoked by expiry before this, whoever leads. */
  readonly horizon: ClusterTime;
}

type PageRow = { readonly page: number; readonly body: Bytes };

/** How far a grant or extension at `time` sets the horizon: one and a half TTL. */
const horizonAt = (time: ClusterTime, ttlSeconds: number): ClusterTime =>
  asClusterTime(time + ttlSeconds * 1_500);

/**
 * The leases of a replica. A page is one row of up to LEASES_PER_PAGE leases; a change marks its
 * page, and `flush` writes each marked page once, so that many changes in a batch share a row.
 */
export class LeaseTable {
  readonly #sql: SqlPort;
  readonly #leases = new Map<LeaseId, { lease: Lease; page: number }>();
  readonly #pages = new Map<number, Set<LeaseId>>();
  readonly #marked = new Set<number>();
  #openPage = 0;

  constructor(sql: SqlPort) {
    this.#sql = sql;
    const rows = sql.all<PageRow>("SELECT page, body FROM lease_page");
    for (const { page, body } of rows) {
      for (const lease of decodePage(body)) this.#place(lease, page);
    }
  }

  get size(): number {
    return this.#leases.size;
  }

  has(id: LeaseId): boolean {
    return this.#leases.has(id);
  }

  get(id: LeaseId): Lease | null {
    return this.#leases.get(id)?.lease ?? null;
  }

  all(): Lease[] {
    return [...this.#leases.values()].map(({ lease }) => lease);
  }

  /**
   * Creates a lease at `time`. A TTL below the minimum is raised to it, as in etcd; the answer has
   * the TTL that was granted. Refused: "leaseTtlTooLarge", "leaseExists".
   */
  grant(options: {
    readonly id: LeaseId;
    readonly ttlSeconds: number;
    readonly time: ClusterTime;
  }): Result<Lease, Refusal> {
    if (options.ttlSeconds > LEASE_TTL_SECONDS_MAX) return refuse("leaseTtlTooLarge");
    if (this.has(options.id)) return refuse("leaseExists");
    const ttlSeconds = Math.max(options.ttlSeconds, LEASE_TTL_SECONDS_MIN);
    const horizon = horizonAt(options.time, ttlSeconds);
    const lease = { id: options.id, ttlSeconds, horizon };
    this.#place(lease, this.#pageWithRoom());
    this.#mark(lease.id);
    return accept(lease);
  }

  /** Moves the horizons of those leases of `ids` that still exist to `time` + 1.5 TTL. */
  extend(ids: readonly LeaseId[], time: ClusterTime): void {
    for (const id of ids) {
      const held = this.#leases.get(id);
      if (held === undefined) continue;
      const horizon = horizonAt(time, held.lease.ttlSeconds);
      if (horizon <= held.lease.horizon) continue;
      held.lease = { ...held.lease, horizon };
      this.#mark(id);
    }
  }

  /** Forgets a lease; false when there is none. Its keys are the store's affair. */
  remove(id: LeaseId): boolean {
    const held = this.#leases.get(id);
    if (held === undefined) return false;
    this.#mark(id);
    this.#leases.delete(id);
    this.#pages.get(held.page)?.delete(id);
    return true;
  }

  /** Writes the pages that have changed: one row each. */
  flush(): void {
    for (const page of this.#marked) {
      const ids = this.#pages.get(page) ?? new Set();
      if (ids.size === 0) {
        this.#sql.run("DELETE FROM lease_page WHERE page = ?", page);
        this.#pages.delete(page);
      } else {
        const leases = [...ids].map((id) => this.#leases.get(id)!.lease);
        this.#sql.run(
          "INSERT INTO lease_page (page, body) VALUES (?, ?) ON CONFLICT (page) DO UPDATE SET body = excluded.body",
          page,
          encodePage(leases),
        );
      }
    }
    this.#marked.clear();
  }

  #place(lease: Lease, page: number): void {
    assert(!this.has(lease.id), "a lease stands in one page");
    this.#leases.set(lease.id, { lease, page });
    const ids = this.#pages.get(page) ?? new Set();
    this.#pages.set(page, ids.add(lease.id));
  }

  #mark(id: LeaseId): void {
    this.#marked.add(this.#leases.get(id)!.page);
  }

  #pageWithRoom(): number {
    while ((this.#pages.get(this.#openPage)?.size ?? 0) >= LEASES_PER_PAGE) this.#openPage++;
    return this.#openPage;
  }
}

/** The lease pages as a snapshot carries them: as they stand in rows. */
export const LEASE_PAGES: Unversioned = {
  name: "leases",

  copy(sql) {
    const pages = sql.all<PageRow>("SELECT page, body FROM lease_page ORDER BY page");
    const write = (writer: Writer, { page, body }: PageRow): Writer =>
      writer.uint(page).bytes(body);
    return new Writer().list(pages, write).finish();
  },

  restore(sql, body) {
    const reader = new Reader(present(body, "a snapshot has leases"));
    const pages = reader.list((item) => ({ page: item.uint(), body: item.bytes() }));
    reader.end();
    sql.run("DELETE FROM lease_page");
    for (const { page, body: leases } of pages) {
      sql.run("INSERT INTO lease_page (page, body) VALUES (?, ?)", page, leases);
    }
  },
};

function encodePage(leases: readonly Lease[]): Bytes {
  const write = (writer: Writer, lease: Lease): Writer =>
    writer.id(lease.id).uint(lease.ttlSeconds).uint(lease.horizon);
  return seal(new Writer().list(leases, write).finish());
}

/** @throws CodecError when the page is damaged: the replica does not start. */
function decodePage(body: Bytes): Lease[] {
  const reader = new Reader(unseal(body));
  const leases = reader.list((item) => ({
    id: asLeaseId(item.signedId()),
    ttlSeconds: item.uint(),
    horizon: asClusterTime(item.uint()),
  }));
  reader.end();
  return leases;
}
