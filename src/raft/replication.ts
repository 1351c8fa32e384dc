// Owns how a leader brings its peers' logs in line with its own and learns what is committed
// (Raft §5.3, §5.4.2). When to beat, to read or to step down is `leadership.ts`'s affair.

import { assert } from "../base/assert.ts";
import { asLogIndex, later, nextIndex } from "../base/types.ts";
import type { LogIndex, MemberId, Milliseconds } from "../base/types.ts";
import type { Core } from "./core.ts";
import { Progress } from "./progress.ts";
import { otherMembers, quorumValue } from "./quorum.ts";
import type { AppendAnswer, Configuration, HeartbeatAnswer } from "./types.ts";

/** The peers of a leader and what each is known to hold. */
export class Replication {
  readonly #core: Core;
  /** Voters and learners alike: a learner is replicated to and never counted. */
  readonly #peers: Map<MemberId, Progress>;

  /** Every peer is in probe: a leader knows nothing of the others' logs, even a resumed one. */
  constructor(core: Core, now: Milliseconds) {
    this.#core = core;
    const next = nextIndex(core.log.lastIndex);
    const members = otherMembers(core.configuration, core.id);
    this.#peers = new Map(members.map((peer) => [peer, new Progress(next, now)]));
  }

  get peers(): ReadonlyMap<MemberId, Progress> {
    return this.#peers;
  }

