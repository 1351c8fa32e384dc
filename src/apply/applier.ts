// Owns the way from committed entries to state: one synchronous, deterministic step per batch. The
// same entries give the same state and the same answers on every replica.

import type { AuthState } from "../auth/auth-state.ts";
import { refusalOf } from "../auth/permission.ts";
import { assert, present } from "../base/assert.ts";
import { bytesKey, equalBytes } from "../base/bytes.ts";
import { ENTRY_LEADER } from "../base/entry-kinds.ts";
import type { RevisionEvents, TxnOp } from "../base/kv.ts";
import type { Membership } from "../base/membership.ts";
import {
  ANSWER_KEPT_BYTES_MAX,
  BATCH_ANSWERS_KEPT_BYTES_MAX,
  REQUEST_WINDOW_MS,
} from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import type { Refusal } from "../base/refusal.ts";
import { accept, refuse, type Result } from "../base/result.ts";
import {
  asClusterTime,
  type Bytes,
  type ClusterTime,
  type LeaseId,
  type LogIndex,
  type Milliseconds,
  type Revision,
  type Term,
} from "../base/types.ts";
import type { Lease, LeaseTable } from "../lease/lease-table.ts";
import type { Expiry } from "../lease/lessor.ts";
import type { AppliedRequest } from "../mvcc/history-row.ts";
import type { Store } from "../mvcc/store.ts";
import type { ClusterState } from "./cluster-state.ts";
import { needOfCommand } from "./command-need.ts";
import {
  decodeProposal,
  isMeantAt,
  KEYED_SINCE,
  NO_REQUEST,
  NOT_KEPT,
  REPLACED_SINCE,
  type Command,
  type Proposal,
} from "./command.ts";
import { forbidden, isLeaseTooMany } from "./guard.ts";
import { KeyedAnswers } from "./keyed-answers.ts";
import { encodeOutcome, recall, type CommandAnswer, type Outcome } from "./outcome.ts";
import { versionFloor } from "./version-floor.ts";
import { RequestWindow } from "./request-window.ts";
import { Batch, type Done, type FirstAnswer } from "./batch.ts";

/** A committed entry as the applier needs it; Raft's own kinds come with `proposal` null. */
export interface CommittedEntry {
  readonly index: LogIndex;
  readonly term: Term;
  readonly kind: number;
  readonly data: Bytes;
}

interface DecodedEntry extends Pick<CommittedEntry, "index" | "term"> {
  /** Null for Raft's own. */
  readonly proposal: Proposal | null;
}

/** What became of one entry. */
export interface AppliedEntry {
  readonly index: LogIndex;
  readonly term: Term;
  /** Null for entries that no client waits for. */
  readonly outcome: Outcome | null;
  /** The store's revision after the entry (after its first application, for a repeat). */
  readonly revision: Revision;
  readonly trace: string;
}

export interface AppliedBatch {
  readonly entries: readonly AppliedEntry[];
  readonly revisions: readonly RevisionEvents[];
  /** Leases that were granted, and those that were extended, kept or removed. */
  readonly granted: readonly Lease[];
  readonly settled: readonly LeaseId[];
  readonly compacted: boolean;
  /** The members as they are now; null when the batch did not change them. */
  readonly membership: Membership | null;
}

export class Applier {
  readonly #sql: SqlPort;
  readonly #store: Store;
  readonly #leases: LeaseTable;
  readonly #cluster: ClusterState;
  readonly #auth: AuthState;
  readonly #versionNeeded: () => number;
  readonly #codeVersion: number;
  /** Leases that have ended by themselves since this was made. */
  leasesExpired = 0;
  /** Read at first use: not while the object starts, which may be for a read. See `#window`. */
  #requests: RequestWindow | null = null;
  /** Writes by their idempotency keys. */
  readonly keyed: KeyedAnswers;
  #time: ClusterTime;

