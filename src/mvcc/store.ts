// Owns the store as a whole: revisions, and the order in which a batch of entries changes it. How a
// put, a range or a txn works stands in the files beside; this one says when a revision begins.
//
// The applier runs each batch inside one transaction:
//
//   sql.transaction(() => {
//     for each entry: store.put(...) | store.deleteRange(...) | store.txn(...) | ...
//     events = store.commit({ index, time, wall, requests });
//   });
//
// The store keeps its revision in memory beside the tables. When a transaction fails, the tables go
// back and the memory does not: the store must then be thrown away and made anew.

import { assert } from "../base/assert.ts";
import { intervalOf } from "../base/interval.ts";
import type {
  DeleteRangeAnswer,
  DeleteRangeRequest,
  PutAnswer,
  PutRequest,
  RangeAnswer,
  RangeRequest,
  RevisionEvents,
  TxnAnswer,
  TxnOp,
  TxnRequest,
} from "../base/kv.ts";
import { isReadOnlyTxn } from "../base/kv.ts";
import { ANSWER_BYTES_MAX } from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import type { Refusal } from "../base/refusal.ts";
import { accept, refuse, type Result } from "../base/result.ts";
import {
  asClusterTime,
  asLogIndex,
  asMilliseconds,
  asRevision,
  nextRevision,
} from "../base/types.ts";
import type {
  Bytes,
  ClusterTime,
  LeaseId,
  LogIndex,
  Milliseconds,
  Revision,
} from "../base/types.ts";
import { checkDeleteRangeForm, checkPutForm, checkRangeForm, checkTxnForm } from "./check.ts";
import { Compaction } from "./compaction.ts";
import { CountMemory } from "./counts.ts";
import {
  applyDeleteKeysOfLease,
  applyDeleteRange,
  checkDeletions,
  deletionAnswerBytes,
} from "./delete-range.ts";
import { packBatch, type AppliedRequest } from "./history-row.ts";
import { History, type Place } from "./history.ts";
import { IntervalSet } from "./interval-set.ts";
import { LeaseKeys } from "./lease-keys.ts";
import type { LeasePort } from "./leases.ts";
import { Mutation } from "./mutation.ts";
import { PutRun, type Put } from "./put-run.ts";
import { applyPut, checkPut } from "./put.ts";
import { readRange } from "./range.ts";
import { ReplacedVersions } from "./replaced.ts";
import { Segments } from "./segments.ts";
import { moveToOld } from "./supersede.ts";
import { checkPlan, planTxn, runPlan, type TxnPlan } from "./txn.ts";

/** What ends an applied batch. */
export interface AppliedBatch {
  /** The index of the batch's last entry; above that of the batch before. */
  readonly index: LogIndex;
  /** The cluster time of its last entry; never below that of the batch before. */
  readonly time: ClusterTime;
  /** This replica's own clock when it was applied: not replicated. */
  readonly wall: Milliseconds;
  readonly requests: readonly AppliedRequest[];
}

/** A moment of the store that stays readable until it is released. */
export interface Pin {
  /** The last entry applied, and its cluster time. */
  readonly index: LogIndex;
  readonly time: ClusterTime;
  readonly revision: Revision;
  readonly compacted: Revision;
}

export class Store {
  readonly #tables: SqlPort;
  readonly #run: PutRun;
  readonly #segments: Segments;
  readonly #compaction: Compaction;
  readonly #counts = new CountMemory();
  readonly #leaseKeys: LeaseKeys;
  readonly #replaced: ReplacedVersions;
  /** Whether all replicas know of replaced versions in the history. */
  readonly mayReplace: () => boolean;
  readonly #history: History;
  #revision: Revision;
  #appliedIndex: LogIndex;
  #clusterTime: ClusterTime;
  #wall: Milliseconds;
  #requestPlaces: Place[] = [];
  /** The revisions of the batch under way. */
  #changes: RevisionEvents[] = [];

  /**
   * Reads where the store stands. The tables of the migration exist, and `meta` has its row.
   * `mayReplace` is asked at each write.
   */
  constructor(sql: SqlPort, mayReplace: () => boolean = () => true) {
    this.#tables = sql;
    this.mayReplace = mayReplace;
    this.#segments = new Segments(sql);
    this.#replaced = new ReplacedVersions(this.#segments);
    this.#compaction = new Compaction(sql, this.#segments);
    this.#run = new PutRun(sql, this.#replaced, this);
    this.#history = new History(sql, { segments: this.#segments, replaced: this.#replaced }, this);
    this.#leaseKeys = new LeaseKeys(sql);
    const last = this.#segments.lastHead();
    this.#revision = asRevision(last?.revision ?? 1);
    this.#appliedIndex = asLogIndex(last?.applied ?? 0);
    this.#clusterTime = asClusterTime(last?.time ?? 0);
    this.#wall = asMilliseconds(last?.wall ?? 0);
  }

