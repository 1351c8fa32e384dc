// Owns a node's role, the rules of terms, and the transitions between roles (Raft §5.1, §5.2). What a
// leader does is `leadership.ts`'s, what a follower does with entries `following.ts`'s.
//
//   follower --silence--> preCandidate --would win--> candidate --majority--> leader
//      ^                       |                          |                      |
//      +------ lost, a leader of this term, or any later term, no quorum --------+
//
// A follower may sleep: its leader had nothing to do and has had all clocks stopped. Whoever asks a
// sleeper for a vote rouses it, and it asks its leader before it grants anything: or one bad link
// would depose a healthy leader, or a sleeper would refuse for ever.

import { assert } from "../base/assert.ts";
import { SLEEP_MS_MAX, SLEEP_WATCHED_MS_MAX } from "../base/limits.ts";
import { asMilliseconds, later, nextTerm } from "../base/types.ts";
import type { MemberId, Milliseconds, Term } from "../base/types.ts";
import type { Core } from "./core.ts";
import { answerPreVote, answerVote, Campaign, mayGrant } from "./election.ts";
import { hasOpenedTerm, knownLeader } from "./election.ts";
import { followAppend, followHeartbeat, refuseStaleLeader } from "./following.ts";
import { ForwardedReads } from "./forwarded-reads.ts";
import { assertOneLeader } from "./invariants.ts";
import { Leadership } from "./leadership.ts";
import { Loyalty } from "./loyalty.ts";
import { isVoter } from "./quorum.ts";
import { ReadRounds } from "./read-index.ts";
import type { Author, RoleState } from "./role.ts";
import { ElectionTimeouts } from "./timing.ts";
import { isFromLeader, isOwners } from "./types.ts";
import type {
  Configuration,
  LeaderMessage,
  Message,
  OwnersMessage,
  PreVoteAnswer,
  PreVoteMessage,
  QuiesceMessage,
  Role,
  VoteAnswer,
  VoteMessage,
} from "./types.ts";

/** A campaign on the leader's own word. */
const TAKING_OVER = { urged: false, handedOver: true };

/** The role of one node. Times are steady; every input is run by `node.ts`. */
export class Roles {
  readonly #core: Core;
  readonly #timeouts: ElectionTimeouts;
  readonly #reads = new ReadRounds();
  readonly #forwarded: ForwardedReads;
  readonly #loyalty: Loyalty;
  #author: Author | null = null;
  #state: RoleState;
  /** Whether there are watchers here: a sleeper with watchers asks its leader more often. */
  isWatched = false;

  /**
   * Starts as a follower; or, after a restart, as the leader of a term that this node opened. The
   * leader that the log names is as good as heard from, as by a sleeper, and is asked: whoever has
   * lost its memory in a sleep must not elect another at the first question.
   */
  constructor(core: Core, options: { readonly seed: number; readonly now: Milliseconds }) {
    this.#core = core;
    this.#forwarded = new ForwardedReads(core, this.#reads);
    this.#timeouts = new ElectionTimeouts(core.timing, options.seed);
    this.#loyalty = new Loyalty(core, options.now);
    this.#state = this.#following(knownLeader(core), options.now);
    if (hasOpenedTerm(core)) this.#lead(Leadership.resumed(core, this.#reads, options.now));
    else this.#makeSure(options.now);
  }

  get leadership(): Leadership | null {
    return this.#state.role === "leader" ? this.#state.leadership : null;
  }

