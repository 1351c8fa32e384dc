// Owns one Raft node: its role, the rules of terms, and the transitions between roles. Silent and
// deterministic: inputs come with the time, effects wait in `takeReady`, storage is written within
// the input. Raft = Ongaro & Ousterhout 2014, in the manner of etcd/raft's raft.go.
//
//   follower --silence--> preCandidate --would win--> candidate --majority--> leader
//      ^                       |                          |                      |
//      +------ lost, a leader of this term, or any later term, no quorum --------+
//
// Not built yet, and where it belongs: membership changes and snapshots are messages and entries of
// their own (`core.ts`, `progress.ts`); leadership transfer and quiescence start at the leader
// (`leadership.ts`), where a quiesced follower will not campaign in `#timeOut` before it has asked.

import { assert } from "../base/assert.ts";
import { ENTRY_COMMAND_MIN } from "../base/entry-kinds.ts";
import { later, nextTerm } from "../base/types.ts";
import type { Incarnation, LogIndex, MemberId, Milliseconds, Term } from "../base/types.ts";
import { Ballot } from "./ballot.ts";
import type { Core } from "./core.ts";
import { Campaign, hasOpenedTerm, mayGrant } from "./election.ts";
import { followAppend, followHeartbeat, refuseStaleLeader } from "./following.ts";
import { assertOneLeader, assertTransition, type Vitals } from "./invariants.ts";
import { Leadership, type PeerStatus } from "./leadership.ts";
import { RaftLog } from "./log.ts";
import { Outbox } from "./outbox.ts";
import { isVoter } from "./quorum.ts";
import { Random } from "./random.ts";
import { ReadRounds } from "./read-index.ts";
import type { Proposed, RaftStatus, Ready } from "./ready.ts";
import type { Author, RoleState } from "./role.ts";
import { assertTiming, DEFAULT_TIMING, SteadyClock, type Timing } from "./timing.ts";
import type {
  AppendMessage,
  Configuration,
  HeartbeatMessage,
  Message,
  Payload,
  PreVoteAnswer,
  PreVoteMessage,
  RaftStorage,
  Role,
  VoteAnswer,
  VoteMessage,
} from "./types.ts";

export { DEFAULT_TIMING, type PeerStatus, type Timing };

export interface RaftOptions {
  readonly id: MemberId;
  readonly configuration: Configuration;
  readonly storage: RaftStorage;
  /** Already raised, durably, by the owner: no two instances may share one. */
  readonly incarnation: Incarnation;
  /** What the owner's state machine has applied: the commit index starts there. */
  readonly applied: LogIndex;
  /** Seeds the choice of election timeouts. */
  readonly seed: number;
  readonly now: Milliseconds;
  readonly timing: Timing;
}

/**
 * A Raft node. `now` of every input is one clock, in milliseconds. After any input call `takeReady`
 * and perform what it returns. An InvariantError leaves the node unusable: its owner stops.
 */
export class RaftNode {
  readonly configuration: Configuration;
  readonly #core: Core;
  readonly #clock: SteadyClock;
  readonly #random: Random;
  readonly #reads = new ReadRounds();
  #author: Author | null = null;
  #state: RoleState;

  constructor(options: RaftOptions) {
    const { id, configuration, storage, incarnation, timing } = options;
    assertTiming(timing);
    this.configuration = configuration;
    this.#core = {
      id,
      configuration,
      incarnation,
      timing,
      ballot: new Ballot(storage),
      log: new RaftLog(storage, options.applied),
      outbox: new Outbox(id),
    };
    this.#clock = new SteadyClock(options.now);
    this.#random = new Random(options.seed);
    this.#state = this.#following(null, options.now);
    if (hasOpenedTerm(this.#core))
      this.#lead(Leadership.resumed(this.#core, this.#reads, options.now));
  }

  /** Takes in a message of a peer. One that is addressed to another node is dropped. */
  step(message: Message, now: Milliseconds): void {
    if (message.to !== this.#core.id || message.from === this.#core.id) return;
    this.#input(now, (at) => this.#receive(message, at));
  }

  /** Does what is due by `now`. Early and repeated calls do no harm. */
  tick(now: Milliseconds): void {
    this.#input(now, (at) => {
      const state = this.#state;
      if (state.role === "leader") {
        if (state.leadership.isInTouch(at)) state.leadership.tick(at);
        else this.#follow(at);
      } else if (at >= state.electionDue) {
        this.#timeOut(at);
      }
    });
  }