  constructor(options: {
    readonly sql: SqlPort;
    readonly store: Store;
    readonly leases: LeaseTable;
    readonly cluster: ClusterState;
    readonly auth: AuthState;
    /** The lowest cluster version that all of the applied state is heeded at. */
    readonly versionNeeded: () => number;
    /** The version of the code that applies: what it does not know, halts it. */
    readonly codeVersion: number;
  }) {
    this.#sql = options.sql;
    this.#store = options.store;
    this.#leases = options.leases;
    this.#cluster = options.cluster;
    this.#auth = options.auth;
    this.#versionNeeded = options.versionNeeded;
    this.#codeVersion = options.codeVersion;
    this.#time = this.#store.clusterTime;
    this.keyed = new KeyedAnswers(this.#sql, this.#store);
  }

  /** The time of the last applied entry. */
  get time(): ClusterTime {
    return this.#time;
  }

  /** Nothing more can be remembered at `now`: the leader refuses writes until the window moves. */
  isWindowFull(now: ClusterTime): boolean {
    return this.#window().isFull(now);
  }

  /** Whether the request was applied within the window before `now`. */
  recalls(requestId: Bytes, now: ClusterTime): boolean {
    const remembered = this.#window().find(requestId);
    return remembered !== null && remembered.time > now - REQUEST_WINDOW_MS;
  }

  /**
   * Applies consecutive entries, the first of which follows the store's applied index, in one
   * transaction with the applied index: after a crash either all of it is there or nothing. Outcomes
   * are kept of entries only that somebody awaits here, for answers may be large.
   */
  apply(
    entries: readonly CommittedEntry[],
    wall: Milliseconds,
    isAwaited: (index: LogIndex) => boolean = () => true,
  ): AppliedBatch {
    const first = present(entries[0], "a batch has entries");
    assert(first.index === this.#store.appliedIndex + 1, "entries are applied in order, each once");
    const batch = new Batch(isAwaited);
    // It must be there before the batch moves what it is read from.
    const window = this.#window();
    const revisions = this.#sql.transaction(() => {
      const decoded = entries.map((entry) => this.#decode(entry));
      this.#store.expect(decoded.flatMap(({ proposal }) => writesOf(proposal)));
      for (const entry of decoded) this.#applyEntry(entry, batch);
      this.#leases.flush();
      this.keyed.flush(this.#time);
      return this.#store.commit({
        index: entries.at(-1)!.index,
        time: this.#time,
        wall,
        requests: batch.requests,
      });
    });
    this.#remember(batch.requests, window);
    const { granted, settled, compacted, membership } = batch;
    return { entries: batch.entries, revisions, granted, settled, compacted, membership };
  }

