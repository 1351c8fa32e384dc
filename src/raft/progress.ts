// Owns what a leader knows about one peer's log, and how it sends to it. In the manner of etcd raft
// tracker/progress.go:
//
//            accepted                    next entry was trimmed
//   probe ------------> replicate ----+-------------------------> snapshot
//     ^                     |         |                              |
//     +---------------------+         +---- accepted (again held) <--+
//       rejected, loss noticed, or snapshot installed
//
// probe: one append at a time, since it is not known where the logs agree. replicate: appends are
// pipelined, each starting where the last one ended, before answers come. snapshot: the peer needs
// entries that are no longer held, so it gets heartbeats, and a snapshot in parts from the owner, who
// tells when that is installed.

import { APPENDS_IN_FLIGHT_MAX } from "../base/limits.ts";
import { asLogIndex, asMilliseconds, later, nextIndex } from "../base/types.ts";
import type { LogIndex, Milliseconds } from "../base/types.ts";

export type ProgressState = "probe" | "replicate" | "snapshot";

/** Heartbeats after which the answer to an append that seems to have arrived is taken for lost. */
const ANSWER_LOST_HEARTBEATS = 5;

/** For how long a peer that has asked is taken for one that waits; ms. Above any round trip. */
const ASKED_MS = 1_000;

/** An append under way. */
interface Flight {
  readonly last: LogIndex;
  readonly sentAt: Milliseconds;
}

/** Invariants: match < next; match never falls; at most APPENDS_IN_FLIGHT_MAX flights. */
export class Progress {
  #state: ProgressState = "probe";
  /** In state probe: an append is under way, and nothing more is sent before an answer. */
  #probing = false;
  #flights: Flight[] = [];
  #match = asLogIndex(0);
  #next: LogIndex;

  /** When the peer was last heard from, for CheckQuorum. */
  heardAt: Milliseconds;
  /** When anything was last sent to it, for heartbeats. */
  sentAt: Milliseconds;
  /** The highest commit index that was sent to it. */
  commitTold = asLogIndex(0);
  /** The highest read round that it has answered. */
  roundAnswered = 0;
  /** The highest commit index that it has said to know, by answering a heartbeat that told it. */
  commitKnown = asLogIndex(0);
  /** Higher ones that heartbeats have told, each with when the first was sent. */
  #told: { readonly commit: LogIndex; readonly sentAt: number }[] = [];
  /** When the latest heartbeat that it has answered was sent: it followed at that moment. */
  followedAt = asMilliseconds(-Infinity);
  /** The version of its code, as it last said; null until it has. */
  version: number | null = null;
  /** Its database has no room left, as it last said. */
  isFull = false;
  /** Somebody waits there for what is committed, as it last said; so too until it has. */
  isAwaited = true;
  /** When it last asked for news: an answer that says otherwise may have left before. */
  askedAt = asMilliseconds(-Infinity);

  constructor(next: LogIndex, now: Milliseconds) {
    this.#next = next;
    this.heardAt = now;
    this.sentAt = now;
  }

  get state(): ProgressState {
    return this.#state;
  }

  /** The highest index known to be in the peer's log as it is in the leader's. */
  get match(): LogIndex {
    return this.#match;
  }

  /** The first index of the next append. */
  get next(): LogIndex {
    return this.#next;
  }

  get inFlight(): number {
    return this.#flights.length;
  }

