// Owns snapshots on their way (Raft §7): a leader sends one to each peer whose next entry is trimmed,
// part by part, each when the one before is answered; a receiver keeps what it gets and puts it in
// place when all is there. What a part holds is `mvcc/snapshot-*.ts`'s; who needs one is Raft's.
//
//   leader  pin -> part 0 -> part 1 -> (no answer: again) part 1 -> ... -> release
//   peer           stage     stage                                         install, and begin anew
//
// A receiver that restarts goes on where it was, for it says in every answer what it wants next. A
// leader that restarts has lost its pin and begins with another snapshot.
//
// What was written while a snapshot was sent may be more than a log keeps: it is kept for a receiver
// until that has caught up, or under steady writes it would need one snapshot after another.

import { EMPTY } from "../base/bytes.ts";
import { LOG_ENTRIES_KEPT, SNAPSHOT_PATIENCE_MS, SNAPSHOT_RESEND_MS } from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import { asMilliseconds, later, type LogIndex, type MemberId } from "../base/types.ts";
import type { Bytes, Milliseconds, Term } from "../base/types.ts";
import { dropStaging, hasStaging, stagePart } from "../mvcc/snapshot-sink.ts";
import { SnapshotSource } from "../mvcc/snapshot-source.ts";
import { FIRST_CURSOR } from "../mvcc/snapshot-part.ts";
import type { Store } from "../mvcc/store.ts";
import type { RaftNode } from "../raft/node.ts";
import type { SnapshotAnswer, SnapshotMessage } from "../raft/types.ts";
import { installSnapshot, UNVERSIONED } from "./applied-state.ts";

/** One snapshot on its way to one peer. */
interface Transfer {
  readonly name: string;
  readonly source: SnapshotSource;
  readonly index: LogIndex;
  readonly indexTerm: Term;
  part: number;
  cursor: Bytes;
  sentAt: Milliseconds;
  heardAt: Milliseconds;
}

/** A peer that has installed a snapshot: what it has of the log behind, and since when. */
interface Straggler {
  readonly match: LogIndex;
  readonly since: Milliseconds;
}

export class Snapshots {
  readonly #sql: SqlPort;
  readonly #store: Store;
  readonly #raft: RaftNode;
  /** Names this instance: its snapshots are not those of another. */
  readonly #origin: string;
  readonly #transfers = new Map<MemberId, Transfer>();
  readonly #stragglers = new Map<MemberId, Straggler>();
  #count = 0;
  #isReceiving: boolean;

  constructor(options: {
    readonly sql: SqlPort;
    readonly store: Store;
    readonly raft: RaftNode;
    readonly origin: string;
  }) {
    this.#sql = options.sql;
    this.#store = options.store;
    this.#raft = options.raft;
    this.#origin = options.origin;
    this.#isReceiving = hasStaging(options.sql);
  }