  /** Takes over a configuration that was applied: who is new is probed, who has left is let go. */
  adopt(configuration: Configuration, now: Milliseconds): void {
    const members = otherMembers(configuration, this.#core.id);
    for (const peer of this.#peers.keys()) if (!members.includes(peer)) this.#peers.delete(peer);
    const next = nextIndex(this.#core.log.lastIndex);
    for (const peer of members) {
      if (!this.#peers.has(peer)) this.#peers.set(peer, new Progress(next, now));
    }
  }

  /** Whether the peer has everything, knows that it is committed, and is there to be told to sleep. */
  isSettled(peer: MemberId, now: Milliseconds): boolean {
    const { match, commitTold, heardAt } = this.#progress(peer);
    const { commit, lastIndex } = this.#core.log;
    if (now >= later(heardAt, this.#core.timing.electionMsMin)) return false;
    return match === lastIndex && commit === lastIndex && commitTold === commit;
  }

  /** Whether the peer has been silent for so long that it is not waited for. */
  isAway(peer: MemberId, now: Milliseconds): boolean {
    return now >= later(this.#progress(peer).heardAt, this.#core.timing.electionMsMax);
  }

  /** The peers that are there and need entries that are trimmed. */
  awaitingSnapshot(now: Milliseconds): MemberId[] {
    const isAwaiting = ([peer, { state }]: [MemberId, Progress]): boolean =>
      state === "snapshot" && !this.isAway(peer, now);
    return [...this.#peers].filter(isAwaiting).map(([peer]) => peer);
  }

  /** Tells a peer that is up to date to stop its clock. */
  sendQuiesce(peer: MemberId, now: Milliseconds): void {
    const { ballot, incarnation, log, outbox } = this.#core;
    outbox.send({
      kind: "quiesce",
      to: peer,
      term: ballot.term,
      incarnation,
      commit: log.commit,
    });
    this.#progress(peer).sentAt = now;
  }

  /** Sends to every peer what its window has room for. */
  sendToAll(now: Milliseconds): void {
    for (const peer of this.#peers.keys()) this.sendTo(peer, now);
  }

  /** Sends what the peer's window has room for: in state probe one append, though it be empty. */
  sendTo(peer: MemberId, now: Milliseconds): void {
    const progress = this.#progress(peer);
    while (progress.isOpen && (progress.state === "probe" || this.#isBehind(progress))) {
      this.#append(peer, progress, now);
    }
  }

  /** The peer has asked for news. Whoever is no peer of ours is none of our concern. */
  asked(peer: MemberId, now: Milliseconds): void {
    const progress = this.#peers.get(peer);
    if (progress !== undefined) progress.askedAt = now;
  }

  /** Whether a peer where somebody waits is to be told the commit index. */
  isCommitWanted(now: Milliseconds): boolean {
    const { commit } = this.#core.log;
    for (const progress of this.#peers.values()) {
      if (progress.wantsCommit(commit, now)) return true;
    }
    return false;
  }

  /** Tells it to those peers; the others hear it with the next append or heartbeat. */
  flushCommit(now: Milliseconds): void {
    for (const [peer, progress] of this.#peers) {
      if (progress.wantsCommit(this.#core.log.commit, now)) this.#append(peer, progress, now);
    }
  }

  /** Tells the commit index to all peers to whom no append has told it. */
  sendCommit(now: Milliseconds): void {
    for (const [peer, progress] of this.#peers) {
      const knows = progress.commitTold >= this.#core.log.commit;
      // A probe tells it anyway once it is answered; a peer that lags too far could not use it.
      if (!knows && progress.state === "replicate") this.#append(peer, progress, now);
    }
  }

  /** A heartbeat tells only what is committed and known to match, so it needs no check. */
  sendHeartbeat(peer: MemberId, round: number, now: Milliseconds): void {
    const { ballot, incarnation, log, outbox } = this.#core;
    const progress = this.#progress(peer);
    const commit = asLogIndex(Math.min(progress.match, log.commit));
    outbox.send({
      kind: "heartbeat",
      to: peer,
      term: ballot.term,
      incarnation,
      commit,
      round,
      sentAt: now,
    });
    this.#tell(progress, commit);
    progress.beat(commit, now);
    progress.sentAt = now;
  }

  onAppendAnswer(answer: AppendAnswer, now: Milliseconds): void {
    const { log } = this.#core;
    const progress = this.#progress(answer.from);
    progress.isAwaited = answer.isAwaited;
    if (answer.rejected === null) {
      assert(answer.index <= log.lastIndex, "a follower holds nothing of this term but ours");
      progress.accepted(answer.index, log.firstIndex);
    } else {
      const { hintIndex: index, hintTerm: term } = answer.rejected;
      if (!progress.rejected(answer.index, log.agreementWith({ index, term }))) return;
    }
    this.sendTo(answer.from, now);
  }

  onHeartbeatAnswer(answer: HeartbeatAnswer, now: Milliseconds): void {
    const { lastIndex, sentAt, isAwaited } = answer;
    const progress = this.#progress(answer.from);
    progress.isAwaited = isAwaited;
    progress.answeredBeat(sentAt);
    const { heartbeatMs } = this.#core.timing;
    const lost = progress.answeredHeartbeat({ lastIndex, heartbeatMs, now });
    if (lost) this.sendTo(answer.from, now);
  }

  /** A call to the peer failed or timed out. Whoever is no peer of ours is none of our concern. */
  lost(peer: MemberId): void {
    this.#peers.get(peer)?.lost();
  }

  /**
   * The last index that a quorum holds, oneself included: storage is synchronous, so what is in
   * this log is as durable as anything sent after it (ARCHITECTURE.md, the output gate).
   */
  quorumMatch(): LogIndex {
    const { configuration, id, log } = this.#core;
    return quorumValue(configuration, (voter) =>
      voter === id ? log.lastIndex : this.#progress(voter).match,
    );
  }

  /** The commit index that a quorum has said to know, oneself included. */
  quorumKnows(): LogIndex {
    const { configuration, id, log } = this.#core;
    return quorumValue(configuration, (voter) =>
      voter === id ? log.commit : this.#progress(voter).commitKnown,
    );
  }

  /**
   * Commits what a quorum holds, but only up to an entry of this term: one of an older term may
   * still be overwritten though a majority holds it, until one after it commits (Raft §5.4.2,
   * figure 8).
   */
  advanceCommit(): void {
    const { ballot, log } = this.#core;
    const index = this.quorumMatch();
    if (log.termAt(index) === ballot.term) log.commitTo(index);
  }

  #isBehind(progress: Progress): boolean {
    return progress.next <= this.#core.log.lastIndex;
  }

  #append(peer: MemberId, progress: Progress, now: Milliseconds): void {
    const { ballot, incarnation, log, outbox } = this.#core;
    const previousIndex = asLogIndex(progress.next - 1);
    const previousTerm = log.termAt(previousIndex);
    if (previousTerm === null) return progress.awaitSnapshot();
    const entries = progress.isOpen ? log.entriesToSend(progress.next) : [];
    const { commit } = log;
    outbox.send({
      kind: "append",
      to: peer,
      term: ballot.term,
      incarnation,
      previousIndex,
      previousTerm,
      entries,
      commit,
    });
    this.#tell(progress, asLogIndex(Math.min(commit, previousIndex + entries.length)));
    progress.sent(nextIndex(progress.next, entries.length), now);
  }

  #tell(progress: Progress, commit: LogIndex): void {
    if (commit > progress.commitTold) progress.commitTold = commit;
  }

  #progress(peer: MemberId): Progress {
    const progress = this.#peers.get(peer);
    assert(progress !== undefined, "a leader keeps progress for every member");
    return progress;
  }
}
