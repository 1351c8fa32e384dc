// Owns what a node does while it leads: proposals, heartbeats, reads, and noticing that it is cut
// off. Replication itself is `replication.ts`'s; how one comes to lead is `roles.ts`'s,
// what a sleeping leader does `quiescence.ts`'s, how long a read lease lasts `read-lease.ts`'s.

import { assert, present } from "../base/assert.ts";
import { asMilliseconds, later, nextIndex } from "../base/types.ts";
import type { LogIndex, MemberId, Milliseconds } from "../base/types.ts";
import { assertFollows, configurationOf } from "./configuration.ts";
import type { Core } from "./core.ts";
import { leaderPayload } from "./entry-codec.ts";
import { PeerReads } from "./peer-reads.ts";
import type { PeerStatus } from "./peer-status.ts";
import { Quiescence } from "./quiescence.ts";
import { isVoter, quorumValue } from "./quorum.ts";
import type { ReadRounds } from "./read-index.ts";
import { leaseUntil } from "./read-lease.ts";
import type { Proposed } from "./ready.ts";
import { Replication } from "./replication.ts";
import type {
  AppendAnswer,
  Configuration,
  HeartbeatAnswer,
  Payload,
  ReadRequest,
} from "./types.ts";

/** One leadership: from winning (or resuming) a term until a step down. */
export class Leadership {
  readonly #core: Core;
  readonly #rounds: ReadRounds;
  readonly #replication: Replication;
  /** Reads are served once a quorum holds everything up to here, as told to this incarnation. */
  readonly #serveFrom: LogIndex;
  readonly #peerReads = new PeerReads();
  readonly #rest: Quiescence;
  #serving = false;
  /**
   * Leadership on its way to another (thesis §3.10). Proposals wait, so that the target can catch up;
   * one that has not won when it is due leaves the leader as it was.
   */
  #transfer: { readonly target: MemberId; readonly due: Milliseconds } | null = null;
  /** Somebody may have been told to campaign, and may win whatever the voters promised. */
  #mayHaveHandedOver = false;
  /** The last entry that may change the configuration: the next change waits for it. */
  #changeAt: LogIndex;
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
    this.#rest = new Quiescence(options.now);
    // What earlier leaders left in the log may be a change.
    this.#changeAt = core.log.lastIndex;
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
    // Before the restart, for all that is known, with the message still on its way.
    leadership.#mayHaveHandedOver = true;
    leadership.#replication.sendToAll(now);
    leadership.#progressed(now);
    return leadership;
  }

  get serving(): boolean {
    return this.#serving;
  }

  get isAsleep(): boolean {
    return this.#rest.isAsleep;
  }

  /** Since when it is asleep, if it is. */
  get restsSince(): Milliseconds {
    return this.#rest.since;
  }

  get isHandingOver(): boolean {
    return this.#transfer !== null;
  }

  /** Appends entries and sends them as far as windows allow. */
  propose(payloads: readonly Payload[], now: Milliseconds): Proposed {
    assert(payloads.length > 0, "a proposal has entries");
    this.stir(now);
    const { ballot, log } = this.#core;
    const first = log.append(payloads, ballot.term);
    this.#replication.sendToAll(now);
    this.#progressed(now);
    return { first, term: ballot.term };
  }

  /**
   * Proposes a change of who takes part. Null: one is under way, or this leader has not committed in
   * its term, so that another leader's change may be (Ongaro 2015, the single-server change bug).
   */
  change(payload: Payload, now: Milliseconds): Proposed | null {
    if (!this.#serving || this.#changeAt > this.#core.log.delivered) return null;
    const configuration = present(configurationOf(payload), "a change brings a configuration");
    assertFollows(this.#core.configuration, configuration);
    const proposed = this.propose([payload], now);
    this.#changeAt = proposed.first;
    return proposed;
  }

  /** A configuration was applied. A smaller quorum may have committed more. */
  adopt(configuration: Configuration, now: Milliseconds): void {
    // Whoever leaves, be it this node itself, tells what is committed before it goes.
    this.#replication.sendCommit(now);
    this.#replication.adopt(configuration, now);
    if (this.#transfer !== null && !isVoter(configuration, this.#transfer.target)) {
      this.#transfer = null;
    }
    this.stir(now);
    this.#replication.sendToAll(now);
    if (isVoter(configuration, this.#core.id)) this.#progressed(now);
  }

  /** Begins to hand over to `target`, a voter. */
  transfer(target: MemberId, now: Milliseconds): void {
    this.stir(now);
    this.#transfer = { target, due: later(now, this.#core.timing.electionMsMax) };
    this.#handOver(target);
  }

  /** A read that arrives now. Returns its token. */
  read(now: Milliseconds): number {
    const token = this.#rounds.add();
    if (this.#holdsLease(now)) {
      this.#rounds.begin(this.#core.log.commit);
      this.#confirm(this.#rounds.latest);
      return token;
    }
    this.stir(now);
    this.#beginRoundIfIdle(now);
    return token;
  }

  /** A follower's reads. */
  onReadRequest(request: ReadRequest, now: Milliseconds): void {
    if (!this.#hear(request.from, now)) return;
    this.onWake(request.from, now);
    this.#peerReads.add(this.#rounds.add(), request);
    this.#beginRoundIfIdle(now);
  }

  /** A peer asks whether this node leads, and for news. */
  onWake(from: MemberId, now: Milliseconds): void {
    this.stir(now);
    this.#replication.asked(from, now);
  }

  /** Gives up all reads, for this leadership ends. Returns the tokens of its own. */
  abandonReads(): number[] {
    return this.#peerReads.ownOf(this.#rounds.abandon());
  }

  /** Wakes up, if asleep: heartbeats are due at once, and everybody has time to answer. */
  stir(now: Milliseconds): void {
    if (!this.#rest.stir(now)) return;
    for (const peer of this.#replication.peers.values()) peer.heardAt = now;
  }

  onAppendAnswer(answer: AppendAnswer, now: Milliseconds): void {
    if (!this.#hear(answer.from, now)) return;
    this.#replication.onAppendAnswer(answer, now);
    this.#handOver(answer.from);
    this.#progressed(now);
  }

  onHeartbeatAnswer(answer: HeartbeatAnswer, now: Milliseconds): void {
    if (!this.#hear(answer.from, now)) return;
    this.#replication.onHeartbeatAnswer(answer, now);
    const peer = this.#replication.peers.get(answer.from)!;
    if (answer.sentAt > peer.followedAt) peer.followedAt = answer.sentAt;
    peer.version = answer.version;
    peer.isFull = answer.isFull;
    this.#handOver(answer.from);
    if (answer.round > peer.roundAnswered) peer.roundAnswered = answer.round;
    this.#confirmReads(now);
  }

  /** The peer's state covers `index`, by a snapshot. */
  snapshotInstalled(peer: MemberId, index: LogIndex, now: Milliseconds): void {
    this.#replication.peers.get(peer)?.installed(index);
    if (this.#replication.peers.has(peer)) this.#replication.sendTo(peer, now);
    this.#progressed(now);
  }

  /** The commit index that a quorum has said to know. */
  quorumKnows(): LogIndex {
    return this.#replication.quorumKnows();
  }

  awaitingSnapshot(now: Milliseconds): MemberId[] {
    return this.#replication.awaitingSnapshot(now);
  }

  /** A call to `peer` failed or timed out. */
  lost(peer: MemberId): void {
    this.#replication.lost(peer);
  }

  /** Of commits that are told by themselves. */
  get commits(): Pick<Replication, "isCommitWanted" | "flushCommit"> {
    return this.#replication;
  }

  /** Sends the heartbeats that are due; reads that wait behind a lost round get a new one. */
  tick(now: Milliseconds): void {
    if (this.#rest.isAsleep) return this.#probeAway(now);
    if (this.#transfer !== null && this.#transfer.due <= now) this.#transfer = null;
    if (this.#roundOverdue() <= now) return this.#beginRound(now);
    if (this.#restDue(now) <= now) return this.#fallAsleep(now);
    const due = [...this.#replication.peers].filter(([, peer]) => this.#heartbeatDue(peer) <= now);
    if (due.length === 0) return;
    if (this.#serving && this.#rounds.wantsRound) return this.#beginRound(now);
    const round = this.#rounds.isUnderway ? this.#rounds.latest : 0;
    for (const [peer] of due) this.#replication.sendHeartbeat(peer, round, now);
  }

  /** CheckQuorum: whether a quorum was heard from lately enough to go on (thesis §6.2). */
  isInTouch(now: Milliseconds): boolean {
    return this.#rest.isAsleep || now < this.#outOfTouchAt(now);
  }

  /** When `tick` or `isInTouch` is next of interest; Infinity while asleep with nobody away. */
  deadline(now: Milliseconds): Milliseconds {
    if (this.#rest.isAsleep) return asMilliseconds(this.#rest.nextProbe());
    const heartbeats = [...this.#replication.peers.values()].map((peer) =>
      this.#heartbeatDue(peer),
    );
    const overdue = [this.#roundOverdue(), this.#transfer?.due ?? Infinity, this.#restDue(now)];
    return asMilliseconds(Math.min(this.#outOfTouchAt(now), ...overdue, ...heartbeats));
  }

  peers(): PeerStatus[] {
    return [...this.#replication.peers].map(([id, peer]) => {
      const { state, match, next, inFlight, heardAt, version, isFull } = peer;
      return { id, state, match, next, inFlight, heardAt, version, isFull };
    });
  }

  /** Those that have said to have no room; looked at with every input. */
  fullPeers(): MemberId[] {
    const full: MemberId[] = [];
    for (const [id, { isFull }] of this.#replication.peers) if (isFull) full.push(id);
    return full;
  }

  /** Notes that `peer` is alive, and wakes for one that was away. False when it is no member. */
  #hear(peer: MemberId, now: Milliseconds): boolean {
    const progress = this.#replication.peers.get(peer);
    if (progress === undefined) return false;
    if (this.#rest.isAsleep && this.#rest.isAway(peer)) this.stir(now);
    progress.heardAt = now;
    return true;
  }

  /** Tells the target of a transfer to campaign once it has the whole log. */
  #handOver(to: MemberId): void {
    if (this.#transfer?.target !== to) return;
    const { ballot, incarnation, log, outbox } = this.#core;
    if (this.#replication.peers.get(to)?.match !== log.lastIndex) return;
    this.#mayHaveHandedOver = true;
    outbox.send({ kind: "timeoutNow", to, term: ballot.term, incarnation });
  }

  /**
   * Whether a quorum has followed so lately that nobody else can have been elected (thesis §6.4.1).
   */
  #holdsLease(now: Milliseconds): boolean {
    if (!this.#core.timing.leaseReads || !this.#serving || this.#mayHaveHandedOver) return false;
    if (this.#rest.isAsleep) return false;
    const { peers } = this.#replication;
    return now < leaseUntil(this.#core, now, (voter) => peers.get(voter)!.followedAt);
  }

  /**
   * When there will have been nothing to do for long enough; Infinity while there is: a peer that is
   * neither up to date nor away, a quorum that is not up to date, a read that waits.
   */
  #restDue(now: Milliseconds): number {
    const { configuration, id, timing } = this.#core;
    if (timing.quiesceMs === null || !this.#serving || !this.#rounds.isIdle) return Infinity;
    if (this.#transfer !== null || configuration.outgoing.length > 0) return Infinity;
    const unsettled = this.#unsettled(now);
    if (unsettled.some((peer) => !this.#replication.isAway(peer, now))) return Infinity;
    const settled = quorumValue(configuration, (voter) =>
      voter === id || !unsettled.includes(voter) ? 1 : 0,
    );
    return settled === 0 ? Infinity : this.#rest.quietAt(timing.quiesceMs);
  }

  #unsettled(now: Milliseconds): MemberId[] {
    const peers = [...this.#replication.peers.keys()];
    return peers.filter((peer) => !this.#replication.isSettled(peer, now));
  }

  #fallAsleep(now: Milliseconds): void {
    const away = this.#unsettled(now);
    for (const peer of this.#replication.peers.keys()) {
      if (!away.includes(peer)) this.#replication.sendQuiesce(peer, now);
    }
    this.#rest.sleep(away, now);
  }

  #probeAway(now: Milliseconds): void {
    for (const peer of this.#rest.takeProbes(now)) {
      if (this.#replication.peers.has(peer)) this.#replication.sendHeartbeat(peer, 0, now);
    }
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
    const { configuration, id } = this.#core;
    const { peers } = this.#replication;
    const round = quorumValue(configuration, (voter) =>
      voter === id ? this.#rounds.latest : peers.get(voter)!.roundAnswered,
    );
    this.#confirm(round);
    this.#beginRoundIfIdle(now);
  }

  #confirm(round: number): void {
    const { ballot, outbox } = this.#core;
    const confirmed = this.#rounds.confirm(round);
    outbox.confirmReads(this.#peerReads.answer(confirmed, outbox, ballot.term));
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
