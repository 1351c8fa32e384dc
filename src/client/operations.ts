// Owns the words of reading and writing as callers know them, and what they are in the words of the
// session: options to requests, answers to results.

import type {
  DeleteRangeAnswer,
  DeleteRangeRequest,
  PutAnswer,
  PutRequest,
  RangeAnswer,
  RangeRequest,
  SortTarget,
} from "../base/kv.ts";
import { asLeaseId, asRevision, NO_LEASE, type LeaseId } from "../base/types.ts";
import { KeyValue } from "./key-value.ts";
import { bytesOf, type BytesLike, type KeySpace, type Selection } from "./keys.ts";
import type { AskOptions } from "./session.ts";

/** Of every call. */
export interface CallOptions {
  /** How long to wait; 7 s unless said, 30 s at most. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait, with its reason. What was asked for may happen all the same. */
  readonly signal?: AbortSignal | undefined;
  /** W3C's trace id: 32 hexadecimal digits. */
  readonly trace?: string | undefined;
}

/** Of every call that changes something. */
export interface WriteOptions extends CallOptions {
  /** The same key and the same write, by whomever and again: it happens once. */
  readonly idempotencyKey?: string | undefined;
}

/** Of every call that reads. Without any of these the answer is the latest there is. */
export interface ReadOptions extends CallOptions {
  /** As of that revision; absent: the latest. */
  readonly revision?: number | undefined;
  /** What the replica has, without asking a quorum. */
  readonly serializable?: boolean | undefined;
  /** At least as new as this revision. */
  readonly minRevision?: number | undefined;
  /** At most so old. */
  readonly maxStalenessMs?: number | undefined;
}

/** A lease, or its id. */
export type LeaseLike = bigint | { readonly id: bigint };

export interface PutFields {
  /** The key ends with it. */
  readonly lease?: LeaseLike | null | undefined;
  /** Whether to tell what was there before. */
  readonly previous?: boolean | undefined;
  /** Keeps the value that is there, and changes the lease only. The value given must be empty. */
  readonly keepValue?: boolean | undefined;
  /** Keeps the lease that is there. */
  readonly keepLease?: boolean | undefined;
}

export interface RangeFields {
  /** At most so many; absent: all. */
  readonly limit?: number | undefined;
  readonly order?: "ascend" | "descend" | undefined;
  /** By key unless said. */
  readonly sortBy?: "key" | "version" | "createRevision" | "modRevision" | "value" | undefined;
  /** As of that revision; absent: the latest. */
  readonly revision?: number | undefined;
  /** Without values. */
  readonly keysOnly?: boolean | undefined;
  /** Only how many there are. */
  readonly countOnly?: boolean | undefined;
  /** Only those of revisions within these, both included. */
  readonly minModRevision?: number | undefined;
  readonly maxModRevision?: number | undefined;
  readonly minCreateRevision?: number | undefined;
  readonly maxCreateRevision?: number | undefined;
}

export interface DeleteFields {
  /** Whether to tell what was deleted. */
  readonly previous?: boolean | undefined;
}

export interface PutOptions extends WriteOptions, PutFields {}
export interface RangeOptions extends ReadOptions, RangeFields {}
export interface DeleteOptions extends WriteOptions, DeleteFields {}

export interface PutResult {
  /** Of the store after it, which is the key's `modRevision` now. */
  readonly revision: number;
  /** What was there, if that was asked for. */
  readonly previous: KeyValue | null;
}

export interface RangeResult {
  /** Of the store when it was read. */
  readonly revision: number;
  readonly kvs: readonly KeyValue[];
  /** How many keys there are, whatever the limit. */
  readonly count: number;
  /** The limit has cut some off. */
  readonly more: boolean;
}

export interface DeleteResult {
  readonly revision: number;
  readonly deleted: number;
  /** What was deleted, if that was asked for. */
  readonly previous: readonly KeyValue[];
}

export function rangeRequest(
  keys: KeySpace,
  selection: Selection,
  fields: RangeFields = {},
): RangeRequest {
  const { order, sortBy, keysOnly = false, countOnly = false } = fields;
  return {
    ...keys.range(selection),
    limit: fields.limit ?? 0,
    revision: fields.revision ?? 0,
    // As etcdctl: who says by what to sort wants it sorted.
    sortOrder: order ?? (sortBy === undefined ? "none" : "ascend"),
    // etcd says "create" and "mod".
    sortTarget: (sortBy ?? "key").replace("Revision", "") as SortTarget,
    keysOnly,
    countOnly,
    minModRevision: fields.minModRevision ?? 0,
    maxModRevision: fields.maxModRevision ?? 0,
    minCreateRevision: fields.minCreateRevision ?? 0,
    maxCreateRevision: fields.maxCreateRevision ?? 0,
  };
}

export function putRequest(
  keys: KeySpace,
  { key, value }: { readonly key: BytesLike; readonly value: BytesLike },
  fields: PutFields = {},
): PutRequest {
  const { lease, previous = false, keepValue = false, keepLease = false } = fields;
  return {
    key: keys.key(key),
    value: bytesOf(value),
    lease: lease === undefined || lease === null ? NO_LEASE : leaseIdOf(lease),
    prevKv: previous,
    ignoreValue: keepValue,
    ignoreLease: keepLease,
  };
}

export const deleteRequest = (
  keys: KeySpace,
  selection: Selection,
  { previous = false }: DeleteFields = {},
): DeleteRangeRequest => ({ ...keys.range(selection), prevKv: previous });

/** @throws TypeError for what is no bigint. */
export const leaseIdOf = (lease: LeaseLike): LeaseId =>
  asLeaseId(BigInt.asIntN(64, typeof lease === "object" ? lease.id : lease));

export const rangeResult = (
  keys: KeySpace,
  { kvs, count, more }: RangeAnswer,
  revision: number,
): RangeResult => ({ revision, kvs: kvs.map((kv) => new KeyValue(kv, keys)), count, more });

export const putResult = (keys: KeySpace, { prevKv }: PutAnswer, revision: number): PutResult => ({
  revision,
  previous: prevKv === null ? null : new KeyValue(prevKv, keys),
});

export const deleteResult = (
  keys: KeySpace,
  { deleted, prevKvs }: DeleteRangeAnswer,
  revision: number,
): DeleteResult => ({
  revision,
  deleted,
  previous: prevKvs.map((kv) => new KeyValue(kv, keys)),
});

/** What of the options concerns the asking. */
export function askOptionsOf(options: ReadOptions & WriteOptions): AskOptions {
  const { timeoutMs, signal, trace, idempotencyKey, minRevision, maxStalenessMs } = options;
  const isFreshnessSaid = (minRevision ?? maxStalenessMs) !== undefined;
  const freshness = {
    minRevision: minRevision === undefined ? null : asRevision(Math.max(0, minRevision)),
    maxStalenessMs: maxStalenessMs === undefined ? null : Math.max(0, Math.ceil(maxStalenessMs)),
  };
  return {
    timeoutMs,
    signal,
    trace,
    idempotencyKey,
    freshness: isFreshnessSaid ? freshness : undefined,
  };
}
