// Owns what a node does while it leads: proposals, heartbeats, reads, and noticing that it is cut
// off. Replication itself is `replication.ts`'s; how one comes to lead is `node.ts`'s.
//
// Two things belong here that are not built yet. Leadership transfer (Raft thesis §3.10): the leader
// stops taking proposals, brings the target's log up to its own, and sends it leave to campaign.
// Quiescence: with nothing to do for a second, the leader tells its followers to stop their clocks,
// and `deadline` becomes "never".

import { assert } from "../base/assert.ts";
import { asMilliseconds, later, nextIndex } from "../base/types.ts";
import type { LogIndex, MemberId, Milliseconds } from "../base/types.ts";
import type { Core } from "./core.ts";
import { leaderPayload } from "./entry-codec.ts";
import type { ProgressState } from "./progress.ts";
import { quorumValue } from "./quorum.ts";
import type { ReadRounds } from "./read-index.ts";
import type { Proposed } from "./ready.ts";
import { Replication } from "./replication.ts";
import type { AppendAnswer, HeartbeatAnswer, Payload } from "./types.ts";

/** What a leader knows of one peer, for diagnostics. */
export interface PeerStatus {
  readonly id: MemberId;
  readonly state: ProgressState;
  readonly match: LogIndex;
  readonly next: LogIndex;
  /** Appends under way. */
  readonly inFlight: number;
}

/** One leadership: from winning (or resuming) a term until a step down. */
export class Leadership {
  readonly #core: Core;
  readonly #rounds: ReadRounds;
  readonly #replication: Replication;
  /** Reads are served once a quorum holds everything up to here, as told to this incarnation. */
  readonly #serveFrom: LogIndex;
  #serving = false;
  #roundBegunAt = asMilliseconds(0);

  private constructor(
    core: Core,
    rounds: ReadRounds,
    options: { serveFrom: LogIndex; now: Milliseconds },
  ) {
    this.#core = core;
    this.#rounds = rounds;
    this.#replication = new Replication(core, options.now);
    this.#serveFrom = options.serveFrom;
  }

  /**
   * Starts to lead a term just won. Its first entry names its author; once that commits, all that
   * earlier leaders may have committed is committed too, and reads can be served (thesis §6.4).
   */
  static won(core: Core, rounds: ReadRounds, now: Milliseconds): Leadership {
    const serveFrom = nextIndex(core.log.lastIndex);
    const leadership = new Leadership(core, rounds, { serveFrom, now });
    core.log.forgetOverwritten();
    leadership.propose([leaderPayload(core.id)], now);
    return leadership;
  }

  /**
   * Leads on after a restart, in a term that this node opened. Everything it ever sent is in its
   * log, and everything it ever acknowledged lies at or before the log's end, so it may serve
   * once that is confirmed. Its probes are heartbeats as well.
   */
  static resumed(core: Core, rounds: ReadRounds, now: Milliseconds): Leadership {
    const leadership = new Leadership(core, rounds, { serveFrom: core.log.lastIndex, now });
    leadership.#replication.sendToAll(now);
    leadership.#progressed(now);
    return leadership;
  }

  get serving(): boolean {
    return this.#serving;
  }

  /** Appends entries and sends them as far as windows allow. */
  propose(payloads: readonly Payload[], now: Milliseconds): Proposed {
    assert(payloads.length > 0, "a proposal has entries");
    const { ballot, log } = this.#core;
    const first = log.append(payloads, ballot.term);
    this.#replication.sendToAll(now);
    this.#progressed(now);
    return { first, term: ballot.term };
  }

  /** A read that arrives now. Returns its token. */
  read(now: Milliseconds): number {
    const token = this.#rounds.add();
    this.#beginRoundIfIdle(now);
    return token;
  }

