// Owns a put: its checks against state, the version it makes, and the few rows that it writes.
// Source: etcd server/etcdserver/txn/put.go and server/storage/mvcc/kvstore_txn.go.

import { EMPTY } from "../base/bytes.ts";
import type { KeyValue, PutAnswer, PutRequest } from "../base/kv.ts";
import { MUTATION_KEYS_MAX } from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import type { Refusal } from "../base/refusal.ts";
import { NO_LEASE, type Bytes, type Revision } from "../base/types.ts";
import type { LeaseKeys } from "./lease-keys.ts";
import type { LeasePort } from "./leases.ts";
import type { Mutation } from "./mutation.ts";
import {
  boundsOf,
  leaseToBytes,
  NUMBER_COLUMNS,
  pointInterval,
  toKeyValue,
  type VersionRow,
} from "./rows.ts";
import { liveBytes } from "./scan.ts";
import { copyToOld } from "./supersede.ts";

/** What a put is checked against. */
interface PutState {
  readonly sql: SqlPort;
  readonly leases: LeasePort;
  readonly leaseKeys: LeaseKeys;
}

/** Why the put cannot happen in the present state, or null. Reads only. */
export const checkPut: CheckPut = (state, request) =>
  checkLease(state, request) ?? checkKept(state, request);

/** The same of a put within a txn, of which etcd looks at the key first. */
export const checkPutOfTxn: CheckPut = (state, request) =>
  checkKept(state, request) ?? checkLease(state, request);

type CheckPut = (state: PutState, request: PutRequest) => Refusal | null;

/** A lease ends in one mutation, so it may not hold more keys than one mutation may delete. */
const checkLease: CheckPut = ({ sql, leases, leaseKeys }, { key, lease }) => {
  if (lease === NO_LEASE) return null;
  if (!leases.has(lease)) return "leaseNotFound";
  if (leaseKeys.countOf(lease) < MUTATION_KEYS_MAX) return null;
  const isAttached = readVersion(sql, key, { value: false })?.lease === lease;
  return isAttached ? null : "tooManyKeys";
};

/** What is kept of the version before needs one. */
function checkKept({ sql }: PutState, request: PutRequest): Refusal | null {
  if (!request.ignoreValue && !request.ignoreLease) return null;
  return readVersion(sql, request.key, { value: false }) === null ? "keyNotFound" : null;
}

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
  mutation.leaseKeys.moved(previous?.lease ?? NO_LEASE, kv.lease);
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

const READ_ALL = `SELECT ${NUMBER_COLUMNS}, value FROM now WHERE key = ?`;
const READ_NUMBERS = `SELECT ${NUMBER_COLUMNS} FROM now WHERE key = ?`;

/** The live version of the key, with an empty value unless that is wanted; or null. */
function readVersion(sql: SqlPort, key: Bytes, read: { readonly value: boolean }): KeyValue | null {
  const [row] = sql.all<Omit<VersionRow, "key" | "value">>(
    read.value ? READ_ALL : READ_NUMBERS,
    key,
  );
  return row === undefined ? null : toKeyValue({ key, value: EMPTY, ...row });
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
      "UPDATE now SET mod_revision = ?, version = ?, value = ?, sub = ?, trail = NULL WHERE key = ?",
      kv.modRevision,
      kv.version,
      kv.value,
      sub,
      kv.key,
    );
    return;
  }
  sql.run(
    `UPDATE now SET mod_revision = ?, version = ?, lease = ?, value = ?, sub = ?, trail = NULL
     WHERE key = ?`,
    kv.modRevision,
    kv.version,
    leaseToBytes(kv.lease),
    kv.value,
    sub,
    kv.key,
  );
}