  /** The leader of this term, as far as it was heard from; null while none is known. */
  get leader(): MemberId | null {
    if (this.#state.role === "leader") return this.#core.id;
    return this.#state.role === "follower" ? this.#state.leader : null;
  }

  get role(): Role {
    const { role } = this.#state;
    if (role === "leader") return role;
    if (role !== "follower") return "candidate";
    return isVoter(this.#core.configuration, this.#core.id) ? "follower" : "learner";
  }

  get isAsleep(): boolean {
    const state = this.#state;
    if (state.role === "leader") return state.leadership.isAsleep;
    return state.role === "follower" && state.isAsleep;
  }

  /** When `tick` is next wanted, in steady time. */
  deadline(now: Milliseconds): number {
    const state = this.#state;
    if (state.role === "leader") return Math.min(state.leadership.deadline(now), this.#wakeDue);
    return Math.min(state.electionDue, this.#forwarded.due, this.#wakeDue);
  }

  /**
   * When a sleeper is to make sure that it is not cut off; Infinity awake. A leader too, for while it
   * slept another may have been elected: then it hears no quorum, and steps down.
   */
  get #wakeDue(): number {
    if (!this.isAsleep) return Infinity;
    const state = this.#state;
    const since = state.role === "follower" ? state.heardAt : this.leadership!.restsSince;
    return later(since, this.isWatched ? SLEEP_WATCHED_MS_MAX : SLEEP_MS_MAX);
  }

  tick(at: Milliseconds): void {
    if (at >= this.#wakeDue) this.#makeSure(at);
    const state = this.#state;
    if (state.role === "leader") {
      if (state.leadership.isInTouch(at)) state.leadership.tick(at);
      else this.#follow(at);
      return;
    }
    if (at >= this.#forwarded.due) this.#askForIndex(at);
    if (at >= state.electionDue) this.#timeOut(at);
  }

  /** A read; null while no leader is known. */
  read(at: Milliseconds): number | null {
    const state = this.#state;
    if (state.role === "leader") return state.leadership.read(at);
    if (this.leader === null) return null;
    const token = this.#reads.add();
    if (!this.#reads.isUnderway) this.#askForIndex(at);
    return token;
  }

  /** Leave of a router to campaign. It releases nobody from a promise. */
  urge(at: Milliseconds): void {
    if (this.#state.role !== "leader" && !this.#loyalty.hasPromised(at)) this.#ask(at, true);
  }

  /** Somebody watches here from now on: unless the clock stands still there may be news. */
  askForNews(): void {
    if (this.#state.role !== "leader" && !this.isAsleep) this.#wake(this.leader);
  }

  /** A configuration is applied. A leader that it leaves out has done its last. */
  adopt(configuration: Configuration, at: Milliseconds): void {
    this.#core.configuration = configuration;
    this.leadership?.adopt(configuration, at);
    if (this.#state.role === "leader" && !isVoter(configuration, this.#core.id)) this.#follow(at);
  }

  receive(message: Message, at: Milliseconds): void {
    // PreVote asks about a term without entering it, so it stands outside the rules of terms.
    if (message.kind === "preVote") return this.#onPreVote(message, at);
    if (message.kind === "preVoteAnswer" && message.granted)
      return this.#onPreVoteGrant(message, at);
    // Says nothing of terms, and is the owner's to know.
    if (isOwners(message)) return;
    const { term } = this.#core.ballot;
    if (message.term < term) return this.#onStale(message, at);
    if (message.kind === "vote" && this.#denies(message, at)) return;
    if (message.term > term) this.#follow(at, message.term);
    this.#dispatch(message, at);
  }

  /** A message of this node's own term. */
  #dispatch(message: Exclude<Message, PreVoteMessage | OwnersMessage>, at: Milliseconds): void {
    switch (message.kind) {
      case "vote":
        return this.#onVote(message, at);
      case "preVoteAnswer":
        return this.#onVoteAnswer(message, "preCandidate", at);
      case "voteAnswer":
        return this.#onVoteAnswer(message, "candidate", at);
      case "append":
      case "heartbeat":
      case "quiesce":
      case "timeoutNow":
      case "snapshot":
        return this.#onLeader(message, at);
      case "wake":
        return this.leadership?.onWake(message.from, at);
      case "readRequest":
        return this.leadership?.onReadRequest(message, at);
      case "readAnswer":
        if (this.#state.role !== "leader") this.#forwarded.onAnswer(message, at);
        return;
      case "snapshotAnswer":
        if (message.incarnation !== this.#core.incarnation) return;
        if (this.#state.role === "leader") this.#core.outbox.passOn(message);
        return;
      case "appendAnswer":
        // An answer to another instance says nothing about what this one has sent.
        if (message.incarnation !== this.#core.incarnation) return;
        return this.leadership?.onAppendAnswer(message, at);
      case "heartbeatAnswer":
        if (message.incarnation !== this.#core.incarnation) return;
        this.#loyalty.hear(message.from);
        return this.leadership?.onHeartbeatAnswer(message, at);
      default:
        message satisfies never;
    }
  }

  /**
   * A message of an earlier term: a stale leader or candidate hears of the later one, or a node
   * that was cut off while terms went on could neither follow nor be elected. Answers are over.
   */
  #onStale(message: Message, at: Milliseconds): void {
    if (message.kind === "vote") answerVote(this.#core, message, false);
    if (isFromLeader(message)) refuseStaleLeader(this.#core, message);
    // A sleeper that missed the later term: this leader's next heartbeat tells it.
    if (message.kind === "wake") this.leadership?.stir(at);
  }

  /** Nobody's term and no vote changes, whatever the answer (thesis §9.6). */
  #onPreVote(message: PreVoteMessage, at: Milliseconds): void {
    const free = !this.#denies(message, at);
    answerPreVote(
      this.#core,
      message,
      free && mayGrant(this.#core, message, this.#author !== null),
    );
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
    answerVote(this.#core, message, granted);
  }

  #onVoteAnswer(
    message: PreVoteAnswer | VoteAnswer,
    role: "preCandidate" | "candidate",
    at: Milliseconds,
  ): void {
    const state = this.#state;
    if (state.role !== role) return;
    if (role === "preCandidate" && !message.granted) this.#loyalty.denied(state.campaign);
    state.campaign.count(message.from, message.granted);
    this.#resolve(at);
  }

  /** The current term's leader, or an instance of it, speaks (Raft §5.2). */
  #onLeader(message: LeaderMessage, at: Milliseconds): void {
    const { from, incarnation, term } = message;
    assertOneLeader(this.#author?.id ?? null, from, term);
    if (this.#author !== null && incarnation < this.#author.incarnation) return;
    this.#author = { id: from, incarnation };
    this.#loyalty.followed(at);
    this.#state = this.#following(from, at);
    switch (message.kind) {
      case "append":
        if (message.entries.length > 0) this.#loyalty.hearAll();
        return followAppend(this.#core, message);
      case "heartbeat":
        return followHeartbeat(this.#core, message);
      case "quiesce":
        return this.#onQuiesce(message, at);
      case "timeoutNow":
        if (isVoter(this.#core.configuration, this.#core.id)) this.#stand(at, TAKING_OVER);
        return;
      case "snapshot":
        return this.#core.outbox.passOn(message);
      default:
        message satisfies never;
    }
  }

  /**
   * Stops the clock, unless something waits here that the leader does not know of, or has come since:
   * then this message is late.
   */
  #onQuiesce({ from, commit }: QuiesceMessage, at: Milliseconds): void {
    const { log } = this.#core;
    log.commitTo(commit);
    if (!this.#reads.isIdle || log.lastIndex > commit) return;
    const asleep = { isAsleep: true, electionDue: asMilliseconds(Infinity) };
    this.#state = { role: "follower", leader: from, heardAt: at, ...asleep };
  }

  /** A follower's reads wait for an index of its leader's; without one they are lost. */
  #askForIndex(at: Milliseconds): void {
    const { leader } = this;
    if (leader === null) return this.#loseReads();
    this.#rouse(at);
    this.#forwarded.ask(leader, at);
  }

  /** A sleeper's clock goes on: its leader, which is as good as heard from just now, may be gone. */
  #rouse(at: Milliseconds): void {
    const state = this.#state;
    if (state.role !== "follower" || !state.isAsleep) return;
    this.#state = this.#following(state.leader, at);
  }

  /** An election timeout without a leader. Who has no vote waits on, and asks from time to time. */
  #timeOut(at: Milliseconds): void {
    if (isVoter(this.#core.configuration, this.#core.id)) return this.#ask(at, false);
    const electionDue = later(at, SLEEP_WATCHED_MS_MAX);
    this.#state = { role: "follower", leader: null, heardAt: at, electionDue, isAsleep: false };
    this.#wake(knownLeader(this.#core));
  }

  /** Makes sure that the leader is there: a sleeper asks it, and a leader its followers. */
  #makeSure(at: Milliseconds): void {
    if (this.#state.role === "leader") return this.#state.leadership.stir(at);
    this.#rouse(at);
    this.#wake(this.leader);
  }

  #wake(leader: MemberId | null): void {
    const { ballot, outbox } = this.#core;
    if (leader !== null) outbox.send({ kind: "wake", to: leader, term: ballot.term });
  }

  /**
   * Asks whether an election would be won, before it disturbs anyone by a new term (thesis §9.6).
   * Nobody campaigns with a committed change that is not applied: it would count by the wrong list.
   */
  #ask(at: Milliseconds, urged: boolean): void {
    const { ballot, id, log } = this.#core;
    if (!isVoter(this.#core.configuration, id)) return;
    assert(log.delivered === log.commit, "what is committed is applied before a campaign");
    const term = nextTerm(ballot.term);
    const question = { kind: "preVote", term, urged, handedOver: false } as const;
    const campaign = Campaign.open(this.#core, question);
    const electionDue = this.#timeouts.from(at, this.#loyalty.patience);
    this.#state = { role: "preCandidate", campaign, electionDue };
    this.#resolve(at);
  }

  /** Stands for election: the new term and the own vote are stored before anyone is asked. */
  #stand(at: Milliseconds, leave: { urged: boolean; handedOver: boolean }): void {
    const { ballot, id } = this.#core;
    const term = nextTerm(ballot.term);
    this.#enter(term, id);
    const campaign = Campaign.open(this.#core, { kind: "vote", term, ...leave });
    this.#state = { role: "candidate", campaign, electionDue: this.#timeouts.from(at) };
    this.#resolve(at);
  }

  /** Goes on with a campaign that is decided. */
  #resolve(at: Milliseconds): void {
    const state = this.#state;
    assert(state.role === "preCandidate" || state.role === "candidate", "a campaign is under way");
    const { result, urged } = state.campaign;
    if (result === "pending") return;
    if (result === "lost") this.#follow(at);
    else if (state.role === "preCandidate") this.#stand(at, { urged, handedOver: false });
    else this.#lead(Leadership.won(this.#core, this.#reads, at));
  }

  #lead(leadership: Leadership): void {
    this.#author = { id: this.#core.id, incarnation: this.#core.incarnation };
    this.#state = { role: "leader", leadership };
  }

  /** Follows, with no leader known yet, in `term` if that is later than the present one. */
  #follow(at: Milliseconds, term: Term = this.#core.ballot.term): void {
    if (term > this.#core.ballot.term) this.#enter(term, null);
    this.#loseReads();
    this.#state = this.#following(null, at);
  }

  #enter(term: Term, vote: MemberId | null): void {
    this.#core.ballot.enter(term, vote);
    this.#author = null;
    this.#loseReads();
    this.#loyalty.hearAll();
  }

  /** Whom the reads were asked of may lead no more. */
  #loseReads(): void {
    this.#forwarded.stop();
    const leadership = this.leadership;
    const lost = leadership === null ? this.#reads.abandon() : leadership.abandonReads();
    this.#core.outbox.loseReads(lost);
  }

  #following(leader: MemberId | null, at: Milliseconds): RoleState {
    const electionDue = this.#timeouts.from(at, this.#loyalty.patience);
    return { role: "follower", leader, heardAt: at, electionDue, isAsleep: false };
  }

  /** Whether loyalty forbids to grant what is asked. */
  #denies(message: PreVoteMessage | VoteMessage, at: Milliseconds): boolean {
    const verdict = this.#loyalty.judge(message, this.#state, at);
    if (verdict === "makeSure") this.#makeSure(at);
    return verdict !== "considered";
  }
}
