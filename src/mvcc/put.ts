// Owns a put: its checks against state, the version it makes, and the few rows that it writes.
// Source: etcd server/etcdserver/txn/put.go and server/storage/mvcc/kvstore_txn.go.

import { EMPTY } from "../base/bytes.ts";
import type { KeyValue, PutAnswer, PutRequest } from "../base/kv.ts";
import { MUTATION_KEYS_MAX } from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import type { Refusal } from "../base/refusal.ts";
import { NO_LEASE, type Bytes, type LeaseId, type Revision } from "../base/types.ts";
import type { LeasePort } from "./leases.ts";
import type { Mutation } from "./mutation.ts";
import { countKeysOfLease } from "./delete-range.ts";
import { boundsOf, leaseToBytes, pointInterval } from "./rows.ts";
import { latestVersions, liveBytes } from "./scan.ts";
import { copyToOld } from "./supersede.ts";

/** Why the put cannot happen in the present state, or null. Reads only. */
export const checkPut: CheckPut = (sql, request, leases) =>
  checkLease(sql, request, leases) ?? checkKept(sql, request);

/** The same of a put within a txn, of which etcd looks at the key first. */
export const checkPutOfTxn: CheckPut = (sql, request, leases) =>
  checkKept(sql, request) ?? checkLease(sql, request, leases);

type CheckPut = (sql: SqlPort, request: PutRequest, leases: LeasePort) => Refusal | null;

const checkLease: CheckPut = (sql, { key, lease }, leases) => {
  if (lease === NO_LEASE) return null;
  if (!leases.has(lease)) return "leaseNotFound";
  if (readVersion(sql, key, { value: false })?.lease === lease) return null;
  return isFull(sql, lease) ? "tooManyKeys" : null;
};

/** What is kept of the version before needs one. */
function checkKept(sql: SqlPort, request: PutRequest): Refusal | null {
  if (!request.ignoreValue && !request.ignoreLease) return null;
  return readVersion(sql, request.key, { value: false }) === null ? "keyNotFound" : null;
}

/** A lease ends in one mutation, so it may not hold more keys than one mutation may delete. */
const isFull = (sql: SqlPort, lease: LeaseId): boolean =>
  lease !== NO_LEASE && countKeysOfLease(sql, lease) >= MUTATION_KEYS_MAX;

/** The bytes of the version before that the put holds while it runs: answered, or kept. */
export const heldBytes = (sql: SqlPort, request: PutRequest): number =>
  request.prevKv || request.ignoreValue ? liveBytes(sql, pointInterval(request.key)) : 0;

/** Puts a key. The request has passed `checkPut`. */
export function applyPut(mutation: Mutation, request: PutRequest): PutAnswer {
  const { sql } = mutation;
  const value = request.prevKv || request.ignoreValue;
  const previous = readVersion(sql, request.key, { value });
  const kv = nextVersion(request, previous, mutation.revision);
  const made = { kv, sub: mutation.events.length };
  if (previous === null) insert(sql, made);
  else replace(sql, previous, made);
  mutation.record({ kind: "put", kv });
  return { prevKv: request.prevKv ? previous : null };
}

/**
 * The version after `previous`. What is to be kept of a previous version that an earlier operation
 * of the same txn deleted ("from key on", which `check.ts` lets pass) is empty.
 */
export function nextVersion(
  request: PutRequest,
  previous: KeyValue | null,
  revision: Revision,
): KeyValue {
  return {
    key: request.key,
    createRevision: previous?.createRevision ?? revision,
    modRevision: revision,
    version: (previous?.version ?? 0) + 1,
    value: request.ignoreValue ? (previous?.value ?? EMPTY) : request.value,
    lease: request.ignoreLease ? (previous?.lease ?? NO_LEASE) : request.lease,
  };
}

function readVersion(sql: SqlPort, key: Bytes, read: { readonly value: boolean }): KeyValue | null {
  const interval = pointInterval(key);
  const scan = { interval, descending: false, values: read.value, rowsMax: 1 };
  const [kv] = latestVersions(sql, scan);
  return kv ?? null;
}

/** A version, and which change of its revision made it: 0 unless a txn made several. */
interface Made {
  readonly kv: KeyValue;
  readonly sub: number;
}

/** One row, and one in the index of leases if there is a lease. */
function insert(sql: SqlPort, { kv, sub }: Made): void {
  sql.run(
    `INSERT INTO now (key, create_revision, mod_revision, version, lease, value, sub)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
    kv.key,
    kv.createRevision,
    kv.modRevision,
    kv.version,
    leaseToBytes(kv.lease),
    kv.value,
    sub,
  );
}

/**
 * Two rows: the superseded version and the live one. A statement that names the column of an index
 * writes the index even when the value stays, so the lease is named only when it changes.
 */
function replace(sql: SqlPort, previous: KeyValue, { kv, sub }: Made): void {
  copyToOld(sql, kv.modRevision, boundsOf(pointInterval(kv.key)));
  if (previous.lease === kv.lease) {
    sql.run(
      "UPDATE now SET mod_revision = ?, version = ?, value = ?, sub = ? WHERE key = ?",
      kv.modRevision,
      kv.version,
      kv.value,
      sub,
      kv.key,
    );
    return;
  }
  sql.run(
    "UPDATE now SET mod_revision = ?, version = ?, lease = ?, value = ?, sub = ? WHERE key = ?",
    kv.modRevision,
    kv.version,
    leaseToBytes(kv.lease),
    kv.value,
    sub,
    kv.key,
  );
}