  /** The tables, with all puts so far. */
  get #sql(): SqlPort {
    this.#run.flush();
    return this.#tables;
  }

  /**
   * Whether what plain puts replace goes to the history, and not to `old`. Not under a pin: whoever
   * walks through all versions meets those that are superseded meanwhile behind those that live.
   */
  get replaces(): boolean {
    return !this.#compaction.isHeld && this.mayReplace();
  }

  /** The latest revision, with the batch under way. */
  get revision(): Revision {
    return this.#revision;
  }

  /** The lowest revision that can be read; -1 when never compacted. */
  get compacted(): Revision {
    return this.#compaction.compacted;
  }

  /** The index of the last entry applied. */
  get appliedIndex(): LogIndex {
    return this.#appliedIndex;
  }

  /** The cluster time of the last entry applied. */
  get clusterTime(): ClusterTime {
    return this.#clusterTime;
  }

  /** This replica's own clock when the last entry was applied: not replicated. */
  get wall(): Milliseconds {
    return this.#wall;
  }

  /** The same for the oldest entry that the history holds, 0 where it came by snapshot; or null. */
  get oldestWall(): Milliseconds | null {
    const wall = this.#segments.firstHead()?.wall ?? null;
    return wall === null ? null : asMilliseconds(wall);
  }

  get history(): History {
    return this.#history;
  }

  /** Where the requests of the last batch stand in the history, in their order. */
  get requestPlaces(): readonly Place[] {
    return this.#requestPlaces;
  }

  /** Whether all that was compacted has been deleted. */
  get isSwept(): boolean {
    return this.#compaction.isSwept;
  }

  /** Whether `sweep` has work that it may do: none under a pin. */
  get sweepPending(): boolean {
    return this.#compaction.sweepPending;
  }

  /** When `dropLeftover` has something to do, in cluster time; null when there is nothing. */
  get leftoverDue(): number | null {
    return this.#compaction.leftoverDue;
  }

  /** Drops history that a sweep had to leave for the sake of requests that could be repeated. */
  dropLeftover(time: ClusterTime): void {
    this.#sql.transaction(() => this.#compaction.dropLeftover(time));
  }

  range(request: RangeRequest): Result<RangeAnswer, Refusal> {
    const refusal = checkRangeForm(request);
    if (refusal !== null) return refuse(refusal);
    const { revision, compacted } = this;
    const view = { sql: this.#sql, replaced: this.#replaced, revision, compacted };
    return readRange({ ...view, counts: this.#counts, bytesMax: ANSWER_BYTES_MAX }, request);
  }

  /** A txn that holds ranges only; see `isReadOnlyTxn`. */
  readTxn(request: TxnRequest): Result<TxnAnswer, Refusal> {
    assert(isReadOnlyTxn(request), "a txn that writes goes through the log");
    const malformed = checkTxnForm(request);
    if (malformed !== null) return refuse(malformed);
    // Nothing in the plan writes, so it has no use for leases.
    const planned = this.#plan(request, { has: () => false });
    if (!planned.ok) return planned;
    const nothing = this.#begin();
    return accept(runPlan(nothing, this.compacted, planned.value));
  }

  /** The keys attached to the lease, or (null) to any, in key order. */
  keysOfLease(lease: LeaseId | null): Bytes[] {
    return this.#leaseKeys.keysOf(lease);
  }

  /** How many keys the lease holds. */
  countKeysOfLease(lease: LeaseId): number {
    return this.#leaseKeys.countOf(lease);
  }

  /** Says which writes are about to be made: what they need, read together, costs less. */
  expect(writes: readonly TxnOp[]): void {
    this.#run.expect(writes);
  }

  put(request: PutRequest, leases: LeasePort): Result<PutAnswer, Refusal> {
    const malformed = checkPutForm(request);
    if (malformed !== null) return refuse(malformed);
    const plain = this.#run.put(request, nextRevision(this.#revision));
    if (plain !== null) return accept(this.#madeBy(plain));
    const state = { sql: this.#sql, leases, leaseKeys: this.#leaseKeys };
    const refusal = checkPut(state, request);
    if (refusal !== null) return refuse(refusal);
    return accept(this.#mutate((mutation) => applyPut(mutation, request)));
  }

  /** Refused when it would delete more than MUTATION_KEYS_MAX keys. */
  deleteRange(request: DeleteRangeRequest): Result<DeleteRangeAnswer, Refusal> {
    const intervals = new IntervalSet();
    intervals.add(intervalOf(request.key, request.rangeEnd));
    const refusal = checkDeleteRangeForm(request) ?? checkDeletions(this.#sql, intervals);
    if (refusal !== null) return refuse(refusal);
    if (deletionAnswerBytes(this.#sql, request) > ANSWER_BYTES_MAX) return refuse("answerTooLarge");
    return accept(this.#mutate((mutation) => applyDeleteRange(mutation, request)));
  }

  /** Refused when it would delete more than MUTATION_KEYS_MAX keys in all. */
  txn(request: TxnRequest, leases: LeasePort): Result<TxnAnswer, Refusal> {
    const malformed = checkTxnForm(request);
    if (malformed !== null) return refuse(malformed);
    const swap = this.#run.swap(request, nextRevision(this.#revision));
    if (swap === "not held") return accept({ succeeded: false, responses: [] });
    if (swap !== null) {
      const answer = this.#madeBy(swap);
      const response = { kind: "put", revision: this.#revision, answer } as const;
      return accept({ succeeded: true, responses: [response] });
    }
    const planned = this.#plan(request, leases);
    if (!planned.ok) return planned;
    const plan = planned.value;
    return accept(this.#mutate((mutation) => runPlan(mutation, this.compacted, plan)));
  }

  /** Deletes the keys of a lease that ends, in one revision; returns how many there were. */
  deleteKeysOfLease(lease: LeaseId): number {
    return this.#mutate((mutation) => applyDeleteKeysOfLease(mutation, lease));
  }

  /** Makes the revisions before `revision` unreadable; `sweep` frees them. */
  compact(revision: number): Result<null, Refusal> {
    return this.#compaction.compact(revision, this.#revision);
  }

  /**
   * Ends a batch: stores its history, which is the applied index too, in one row (more only if the
   * batch is too large for one). Returns the batch's events, revision by revision.
   */
  commit(batch: AppliedBatch): RevisionEvents[] {
    assert(batch.index > this.#appliedIndex, "each entry is applied once, in order");
    assert(batch.time >= this.#clusterTime, "cluster time never falls");
    this.#run.flush();
    const changes = this.#changes;
    const events = changes.flatMap((change) => change.events);
    const begin = asRevision(this.#revision - changes.length);
    const replaced = this.#replaced.take();
    const parts = packBatch({ begin, requests: batch.requests, events, replaced });
    const { index: applied, time, wall } = batch;
    const segment = this.#segments.append(
      parts.map((row, part) => ({ ...row, applied, part, time, wall })),
    );
    this.#requestPlaces = parts.flatMap(({ revision, requestCount }, part) =>
      Array.from({ length: requestCount }, () => ({ segment, revision, applied, part })),
    );
    this.#changes = [];
    this.#appliedIndex = applied;
    this.#clusterTime = time;
    this.#wall = wall;
    return changes;
  }

  /**
   * Pins the present moment, between two batches: until it is released, compaction is logical only.
   * Several pins may stand at once. Not durable.
   */
  pin(): Pin {
    assert(this.#changes.length === 0, "a pin stands between two batches");
    const { revision, compacted } = this;
    const pin = { index: this.#appliedIndex, time: this.#clusterTime, revision, compacted };
    this.#compaction.hold(pin);
    return pin;
  }

  /** Ends a pin. Ask `sweepPending` then: what was compacted meanwhile is swept now. */
  release(pin: Pin): void {
    this.#compaction.release(pin);
  }

  /** Whether the pin stands still: it is neither released nor lost (see `moveReplacedToOld`). */
  holds(pin: Pin): boolean {
    return this.#compaction.holds(pin);
  }

  /** The history as a pin holds it: from the revision on that was compacted then. */
  historyOf(pin: Pin): History {
    const latest = (): Revision => this.#revision;
    const bounds = {
      compacted: pin.compacted,
      get revision() {
        return latest();
      },
    };
    const parts = { segments: this.#segments, replaced: this.#replaced };
    return new History(this.#sql, parts, bounds);
  }

  /**
   * Moves the versions that stand in the history to `old`, where code of versions before 5 looks for
   * them. Trails that led to them stay: where a row of `old` decides, none is followed. All pins are
   * lost: whoever walks through all versions would meet some twice or never.
   */
  moveReplacedToOld(): void {
    this.#compaction.releaseAll();
    moveToOld(this.#sql, this, this.#replaced);
  }

  /**
   * One slice of physical compaction, at most `rowsMax` rows or one dropped segment, in a
   * transaction of its own. Returns whether more remains.
   */
  sweep(rowsMax: number): boolean {
    return this.#sql.transaction(() => this.#compaction.sweep(rowsMax, this.#clusterTime));
  }

  /** The request has passed `checkTxnForm`. */
  #plan(request: TxnRequest, leases: LeasePort): Result<TxnPlan, Refusal> {
    const plan = planTxn(this.#sql, request);
    const { revision, compacted } = this;
    const [sql, leaseKeys, replaced] = [this.#sql, this.#leaseKeys, this.#replaced];
    const state = { sql, replaced, leases, leaseKeys, revision, compacted };
    const refusal = checkPlan(state, plan);
    return refusal === null ? accept(plan) : refuse(refusal);
  }

  /** Runs one mutation; it makes a revision if and only if it changed a key. */
  #mutate<T>(body: (mutation: Mutation) => T): T {
    const mutation = this.#begin();
    const answer = body(mutation);
    const { revision, events } = mutation;
    if (events.length > 0) this.#changed({ revision, events });
    return answer;
  }

  #begin(): Mutation {
    const [sql, leaseKeys, replaced] = [this.#sql, this.#leaseKeys, this.#replaced];
    return new Mutation({ sql, leaseKeys, replaced }, this.#revision);
  }

  #madeBy({ kv, answer }: Put): PutAnswer {
    this.#changed({ revision: kv.modRevision, events: [{ kind: "put", kv }] });
    return answer;
  }

  #changed(change: RevisionEvents): void {
    this.#revision = change.revision;
    this.#changes.push(change);
  }
}