  /** Appends entries of kinds from ENTRY_COMMAND_MIN up, at least one. Null: not the leader. */
  propose(payloads: readonly Payload[], now: Milliseconds): Proposed | null {
    const opaque = payloads.every((payload) => payload.kind >= ENTRY_COMMAND_MIN);
    assert(opaque, "a proposal's kinds are the state machine's");
    return this.#input(now, (at) => this.#leadership()?.propose(payloads, at) ?? null);
  }

  /**
   * Asks for an index at which a linearizable read may be answered. Returns a token, to come back in
   * `Ready.reads` or `Ready.readsLost`; null: not the leader. The owner bounds how many may wait.
   */
  readIndex(now: Milliseconds): number | null {
    return this.#input(now, (at) => this.#leadership()?.read(at) ?? null);
  }

  /** The router's leave to campaign at once, since it could not reach the leader. */
  campaign(now: Milliseconds): void {
    this.#input(now, (at) => {
      if (this.#state.role !== "leader") this.#ask(at, true);
    });
  }

  /** A call to `peer` failed or timed out: what was under way to it is taken for lost. */
  unreachable(peer: MemberId, now: Milliseconds): void {
    this.#input(now, () => this.#leadership()?.lost(peer));
  }

  /** As leader, tells followers the commit index where no append has told it. */
  flushCommit(now: Milliseconds): void {
    this.#input(now, (at) => this.#leadership()?.flushCommit(at));
  }

  /** When `tick` is next wanted, by the owner's clock. Never infinite. */
  deadline(): Milliseconds {
    const state = this.#state;
    if (state.role !== "leader") return this.#clock.ownerTime(state.electionDue);
    return this.#clock.ownerTime(state.leadership.deadline(this.#clock.now));
  }

  status(): RaftStatus {
    const { ballot, log } = this.#core;
    return {
      role: this.#role(),
      term: ballot.term,
      leader: this.#leader(),
      commit: log.commit,
      lastIndex: log.lastIndex,
      serving: this.#leadership()?.serving ?? false,
    };
  }

  /** A leader's knowledge of its peers, for diagnostics; empty on all others. */
  peers(): readonly PeerStatus[] {
    return this.#leadership()?.peers() ?? [];
  }

  hasReady(): boolean {
    return !this.#core.outbox.isEmpty || this.#core.log.hasUndelivered;
  }

  /** Hands out the effects of all inputs since the last call, each once. */
  takeReady(): Ready {
    const { log, outbox } = this.#core;
    const overwrittenFrom = log.takeOverwritten();
    return { ...outbox.take(), committed: log.deliver(), overwrittenFrom };
  }

  /** Runs one input between checks of what must hold. */
  #input<T>(now: Milliseconds, body: (at: Milliseconds) => T): T {
    const before = this.#vitals();
    const result = body(this.#clock.read(now));
    assertTransition(before, this.#vitals());
    return result;
  }

  #receive(message: Message, at: Milliseconds): void {
    // PreVote asks about a term without entering it, so it stands outside the rules of terms.
    if (message.kind === "preVote") return this.#onPreVote(message, at);
    if (message.kind === "preVoteAnswer" && message.granted)
      return this.#onPreVoteGrant(message, at);
    const { term } = this.#core.ballot;
    if (message.term < term) return this.#onStale(message);
    if (message.kind === "vote" && this.#denies(message, at)) return;
    if (message.term > term) this.#follow(at, message.term);
    this.#dispatch(message, at);
  }

  /** A message of this node's own term. */
  #dispatch(message: Exclude<Message, PreVoteMessage>, at: Milliseconds): void {
    switch (message.kind) {
      case "vote":
        return this.#onVote(message, at);
      case "preVoteAnswer":
        return this.#onVoteAnswer(message, "preCandidate", at);
      case "voteAnswer":
        return this.#onVoteAnswer(message, "candidate", at);
      case "append":
      case "heartbeat":
        return this.#onLeader(message, at);
      case "appendAnswer":
        // An answer to another instance says nothing about what this one has sent.
        if (message.incarnation !== this.#core.incarnation) return;
        return this.#leadership()?.onAppendAnswer(message, at);
      case "heartbeatAnswer":
        if (message.incarnation !== this.#core.incarnation) return;
        return this.#leadership()?.onHeartbeatAnswer(message, at);
      default:
        message satisfies never;
    }
  }

  /**
   * A message of an earlier term: a stale leader or candidate hears of the later one, or a node
   * that was cut off while terms went on could neither follow nor be elected. Answers are over.
   */
  #onStale(message: Exclude<Message, PreVoteMessage>): void {
    if (message.kind === "vote") this.#answerVote(message, false);
    if (message.kind === "append" || message.kind === "heartbeat") {
      refuseStaleLeader(this.#core, message);
    }
  }

  /** Nobody's term and no vote changes, whatever the answer (thesis §9.6). */
  #onPreVote(message: PreVoteMessage, at: Milliseconds): void {
    const { ballot, outbox } = this.#core;
    const granted =
      !this.#denies(message, at) && mayGrant(this.#core, message, this.#author !== null);
    // A grant bears the term that was asked for; a denial the voter's own, for it may be later.
    const term = granted ? message.term : ballot.term;
    outbox.send({ kind: "preVoteAnswer", to: message.from, term, granted });
  }

  #onPreVoteGrant(message: PreVoteAnswer, at: Milliseconds): void {
    if (message.term !== nextTerm(this.#core.ballot.term)) return;
    this.#onVoteAnswer(message, "preCandidate", at);
  }

  #onVote(message: VoteMessage, at: Milliseconds): void {
    const granted = mayGrant(this.#core, message, this.#author !== null);
    if (granted) this.#core.ballot.cast(message.from);
    // Whom one has just voted for gets time to win. A late repetition of the leader's own request
    // must not make its voter forget that it leads.
    if (granted && this.#author === null) this.#state = this.#following(null, at);
    this.#answerVote(message, granted);
  }

  #answerVote(message: VoteMessage, granted: boolean): void {
    const { ballot, outbox } = this.#core;
    outbox.send({ kind: "voteAnswer", to: message.from, term: ballot.term, granted });
  }

  #onVoteAnswer(
    message: PreVoteAnswer | VoteAnswer,
    role: "preCandidate" | "candidate",
    at: Milliseconds,
  ): void {
    const state = this.#state;
    if (state.role !== role) return;
    state.campaign.count(message.from, message.granted);
    this.#resolve(at);
  }

  /** The current term's leader, or an instance of it, speaks (Raft §5.2). */
  #onLeader(message: AppendMessage | HeartbeatMessage, at: Milliseconds): void {
    const { from, incarnation, term } = message;
    assertOneLeader(this.#author?.id ?? null, from, term);
    if (this.#author !== null && incarnation < this.#author.incarnation) return;
    this.#author = { id: from, incarnation };
    this.#state = this.#following(from, at);
    if (message.kind === "append") followAppend(this.#core, message);
    else followHeartbeat(this.#core, message);
  }

  /** An election timeout without a leader. Whoever has no vote waits on. */
  #timeOut(at: Milliseconds): void {
    if (isVoter(this.configuration, this.#core.id)) this.#ask(at, false);
    else this.#state = this.#following(null, at);
  }

  /**
   * Asks whether an election would be won, before it disturbs anyone by a new term (thesis §9.6).
   * With membership changes, nobody may campaign while a committed one is not yet applied.
   */
  #ask(at: Milliseconds, urged: boolean): void {
    const { ballot, id } = this.#core;
    if (!isVoter(this.configuration, id)) return;
    const term = nextTerm(ballot.term);
    const campaign = Campaign.open(this.#core, { kind: "preVote", term, urged });
    this.#state = { role: "preCandidate", campaign, electionDue: this.#electionDue(at) };
    this.#resolve(at);
  }

  /** Stands for election: the new term and the own vote are stored before anyone is asked. */
  #stand(at: Milliseconds, urged: boolean): void {
    const { ballot, id } = this.#core;
    const term = nextTerm(ballot.term);
    this.#enter(term, id);
    const campaign = Campaign.open(this.#core, { kind: "vote", term, urged });
    this.#state = { role: "candidate", campaign, electionDue: this.#electionDue(at) };
    this.#resolve(at);
  }

  /** Goes on with a campaign that is decided. */
  #resolve(at: Milliseconds): void {
    const state = this.#state;
    assert(state.role === "preCandidate" || state.role === "candidate", "a campaign is under way");
    const { result, urged } = state.campaign;
    if (result === "pending") return;
    if (result === "lost") this.#follow(at);
    else if (state.role === "preCandidate") this.#stand(at, urged);
    else this.#lead(Leadership.won(this.#core, this.#reads, at));
  }

  #lead(leadership: Leadership): void {
    this.#author = { id: this.#core.id, incarnation: this.#core.incarnation };
    this.#state = { role: "leader", leadership };
  }

  /** Follows, with no leader known yet, in `term` if that is later than the present one. */
  #follow(at: Milliseconds, term: Term = this.#core.ballot.term): void {
    if (term > this.#core.ballot.term) this.#enter(term, null);
    if (this.#state.role === "leader") this.#core.outbox.loseReads(this.#reads.abandon());
    this.#state = this.#following(null, at);
  }

  #enter(term: Term, vote: MemberId | null): void {
    this.#core.ballot.enter(term, vote);
    this.#author = null;
  }

  #following(leader: MemberId | null, at: Milliseconds): RoleState {
    return { role: "follower", leader, heardAt: at, electionDue: this.#electionDue(at) };
  }

  #electionDue(at: Milliseconds): Milliseconds {
    const { electionMsMin, electionMsMax } = this.#core.timing;
    return later(at, this.#random.between(electionMsMin, electionMsMax));
  }

  /**
   * Leader stickiness: whoever leads, or has heard its leader within the minimum election timeout,
   * denies its vote, so that a node that was cut off cannot depose a healthy leader (thesis
   * §4.2.3). A vote is denied by silence, since its term must not be entered.
   */
  #denies(message: PreVoteMessage | VoteMessage, at: Milliseconds): boolean {
    if (message.urged || message.term <= this.#core.ballot.term) return false;
    const state = this.#state;
    if (state.role === "leader") return true;
    if (state.role !== "follower" || state.leader === null) return false;
    return at < later(state.heardAt, this.#core.timing.electionMsMin);
  }

  #leadership(): Leadership | null {
    return this.#state.role === "leader" ? this.#state.leadership : null;
  }

  #leader(): MemberId | null {
    if (this.#state.role === "leader") return this.#core.id;
    return this.#state.role === "follower" ? this.#state.leader : null;
  }

  #role(): Role {
    const { role } = this.#state;
    if (role === "leader") return role;
    if (role !== "follower") return "candidate";
    return isVoter(this.configuration, this.#core.id) ? "follower" : "learner";
  }

  #vitals(): Vitals {
    const { ballot, log } = this.#core;
    const { term, vote } = ballot;
    const leads = this.#state.role === "leader";
    return { leads, term, vote, commit: log.commit, lastIndex: log.lastIndex };
  }
}