  onAppendAnswer(answer: AppendAnswer, now: Milliseconds): void {
    if (!this.#hear(answer.from, now)) return;
    this.#replication.onAppendAnswer(answer, now);
    this.#progressed(now);
  }

  onHeartbeatAnswer(answer: HeartbeatAnswer, now: Milliseconds): void {
    if (!this.#hear(answer.from, now)) return;
    this.#replication.onHeartbeatAnswer(answer, now);
    const peer = this.#replication.peers.get(answer.from)!;
    if (answer.round > peer.roundAnswered) peer.roundAnswered = answer.round;
    this.#confirmReads(now);
  }

  /** A call to `peer` failed or timed out. */
  lost(peer: MemberId): void {
    this.#replication.lost(peer);
  }

  flushCommit(now: Milliseconds): void {
    this.#replication.sendCommit(now);
  }

  /** Sends the heartbeats that are due; reads that wait behind a lost round get a new one. */
  tick(now: Milliseconds): void {
    if (this.#roundOverdue() <= now) return this.#beginRound(now);
    const due = [...this.#replication.peers].filter(([, peer]) => this.#heartbeatDue(peer) <= now);
    if (due.length === 0) return;
    if (this.#serving && this.#rounds.wantsRound) return this.#beginRound(now);
    const round = this.#rounds.isUnderway ? this.#rounds.latest : 0;
    for (const [peer] of due) this.#replication.sendHeartbeat(peer, round, now);
  }

  /** CheckQuorum: whether a quorum was heard from lately enough to go on (thesis §6.2). */
  isInTouch(now: Milliseconds): boolean {
    return now < this.#outOfTouchAt(now);
  }

  /** When `tick` or `isInTouch` is next of interest. */
  deadline(now: Milliseconds): Milliseconds {
    const heartbeats = [...this.#replication.peers.values()].map((peer) =>
      this.#heartbeatDue(peer),
    );
    return asMilliseconds(Math.min(this.#outOfTouchAt(now), this.#roundOverdue(), ...heartbeats));
  }

  peers(): PeerStatus[] {
    return [...this.#replication.peers].map(([id, { state, match, next, inFlight }]) => ({
      id,
      state,
      match,
      next,
      inFlight,
    }));
  }

  /** Notes that `peer` is alive. False when it is no member. */
  #hear(peer: MemberId, now: Milliseconds): boolean {
    const progress = this.#replication.peers.get(peer);
    if (progress === undefined) return false;
    progress.heardAt = now;
    return true;
  }

  /** After a match may have moved: commit, begin to serve. */
  #progressed(now: Milliseconds): void {
    this.#replication.advanceCommit();
    if (this.#serving || this.#replication.quorumMatch() < this.#serveFrom) return;
    this.#serving = true;
    this.#beginRoundIfIdle(now);
  }

  #beginRoundIfIdle(now: Milliseconds): void {
    const { isUnderway, wantsRound } = this.#rounds;
    if (this.#serving && wantsRound && !isUnderway) this.#beginRound(now);
  }

  #beginRound(now: Milliseconds): void {
    this.#rounds.begin(this.#core.log.commit);
    this.#roundBegunAt = now;
    for (const peer of this.#replication.peers.keys()) {
      this.#replication.sendHeartbeat(peer, this.#rounds.latest, now);
    }
    // A single voter is its own quorum, and no answer will come.
    this.#confirmReads(now);
  }

  #confirmReads(now: Milliseconds): void {
    const { configuration, id, outbox } = this.#core;
    const { peers } = this.#replication;
    const round = quorumValue(configuration, (voter) =>
      voter === id ? this.#rounds.latest : peers.get(voter)!.roundAnswered,
    );
    outbox.confirmReads(this.#rounds.confirm(round));
    this.#beginRoundIfIdle(now);
  }

  /**
   * When the round under way is taken for lost and followed by another, which confirms its reads as
   * well. Appends keep followers content, but carry no round: without this, steady writes would
   * leave a lost round lost for as long as they flow.
   */
  #roundOverdue(): number {
    if (!this.#rounds.isUnderway) return Infinity;
    return this.#roundBegunAt + this.#core.timing.heartbeatMs;
  }

  #heartbeatDue(peer: { readonly sentAt: Milliseconds }): Milliseconds {
    return later(peer.sentAt, this.#core.timing.heartbeatMs);
  }

  #outOfTouchAt(now: Milliseconds): Milliseconds {
    const { configuration, id, timing } = this.#core;
    const { peers } = this.#replication;
    const heardAt = quorumValue(configuration, (voter) =>
      voter === id ? now : peers.get(voter)!.heardAt,
    );
    return later(heardAt, timing.electionMsMax);
  }
}
