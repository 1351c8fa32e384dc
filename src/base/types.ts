// Owns the branded scalars of the project: what would be confused if all were plain numbers.
// A brand stops assignment across kinds; it does not stop `<` or `+`, so steps have functions.

import { assert } from "./assert.ts";

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** A Raft term (Raft §5.1). 0 before the first election. */
export type Term = Brand<number, "Term">;
/** The position of an entry in the Raft log. The first entry has index 1; 0 is "before it". */
export type LogIndex = Brand<number, "LogIndex">;
/** An MVCC revision. A fresh store is at 1; -1 as compacted revision means "never compacted". */
export type Revision = Brand<number, "Revision">;
/** A counter that a replica raises durably each time it starts, before its first message. */
export type Incarnation = Brand<number, "Incarnation">;
/** Milliseconds of one machine's clock. Comparable on that machine only. */
export type Milliseconds = Brand<number, "Milliseconds">;
/** Milliseconds of cluster time: stamped by leaders into entries, equal on all replicas. */
export type ClusterTime = Brand<number, "ClusterTime">;
/** A replica as the etcd API shows it: the first 8 bytes of SHA-256 of its name. */
export type MemberId = Brand<bigint, "MemberId">;
/** The id of a Raft group, chosen once by Genesis. */
export type ClusterId = Brand<bigint, "ClusterId">;
/** A lease's 64-bit id, signed as in etcd; 0 means "no lease". */
export type LeaseId = Brand<bigint, "LeaseId">;

/** Bytes that own a plain ArrayBuffer, so that they may cross every platform door. */
export type Bytes = Uint8Array<ArrayBuffer>;

function safe(value: number, what: string): number {
  assert(Number.isSafeInteger(value), `${what} ${value} is a safe integer`);
  return value;
}

export const asTerm = (value: number): Term => safe(value, "term") as Term;
export const asLogIndex = (value: number): LogIndex => safe(value, "log index") as LogIndex;
export const asRevision = (value: number): Revision => safe(value, "revision") as Revision;
export const asIncarnation = (value: number): Incarnation =>
  safe(value, "incarnation") as Incarnation;
export const asMilliseconds = (value: number): Milliseconds => value as Milliseconds;
export const asClusterTime = (value: number): ClusterTime =>
  safe(value, "cluster time") as ClusterTime;
export const asMemberId = (value: bigint): MemberId => value as MemberId;
export const asClusterId = (value: bigint): ClusterId => value as ClusterId;
export const asLeaseId = (value: bigint): LeaseId => value as LeaseId;

/** The index or term `steps` after `value` (default 1). */
export const nextIndex = (value: LogIndex, steps = 1): LogIndex => asLogIndex(value + steps);
export const nextTerm = (value: Term): Term => asTerm(value + 1);
export const nextRevision = (value: Revision): Revision => asRevision(value + 1);
/** The moment `duration` milliseconds after `value`. */
export const later = (value: Milliseconds, duration: number): Milliseconds =>
  asMilliseconds(value + duration);

/** "No lease": a key put with it is attached to none. */
export const NO_LEASE: LeaseId = asLeaseId(0n);
