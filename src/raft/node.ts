// Owns one Raft node as its owner sees it: inputs, effects, status. Silent and deterministic: inputs
// come with the time, effects wait in `takeReady`, storage is written within the input. Raft =
// Ongaro & Ousterhout 2014, in the manner of etcd/raft's raft.go. What a message does is decided in
// `roles.ts` and behind it.

import { assert, present } from "../base/assert.ts";
import { ENTRY_COMMAND_MIN } from "../base/entry-kinds.ts";
import { asLogIndex, asMilliseconds } from "../base/types.ts";
import type { Incarnation, LogIndex, MemberId, Milliseconds, Term } from "../base/types.ts";
import { Ballot } from "./ballot.ts";
import { configurationOf } from "./configuration.ts";
import type { Core } from "./core.ts";
import { assertTransition, type Vitals } from "./invariants.ts";
import type { PeerStatus } from "./peer-status.ts";
import { RaftLog, type LogPosition } from "./log.ts";
import { Outbox } from "./outbox.ts";
import { isVoter } from "./quorum.ts";
import type { Proposed, RaftStatus, Ready } from "./ready.ts";
import { Roles } from "./roles.ts";
import { assertTiming, DEFAULT_TIMING, SteadyClock, type Timing } from "./timing.ts";
import type {
  Configuration,
  Message,
  Payload,
  RaftStorage,
  SnapshotAnswer,
  SnapshotMessage,
} from "./types.ts";

export { DEFAULT_TIMING, type PeerStatus, type Timing };

/** What the owner of a snapshot sends of it. */
export type SnapshotPart = Pick<
  SnapshotMessage,
  "snapshot" | "index" | "indexTerm" | "part" | "data"
>;

/** What the receiver of one says to its sender. */
export type SnapshotWanted = Pick<SnapshotAnswer, "part" | "cursor" | "isDone">;

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
  /** The version of this code; see `HeartbeatAnswer`. */
  readonly version: number;
}

/**
 * A Raft node. `now` of every input is one clock, in milliseconds. After any input call `takeReady`
 * and perform what it returns. An InvariantError leaves the node unusable: its owner stops.
 */
export class RaftNode {
  readonly #core: Core;
  readonly #clock: SteadyClock;
  readonly #roles: Roles;

