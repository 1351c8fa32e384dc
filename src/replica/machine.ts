// Owns the state machine of one replica: the applied state, the time it is measured by, and what a
// leader does about leases. Entries come in committed and in order; how they became so is Raft's.

import { AuthState } from "../auth/auth-state.ts";
import { Applier, type AppliedBatch } from "../apply/applier.ts";
import { ClusterState } from "../apply/cluster-state.ts";
import { REPLACED_SINCE, type Command } from "../apply/command.ts";
import { takesKey } from "../apply/keyed.ts";
import type { ClientAnswer, ReplicaCall } from "../api/replica.ts";
import { DATABASE_BYTES_MAX, LOG_ENTRIES_KEPT, LOG_ENTRIES_KEPT_FULL } from "../base/limits.ts";
import type { Membership } from "../base/membership.ts";
import type { DatabaseSize, SqlPort } from "../base/ports.ts";
import type { Refusal } from "../base/refusal.ts";
import type { Result } from "../base/result.ts";
import type { Bytes, ClusterId, ClusterTime, LogIndex, Milliseconds } from "../base/types.ts";
import { ClusterClock } from "../lease/cluster-clock.ts";
import { LeaseTable } from "../lease/lease-table.ts";
import { beginHashKv, type KvHashing } from "../mvcc/hash-kv.ts";
import { Store } from "../mvcc/store.ts";
import type { Entry } from "../raft/types.ts";
import { unversionedBytes } from "./applied-state.ts";
import { Downloads } from "./downloads.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { Admission } from "./admission.ts";
import { versionNeeded } from "./applied-state.ts";
import { answerRead } from "./requests.ts";

/** The share of the quota from which on the log is kept short. */
const SCARCE = 0.8;

export interface MachineOptions {
  readonly sql: SqlPort;
  readonly clusterId: ClusterId;
  /** The members while no entry has changed them. */
  readonly atBirth: Membership;
  readonly codeVersion: number;
  readonly now: Milliseconds;
}

export class Machine {
  readonly store: Store;
  readonly keeper: LeaseKeeper;
  readonly applier: Applier;
  readonly cluster: ClusterState;
  readonly auth: AuthState;
  readonly admission: Admission;
  readonly #sql: SqlPort;
  readonly downloads: Downloads;
  readonly #leases: LeaseTable;
  readonly #clock: ClusterClock;
  /** As of the last look; null when it may have changed since. */
  #bytesInUse: number | null = null;

  constructor({ sql, clusterId, atBirth, codeVersion, now }: MachineOptions) {
    this.#sql = sql;
    this.store = new Store(sql, () => this.cluster.version >= REPLACED_SINCE);
    this.#leases = new LeaseTable(sql);
    this.cluster = new ClusterState(sql, atBirth, codeVersion);
    this.keeper = new LeaseKeeper(
      this.#leases,
      (id) => this.store.countKeysOfLease(id),
      () => !this.cluster.alarms.has("corrupt"),
    );
    this.auth = new AuthState(sql);
    this.admission = new Admission(this.auth, this.store, clusterId);
    const { store, cluster, auth } = this;
    this.downloads = new Downloads(sql, store);
    this.applier = new Applier({
      sql,
      store,
      leases: this.#leases,
      cluster,
      auth,
      versionNeeded: () => versionNeeded(sql),
      codeVersion,
    });
    this.#clock = ClusterClock.resume({ stamp: this.applier.time, appliedAt: store.wall, now });
  }

  get hasLeases(): boolean {
    return this.leaseCount > 0;
  }

  get leaseCount(): number {
    return this.#leases.size;
  }

  get membership(): Membership {
    return this.cluster.membership;
  }

  /** The quota that holds: never more than what the platform leaves room for. */
  get quotaBytes(): number {
    const { quotaBytes } = this.cluster.limits.current;
    return quotaBytes === 0 ? DATABASE_BYTES_MAX : Math.min(quotaBytes, DATABASE_BYTES_MAX);
  }

  /** How many applied entries the log keeps for peers that lag: few before writes are refused. */
  get logEntriesKept(): number {
    const isScarce = this.bytesInUse > SCARCE * this.quotaBytes;
    return isScarce ? LOG_ENTRIES_KEPT_FULL : LOG_ENTRIES_KEPT;
  }

  size(): DatabaseSize {
    return this.#sql.size();
  }

  /** What quotas look at. It is a query: asked once for each batch of entries, not for each question. */
  get bytesInUse(): number {
    this.#bytesInUse ??= this.size().inUse;
    return this.#bytesInUse;
  }

  /** The database may have changed by something else than entries. */
  resized(): void {
    this.#bytesInUse = null;
  }

  /** Begins to hash the history up to `revision`; 0 means the latest. */
  beginHash(revision: number): Result<KvHashing, Refusal> {
    return beginHashKv(this.#sql, this.store, revision);
  }

  /** All replicated state besides keys and their history, in bytes that are equal on all replicas. */
  unversioned(): Bytes {
    return unversionedBytes(this.#sql, this.#leases);
  }

  /** Cluster time at the local moment `now`. */
  time(now: Milliseconds): ClusterTime {
    return this.#clock.read(now);
  }

  /** A rest has ended, in which no time was read. */
  rested(now: Milliseconds): void {
    this.#clock.rested(now);
  }

  /** Applies entries; a leader is ahead of its own stamps, a follower takes them over. */
  apply(
    entries: readonly Entry[],
    options: {
      readonly now: Milliseconds;
      readonly isLeader: boolean;
      readonly isAwaited: (index: LogIndex) => boolean;
    },
  ): AppliedBatch {
    const { now, isLeader, isAwaited } = options;
    const batch = this.applier.apply(entries, now, isAwaited);
    this.resized();
    if (isLeader) this.#clock.catchUp(this.applier.time, now);
    else this.#clock.follow(this.applier.time, now);
    return batch;
  }

  /** Whether the write was applied before: by its request id, or by the client's name for it. */
  recalls(
    { requestId, idempotencyKey: key, credentials }: ReplicaCall,
    command: Command,
    now: Milliseconds,
  ): boolean {
    const time = this.time(now);
    if (this.applier.recalls(requestId, time)) return true;
    if (key === undefined || !takesKey(command)) return false;
    const user = this.admission.requester(credentials, time)?.name ?? null;
    return this.applier.keyed.recalls({ user, key }, time);
  }

  /** The answer of a read; null when a keepalive has to wait for an entry. */
  answer(
    id: number,
    { request }: ReplicaCall,
    now: Milliseconds,
  ): Result<ClientAnswer, Refusal> | null {
    const time = this.time(now);
    if (request.kind !== "leaseKeepAlive") {
      const { store, keeper, auth } = this;
      return answerRead(request, { store, keeper, auth, time });
    }
    const answer = this.keeper.keepAlive(id, request.id, time);
    return answer === null ? null : { ok: true, value: { kind: request.kind, answer } };
  }
}