  /**
   * The requests that may be repeated. After a restart the history tells them: up to a minute of
   * writes, 10 ms for a thousand, where all else that an object reads at its start takes one or two.
   */
  #window(): RequestWindow {
    if (this.#requests !== null) return this.#requests;
    const window = new RequestWindow();
    const since = asClusterTime(Math.max(this.#store.clusterTime - REQUEST_WINDOW_MS, 0));
    for (const { id, ...request } of this.#store.history.requestsSince(since)) {
      window.remember(id, request);
    }
    this.#requests = window;
    return window;
  }

  #remember(requests: readonly AppliedRequest[], window: RequestWindow): void {
    const places = this.#store.requestPlaces;
    for (const [index, { id, revision, time }] of requests.entries()) {
      const place = present(places[index], "every request has its place in the history");
      window.remember(id, { revision, time, place });
    }
    window.forget(this.#time);
  }

  #decode({ index, term, kind, data }: CommittedEntry): DecodedEntry {
    const isOfRaft = kind === ENTRY_LEADER;
    const proposal = isOfRaft ? null : decodeProposal(kind, data, this.#codeVersion);
    return { index, term, proposal };
  }

  #applyEntry({ index, term, proposal }: DecodedEntry, batch: Batch): void {
    if (proposal === null) {
      const { revision } = this.#store;
      batch.entries.push({ index, term, outcome: null, revision, trace: "" });
      return;
    }
    // Stamps of a new leader may lie below entries that it had not applied when it stamped them.
    this.#time = asClusterTime(Math.max(this.#time, proposal.time));
    if (proposal.command.kind === "membership") this.#reconfigure(index, proposal.command, batch);
    const done =
      this.#doneByKey(proposal) ??
      this.#firstAnswer(proposal, batch) ??
      this.#applyOnce(proposal, batch, index);
    const outcome = batch.isAwaited(index) ? done.outcome : null;
    batch.entries.push({ index, term, trace: proposal.trace, outcome, revision: done.revision });
  }

  /**
   * What a write is told for the sake of its idempotency key; null when it is to be applied, or has no
   * key. Who may not have what it asks for hears that, and nothing of an answer.
   */
  #doneByKey(proposal: Proposal): Done | null {
    const { keyed = null } = proposal;
    if (keyed === null || this.#permissionRefusal(proposal) !== null) return null;
    if (this.#cluster.version >= KEYED_SINCE) return this.keyed.done(proposal, this.#time);
    // The version was lowered since it was proposed.
    return { outcome: refuse("idempotencyUnknown"), revision: this.#store.revision };
  }

  /**
   * The outcome of an earlier application of the same request, or null. Whether it is still within
   * the window is decided by this entry's time alone: replicas batch and forget differently.
   */
  #firstAnswer({ requestId, command }: Proposal, batch: Batch): FirstAnswer | null {
    if (equalBytes(requestId, NO_REQUEST)) return null;
    const inBatch = batch.outcomes.get(bytesKey(requestId));
    if (inBatch !== undefined) {
      const { answer, time } = inBatch;
      return this.#isRecent(time) ? { ...inBatch, outcome: recall(answer, command) } : null;
    }
    const remembered = this.#window().find(requestId);
    if (remembered === null || !this.#isRecent(remembered.time)) return null;
    const answer = this.#store.history.answerOf(remembered.place, requestId) ?? NOT_KEPT;
    return { ...remembered, outcome: recall(answer, command) };
  }

  #isRecent(time: ClusterTime): boolean {
    return time > this.#time - REQUEST_WINDOW_MS;
  }

  #applyOnce(proposal: Proposal, batch: Batch, index: LogIndex): Done {
    const { command, requestId, keyed = null } = proposal;
    const refusal = this.#permissionRefusal(proposal);
    const outcome = refusal === null ? this.#perform(command, batch, index) : refuse(refusal);
    const { revision } = this.#store;
    if (outcome === null || equalBytes(requestId, NO_REQUEST)) return { outcome, revision };
    const encoded = encodeOutcome(outcome);
    // Of what was refused nothing has happened: its key may yet name what does. By its request id it is
    // known as well: whose the key is may be another when auth was turned on or off between.
    if (keyed !== null && outcome.ok) {
      this.keyed.remember(proposal, { time: this.#time, encoded, index });
    }
    const isKept =
      encoded.length <= ANSWER_KEPT_BYTES_MAX &&
      batch.keptBytes + encoded.length <= BATCH_ANSWERS_KEPT_BYTES_MAX;
    if (isKept) batch.keptBytes += encoded.length;
    const answer = isKept ? encoded : NOT_KEPT;
    batch.requests.push({ id: requestId, revision, time: this.#time, answer });
    batch.outcomes.set(bytesKey(requestId), { answer, revision, time: this.#time });
    return { outcome, revision };
  }

  /** By what is permitted now, which may have changed since it was proposed. */
  #permissionRefusal({ command, requester = null, requestId }: Proposal): Refusal | null {
    // What the leader proposes by itself has no request id.
    if (!this.#auth.enabled || equalBytes(requestId, NO_REQUEST)) return null;
    const keysOfLease = this.#store.keysOfLease.bind(this.#store);
    return refusalOf(this.#auth, needOfCommand(command), { requester, keysOfLease });
  }

  #perform(command: Command, batch: Batch, index: LogIndex): Outcome | null {
    const { kind } = command;
    // The version may have been lowered since it was proposed.
    if (!isMeantAt(kind, this.#cluster.version)) return refuse("changeUnderWay");
    const refusal = forbidden(command, this.#cluster);
    if (refusal !== null) return this.#forbid(command, refusal, batch);
    switch (kind) {
      case "put":
        return named(kind, this.#store.put(command.request, this.#leases));
      case "deleteRange":
        return named(kind, this.#store.deleteRange(command.request));
      case "txn":
        return named(kind, this.#store.txn(command.request, this.#leases));
      case "compact": {
        const result = this.#store.compact(command.revision);
        batch.compacted ||= result.ok;
        return result.ok ? accept({ kind }) : result;
      }
      case "leaseGrant":
        return this.#grant(command, batch);
      case "leaseRevoke":
        return this.#revoke(command.id, batch) ? accept({ kind }) : refuse("leaseNotFound");
      case "leaseExtend":
        this.#leases.extend(command.ids, this.#time);
        batch.settled.push(...command.ids);
        return null;
      case "leaseExpire":
        for (const expiry of command.expiries) this.#expire(expiry, batch);
        return null;
      case "membership":
        return accept({ kind });
      case "version":
        return this.#setVersion(command);
      case "auth": {
        const result = this.#auth.apply(command.request, { index, time: this.#time });
        return result.ok ? accept({ kind, answer: result.value }) : result;
      }
      case "alarm":
        return accept({ kind, alarms: this.#cluster.alarms.change(command) });
      case "limits":
        this.#cluster.limits.set(command.limits);
        return accept({ kind, limits: command.limits });
      default:
        return kind satisfies never;
    }
  }

  #setVersion({ kind, version, cap }: Command & { kind: "version" }): Outcome {
    const { version: clusterVersion } = this.#cluster;
    const hasKeys = !this.keyed.isEmpty(this.#time);
    const floor = versionFloor({ clusterVersion, hasKeys, store: this.#store });
    if (version < Math.max(floor, this.#versionNeeded())) return refuse("stateNeedsVersion");
    const isLowered = version < REPLACED_SINCE && clusterVersion >= REPLACED_SINCE;
    if (isLowered) this.#store.moveReplacedToOld();
    this.#cluster.setVersion(version, cap);
    return accept({ kind });
  }

  /**
   * Not subject to what becomes of repeats, for Raft counts by every change that commits: a leader
   * looks for its request before it proposes one, see `recalls`.
   */
  #reconfigure(index: LogIndex, change: Omit<Membership, "index">, batch: Batch): void {
    const { configuration, members, removed } = change;
    batch.membership = { configuration, members, removed, index };
    this.#cluster.setMembership(batch.membership);
  }

  /** Leases whose expiry is forbidden wait until it is not. */
  #forbid(command: Command, refusal: Refusal, batch: Batch): Outcome | null {
    if (command.kind !== "leaseExpire") return refuse(refusal);
    batch.settled.push(...command.expiries.map(({ id }) => id));
    return null;
  }

  #grant(command: Command & { kind: "leaseGrant" }, batch: Batch): Outcome {
    const { id, ttlSeconds } = command;
    if (isLeaseTooMany(command, this.#leases, this.#cluster)) return refuse("tooManyRequests");
    const result = this.#leases.grant({ id, ttlSeconds, time: this.#time });
    if (!result.ok) return result;
    batch.granted.push(result.value);
    return accept({
      kind: "leaseGrant",
      answer: { id, ttlSeconds: result.value.ttlSeconds },
    });
  }

  /** Removes the lease and deletes its keys in one revision. */
  #revoke(id: LeaseId, batch: Batch): boolean {
    batch.settled.push(id);
    if (!this.#leases.remove(id)) return false;
    this.#store.deleteKeysOfLease(id);
    return true;
  }

  /** A lease whose horizon has moved since was kept alive: its expiry does nothing. */
  #expire({ id, horizon }: Expiry, batch: Batch): void {
    if (this.#leases.get(id)?.horizon === horizon && this.#revoke(id, batch)) this.leasesExpired++;
    else batch.settled.push(id);
  }
}

function writesOf(proposal: Proposal | null): readonly TxnOp[] {
  const command = proposal?.command;
  return command?.kind === "put" || command?.kind === "txn" ? [command] : [];
}

/** Names the store's answer with the command's kind. */
function named<Kind extends "put" | "deleteRange" | "txn">(
  kind: Kind,
  result: Result<Extract<CommandAnswer, { kind: Kind }>["answer"], Refusal>,
): Outcome {
  if (!result.ok) return result;
  return accept({ kind, answer: result.value } as CommandAnswer);
}