  /** The lowest index that a receiver has, or will have: later entries must be kept for it. */
  get lowestIndex(): number {
    const awaited = [...this.#transfers.values()].map(({ index }) => index);
    const matched = [...this.#stragglers.values()].map(({ match }) => match);
    return Math.min(...awaited, ...matched, Infinity);
  }

  /** When `tick` is next wanted; null when nothing is under way. */
  get due(): Milliseconds | null {
    const resends = [...this.#transfers.values()].map(({ sentAt }) => sentAt);
    return resends.length === 0
      ? null
      : later(asMilliseconds(Math.min(...resends)), SNAPSHOT_RESEND_MS);
  }

  /** Begins with peers that wait for a snapshot, and ends with a leadership. */
  follow(isLeading: boolean, now: Milliseconds): void {
    if (!isLeading) return this.#releaseAll();
    if (this.#stragglers.size > 0) this.#followStragglers(now);
    for (const peer of this.#raft.awaitingSnapshot()) {
      if (!this.#transfers.has(peer)) this.#begin(peer, now);
    }
  }

  /** Sends again what was not answered, and gives up on who is silent. */
  tick(now: Milliseconds): void {
    for (const [peer, transfer] of this.#transfers) {
      if (now >= later(transfer.heardAt, SNAPSHOT_PATIENCE_MS)) this.#release(peer);
      else if (now >= later(transfer.sentAt, SNAPSHOT_RESEND_MS)) this.#send(peer, transfer, now);
    }
  }

  /** What a receiver has. An answer about another snapshot is an old one. */
  onAnswer({ from, snapshot, part, cursor, isDone }: SnapshotAnswer, now: Milliseconds): void {
    const transfer = this.#transfers.get(from);
    if (transfer?.name !== snapshot) return;
    transfer.heardAt = now;
    if (isDone) {
      this.#release(from);
      this.#stragglers.set(from, { match: transfer.index, since: now });
      return this.#raft.snapshotInstalled(from, transfer.index, now);
    }
    // A repeated answer does not have a part sent twice: the second is on its way already.
    const isNews = part !== transfer.part;
    transfer.part = part;
    transfer.cursor = cursor;
    if (isNews) this.#send(from, transfer, now);
  }

  /**
   * Takes a part in and answers. Returns whether the snapshot is complete and was installed: then
   * everything over the database is to be made anew.
   */
  onPart(message: SnapshotMessage, now: Milliseconds): boolean {
    const { index, indexTerm, snapshot, part, data } = message;
    const done = { part: 0, cursor: EMPTY, isDone: true };
    if (this.#raft.covers({ index, term: indexTerm })) {
      this.applied();
      this.#raft.answerSnapshot(message, done);
      return false;
    }
    const wanted = stagePart(this.#sql, { snapshot, part, data });
    this.#isReceiving = true;
    if (wanted.cursor !== null) {
      const { cursor } = wanted;
      this.#raft.answerSnapshot(message, { part: wanted.part, cursor, isDone: false });
      return false;
    }
    installSnapshot(this.#sql, { index, term: indexTerm, now });
    this.#raft.answerSnapshot(message, done);
    return true;
  }

  /** An entry of the log was applied: the log suffices, and what came of a snapshot is dropped. */
  applied(): void {
    if (this.#isReceiving) dropStaging(this.#sql);
    this.#isReceiving = false;
  }

  /** Lets go of those who have what a log keeps anyway, are silent, or are no members any more. */
  #followStragglers(now: Milliseconds): void {
    const peers = new Map(this.#raft.peers().map((peer) => [peer.id, peer]));
    for (const [id, { match: before, since }] of this.#stragglers) {
      const match = peers.get(id)?.match ?? null;
      const isSilent = match === before && now >= later(since, SNAPSHOT_PATIENCE_MS);
      if (match === null || isSilent || match >= this.#store.appliedIndex - LOG_ENTRIES_KEPT) {
        this.#stragglers.delete(id);
      } else if (match > before) this.#stragglers.set(id, { match, since: now });
    }
  }

  #begin(peer: MemberId, now: Milliseconds): void {
    this.#stragglers.delete(peer);
    const source = new SnapshotSource({
      sql: this.#sql,
      store: this.#store,
      unversioned: UNVERSIONED,
    });
    const { index } = source.pin;
    const indexTerm = this.#raft.termOf(index);
    const name = `${this.#origin}/${++this.#count}@${index}.${indexTerm}`;
    const start = { part: 0, cursor: FIRST_CURSOR, sentAt: now, heardAt: now };
    const transfer = { name, source, index, indexTerm, ...start };
    this.#transfers.set(peer, transfer);
    this.#send(peer, transfer, now);
  }

  #send(peer: MemberId, transfer: Transfer, now: Milliseconds): void {
    const { name: snapshot, source, index, indexTerm, part, cursor } = transfer;
    // `follow` begins with another.
    if (!source.isPinned) return this.#release(peer);
    const { data } = source.part(cursor);
    transfer.sentAt = now;
    this.#raft.sendSnapshot(peer, { snapshot, index, indexTerm, part, data }, now);
  }

  #release(peer: MemberId): void {
    this.#transfers.get(peer)?.source.release();
    this.#transfers.delete(peer);
  }

  #releaseAll(): void {
    for (const peer of this.#transfers.keys()) this.#release(peer);
    this.#stragglers.clear();
  }
}
