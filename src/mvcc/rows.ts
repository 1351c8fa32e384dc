// Owns how versions of keys stand in rows: the columns that the tables `now` and `old` share, lease
// ids as bytes, and WHERE clauses for intervals.

import { isOneKey, successor, type Interval } from "../base/interval.ts";
import type { KeyValue } from "../base/kv.ts";
import { asLeaseId, asRevision, NO_LEASE, type Bytes, type LeaseId } from "../base/types.ts";

/** A version as both tables have it, but for `until`. */
export type VersionRow = {
  readonly key: Bytes;
  readonly create_revision: number;
  readonly mod_revision: number;
  readonly version: number;
  readonly lease: Bytes | null;
  readonly value: Bytes;
};

/** The same, with the trail to those before it in the history. */
export type TrailedRow = VersionRow & { readonly trail: Bytes | null };

/** The columns of a VersionRow that are neither key nor value. */
export const NUMBER_COLUMNS = "create_revision, mod_revision, version, lease";

/** The columns of a VersionRow without the value, which stands last so that it can stay unread. */
export const BARE_COLUMNS = `key, ${NUMBER_COLUMNS}`;

export function toKeyValue(row: VersionRow): KeyValue {
  return {
    key: row.key,
    createRevision: asRevision(row.create_revision),
    modRevision: asRevision(row.mod_revision),
    version: row.version,
    value: row.value,
    lease: row.lease === null ? NO_LEASE : leaseOfBytes(row.lease),
  };
}

/** 8 bytes, big-endian; null for "no lease", which keeps the key out of the index of leases. */
export function leaseToBytes(lease: LeaseId): Bytes | null {
  if (lease === NO_LEASE) return null;
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, lease);
  return bytes;
}

const leaseOfBytes = (bytes: Bytes): LeaseId =>
  asLeaseId(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigInt64(0));

/** A condition on the column `key`, and its parameters in order. */
export interface Bounds {
  readonly condition: string;
  readonly parameters: readonly Bytes[];
}

/** The rows whose key lies in the interval. One key is found by itself, at half the cost of a range. */
export function boundsOf(interval: Interval): Bounds {
  if (isOneKey(interval)) return { condition: "key = ?", parameters: [interval.start] };
  if (interval.end === null) return { condition: "key >= ?", parameters: [interval.start] };
  return { condition: "key >= ? AND key < ?", parameters: [interval.start, interval.end] };
}

/** The one key, as an interval. */
export const pointInterval = (key: Bytes): Interval => ({ start: key, end: successor(key) });