  /** Whether an append that brings entries may be sent now. */
  get isOpen(): boolean {
    if (this.#state === "probe") return !this.#probing;
    return this.#state === "replicate" && this.#flights.length < APPENDS_IN_FLIGHT_MAX;
  }

  /** Whether somebody waits for a commit index up to `commit` that no message has told yet. */
  wantsCommit(commit: LogIndex, now: Milliseconds): boolean {
    if (!this.isAwaited && now >= later(this.askedAt, ASKED_MS)) return false;
    // A probe tells it anyway once it is answered; what was not sent cannot be told.
    return this.#state === "replicate" && this.commitTold < Math.min(commit, this.#next - 1);
  }

  /** Notes an append of `[next, end)`, which may be empty. */
  sent(end: LogIndex, now: Milliseconds): void {
    this.sentAt = now;
    if (this.#state === "probe") this.#probing = true;
    if (this.#state !== "replicate" || end === this.#next) return;
    this.#flights.push({ last: asLogIndex(end - 1), sentAt: now });
    this.#next = end;
  }

  /** The peer's log matches up to `index`. Old and repeated answers change nothing. */
  accepted(index: LogIndex, firstIndex: LogIndex): void {
    if (index < this.#match) return;
    this.#match = index;
    this.#flights = this.#flights.filter((flight) => flight.last > index);
    if (this.#next <= index) this.#next = nextIndex(index);
    if (this.#state === "probe") this.#replicate();
    if (this.#state === "snapshot" && nextIndex(index) >= firstIndex) this.#replicate();
  }

  /**
   * The peer has no match at `refused`, but may have at `agreement` or before. Returns whether this
   * was news: an answer to an append that is no longer of interest is not, and `next` never falls
   * to `match` or below.
   */
  rejected(refused: LogIndex, agreement: LogIndex): boolean {
    if (refused <= this.#match || this.#state === "snapshot") return false;
    if (this.#state === "probe" && refused !== this.#next - 1) return false;
    this.#probe(Math.min(refused, agreement + 1));
    return true;
  }

  /** An append or its answer was lost: probes again, but not before the peer answers something. */
  lost(): void {
    if (this.#state === "snapshot") return;
    this.#probe(this.#next);
    this.#probing = true;
  }

  /**
   * The peer, whose log ends at `lastIndex`, has answered a heartbeat. Returns whether an append
   * should be sent again, once for this heartbeat: a probe whose answer is not here by now, or one
   * of the pipeline that is taken for lost.
   */
  answeredHeartbeat(options: {
    lastIndex: LogIndex;
    heartbeatMs: number;
    now: Milliseconds;
  }): boolean {
    if (this.#state === "snapshot") return false;
    if (this.#state === "replicate" && !this.#isOverdue(options)) return false;
    // A probe beyond the end of the peer's log would only be refused.
    this.#probe(Math.min(this.#next, options.lastIndex + 1));
    return true;
  }

  /** Notes a heartbeat that tells `commit`. */
  beat(commit: LogIndex, now: Milliseconds): void {
    if ((this.#told.at(-1)?.commit ?? this.commitKnown) < commit) {
      this.#told.push({ commit, sentAt: Math.floor(now) });
    }
  }

  /** The peer has answered the heartbeat that was sent at `sentAt`, and so knows what that told. */
  answeredBeat(sentAt: Milliseconds): void {
    const known = this.#told.findLast((told) => told.sentAt <= sentAt);
    if (known === undefined) return;
    this.commitKnown = known.commit;
    this.#told = this.#told.filter((told) => told.sentAt > sentAt);
  }

  /** The peer's state covers `index`, by a snapshot. */
  installed(index: LogIndex): void {
    if (this.#state !== "snapshot") return;
    if (index > this.#match) this.#match = index;
    this.#probe(nextIndex(this.#match));
  }

  awaitSnapshot(): void {
    this.#state = "snapshot";
    this.#flights = [];
    this.#probing = false;
  }

  /**
   * Whether the oldest append under way is lost: its answer is not here after several heartbeats.
   * That the peer's log did not reach its end says nothing by itself, for on a long way the heartbeat
   * that is answered now may have left before the append.
   */
  #isOverdue(options: { heartbeatMs: number; now: Milliseconds }): boolean {
    const oldest = this.#flights[0];
    if (oldest === undefined) return false;
    return later(oldest.sentAt, ANSWER_LOST_HEARTBEATS * options.heartbeatMs) <= options.now;
  }

  #replicate(): void {
    this.#state = "replicate";
    this.#flights = [];
    this.#probing = false;
    this.#next = nextIndex(this.#match);
  }

  /** Probes from `next`, or from behind the match if that is later. */
  #probe(next: number): void {
    this.#next = asLogIndex(Math.max(this.#match + 1, next));
    this.#state = "probe";
    this.#flights = [];
    this.#probing = false;
  }
}