  constructor(options: RaftOptions) {
    const { id, configuration, storage, incarnation, timing } = options;
    assertTiming(timing);
    this.#core = {
      id,
      configuration,
      incarnation,
      version: options.version,
      isFull: false,
      isAwaited: true,
      timing,
      ballot: new Ballot(storage),
      log: new RaftLog(storage, options.applied),
      outbox: new Outbox(id),
    };
    this.#clock = new SteadyClock(options.now);
    this.#roles = new Roles(this.#core, options);
  }

  /** Takes in a message of a peer. One that is addressed to another node is dropped. */
  step(message: Message, now: Milliseconds): void {
    if (message.to !== this.#core.id || message.from === this.#core.id) return;
    this.#input(now, (at) => this.#roles.receive(message, at));
  }

  /** Does what is due by `now`. Early and repeated calls do no harm. */
  tick(now: Milliseconds): void {
    this.#input(now, (at) => this.#roles.tick(at));
  }

  /** Appends entries of kinds from ENTRY_COMMAND_MIN up, at least one. Null: not the leader. */
  propose(payloads: readonly Payload[], now: Milliseconds): Proposed | null {
    const opaque = payloads.every((payload) => payload.kind >= ENTRY_COMMAND_MIN);
    assert(opaque, "a proposal's kinds are the state machine's");
    return this.#input(now, (at) => this.#roles.leadership?.propose(payloads, at) ?? null);
  }

  /**
   * Proposes a change of who takes part: an entry of kind ENTRY_CONFIGURATION, whose data begins with
   * the configuration, see `configuration.ts`. Null: not the leader, or another change is under way.
   */
  change(payload: Payload, now: Milliseconds): Proposed | null {
    return this.#input(now, (at) => this.#roles.leadership?.change(payload, at) ?? null);
  }

  /**
   * Hands leadership over to another voter: it is brought up to date and told to campaign; until that
   * succeeds or is given up, `status().isHandingOver`. No-op unless this node leads.
   */
  transfer(target: MemberId, now: Milliseconds): void {
    assert(target !== this.#core.id && isVoter(this.configuration, target), "a voter takes over");
    this.#input(now, (at) => this.#roles.leadership?.transfer(target, at));
  }

  /**
   * Asks for an index at which a linearizable read may be answered: a leader confirms its own commit
   * index, a follower asks its leader for it. Returns a token, to come back in `Ready.reads` or
   * `Ready.readsLost`; null: no leader is known. The owner bounds how many may wait.
   */
  readIndex(now: Milliseconds): number | null {
    return this.#input(now, (at) => this.#roles.read(at));
  }

  /** The router's leave to campaign at once, since it could not reach the leader. */
  campaign(now: Milliseconds): void {
    this.#input(now, (at) => this.#roles.urge(at));
  }

  /** A call to `peer` failed or timed out: what was under way to it is taken for lost. */
  unreachable(peer: MemberId, now: Milliseconds): void {
    this.#input(now, () => this.#roles.leadership?.lost(peer));
  }

  /** As leader: whether somebody waits at a follower for a commit index that it was not told. */
  isCommitWanted(): boolean {
    return this.#roles.leadership?.commits.isCommitWanted(this.#clock.now) ?? false;
  }

  /** As leader, tells it to those followers; all others hear of it with what is sent next. */
  flushCommit(now: Milliseconds): void {
    this.#input(now, (at) => this.#roles.leadership?.commits.flushCommit(at));
  }

  /** Sends a part of a snapshot to a peer that waits for one. No-op unless this node leads. */
  sendSnapshot(to: MemberId, part: SnapshotPart, now: Milliseconds): void {
    this.#input(now, () => {
      const { ballot, incarnation, outbox } = this.#core;
      if (this.#roles.leadership === null) return;
      outbox.send({ kind: "snapshot", to, term: ballot.term, incarnation, ...part });
    });
  }

  /** Answers a part that came in `Ready.snapshots`. */
  answerSnapshot(part: SnapshotMessage, wants: SnapshotWanted): void {
    const { ballot, outbox } = this.#core;
    const { from: to, incarnation, snapshot } = part;
    const { term } = ballot;
    outbox.send({ kind: "snapshotAnswer", to, term, incarnation, snapshot, ...wants });
  }

  /** As leader: the peer's state covers `index`, by a snapshot. */
  snapshotInstalled(peer: MemberId, index: LogIndex, now: Milliseconds): void {
    this.#input(now, (at) => this.#roles.leadership?.snapshotInstalled(peer, index, at));
  }

  /** As leader, the commit index that a quorum has said to know; 0 on all others. */
  quorumKnows(): LogIndex {
    return this.#roles.leadership?.quorumKnows() ?? asLogIndex(0);
  }

  /** As leader: the peers that are there and need entries that are trimmed. */
  awaitingSnapshot(): readonly MemberId[] {
    return this.#roles.leadership?.awaitingSnapshot(this.#clock.now) ?? [];
  }

  /** The term of an entry that is held, or of the last one that is not. */
  termOf(index: LogIndex): Term {
    return present(this.#core.log.termAt(index), `entry ${index} is held`);
  }

  /** Whether the log or what was applied covers an entry: then a snapshot up to it brings nothing. */
  covers(position: LogPosition): boolean {
    return this.#core.log.commit >= position.index || this.#core.log.matches(position);
  }

  /** Drops entries up to `index` at most, all of them applied. */
  trim(index: LogIndex): void {
    this.#core.log.trim(index);
  }

  /** Whether this replica's database has no room left: its leader is told. */
  setFull(isFull: boolean): void {
    this.#core.isFull = isFull;
  }

  /** Whether there are watchers here: a sleeper with watchers asks its leader more often. */
  setWatched(isWatched: boolean): void {
    if (isWatched && !this.#roles.isWatched) this.#roles.askForNews();
    this.#roles.isWatched = isWatched;
  }

  /** Whether anybody waits here for what is committed: the leader is told with the next answer. */
  setAwaited(isAwaited: boolean): void {
    this.#core.isAwaited = isAwaited;
  }

  /** When `tick` is next wanted, by the owner's clock. Infinity: only another input can matter. */
  deadline(): Milliseconds {
    const due = this.#roles.deadline(this.#clock.now);
    return this.#clock.ownerTime(asMilliseconds(due));
  }

  get configuration(): Configuration {
    return this.#core.configuration;
  }

  status(): RaftStatus {
    const { ballot, log } = this.#core;
    const { role, leader, leadership, isAsleep } = this.#roles;
    return {
      role,
      term: ballot.term,
      leader,
      commit: log.commit,
      lastIndex: log.lastIndex,
      serving: leadership?.serving ?? false,
      isAsleep,
      isHandingOver: leadership?.isHandingOver ?? false,
    };
  }

  /** A leader's knowledge of its peers; empty on all others. */
  peers(): readonly PeerStatus[] {
    return this.#roles.leadership?.peers() ?? [];
  }

  /** Peers that have said to have no room left; empty unless this node leads. */
  fullPeers(): readonly MemberId[] {
    return this.#roles.leadership?.fullPeers() ?? [];
  }

  /** How many entries are committed and were not handed out. */
  get undelivered(): number {
    return this.#core.log.commit - this.#core.log.delivered;
  }

  /** The messages of what `takeReady` would hand out: they need not wait for what is to be applied. */
  takeMessages(): readonly Message[] {
    return this.#core.outbox.takeMessages();
  }

  hasReady(): boolean {
    return !this.#core.outbox.isEmpty || this.#core.log.hasUndelivered;
  }

  /**
   * Hands out the effects of all inputs since the last call, each once. A change of the configuration
   * among the entries takes effect with this: the owner applies what it gets at once.
   */
  takeReady(): Ready {
    const { log } = this.#core;
    const overwrittenFrom = log.takeOverwritten();
    const committed = log.deliver();
    for (const entry of committed) {
      const configuration = configurationOf(entry);
      if (configuration !== null) this.#roles.adopt(configuration, this.#clock.now);
    }
    return { ...this.#core.outbox.take(), committed, overwrittenFrom };
  }

  /** Runs one input between checks of what must hold. */
  #input<T>(now: Milliseconds, body: (at: Milliseconds) => T): T {
    const before = this.#vitals();
    const result = body(this.#clock.read(now));
    assertTransition(before, this.#vitals());
    return result;
  }

  #vitals(): Vitals {
    const { ballot, log } = this.#core;
    const { term, vote } = ballot;
    const leads = this.#roles.leadership !== null;
    return { leads, term, vote, commit: log.commit, lastIndex: log.lastIndex };
  }
}
