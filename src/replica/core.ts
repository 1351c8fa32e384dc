// Owns the wiring of one replica: consensus, store, leases and watches behind a handful of inputs.
// It is pure: time comes in with each input, effects are taken after it, and the same file runs in
// a Durable Object and in a simulation. It neither sends nor sleeps.

import type { ReplicaLevels } from "../api/metrics.ts";
import type { Directory, ReplicaCall, ReplicaStatus } from "../api/replica.ts";
import type { ReceiverFrame } from "../api/session.ts";
import { assert } from "../base/assert.ts";
import type { Membership } from "../base/membership.ts";
import { APPLIED_BEFORE_ANSWER_MAX } from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import {
  asLogIndex,
  asMilliseconds,
  type Incarnation,
  type MemberId,
  type Milliseconds,
  type Term,
} from "../base/types.ts";
import { CODE_VERSION } from "../base/versions.ts";
import { DEFAULT_TIMING, RaftNode, type Timing } from "../raft/node.ts";
import type { Ready } from "../raft/ready.ts";
import { SqlLog } from "../raft/sql-log.ts";
import { isOwners, type Configuration, type Entry, type Message } from "../raft/types.ts";
import type { Downloads } from "./downloads.ts";
import { Audience } from "./audience.ts";
import { CommitFlush } from "./commit-flush.ts";
import type { Effects } from "./effects.ts";
import { Inquiry } from "./inquiry.ts";
import { Integrity } from "./integrity.ts";
import { Machine } from "./machine.ts";
import { hasBeenMember, isRemoved, nextGeneration } from "./members.ts";
import { PeerOutbox } from "./outbox.ts";
import { isReadAnywhere } from "./requests.ts";
import { Service } from "./service.ts";
import { Sessions, type SessionOpening } from "./sessions.ts";
import { Snapshots } from "./snapshots.ts";
import { Standpoint } from "./standpoint.ts";
import { Upgrade } from "./upgrade.ts";

/** What a birth certificate says of this replica. */
export interface Identity {
  readonly memberId: MemberId;
  readonly directory: Directory;
  readonly configuration: Configuration;
}

export interface CoreOptions {
  readonly identity: Identity;
  readonly sql: SqlPort;
  /** Raised durably by the owner, in the same turn at the latest. */
  readonly incarnation: Incarnation;
  readonly seed: number;
  readonly now: Milliseconds;
  /** Durations other than the usual ones. */
  readonly timing?: Partial<Timing>;
  readonly progressMs?: number;
  /** The version of the code, for tests of two that form one cluster. */
  readonly codeVersion?: number;
}

export class ReplicaCore {
  readonly #identity: Identity;
  readonly #machine: Machine;
  readonly #raft: RaftNode;
  readonly #standpoint: Standpoint;
  readonly #sessions: Sessions;
  readonly #service: Service;
  readonly #snapshots: Snapshots;
  readonly #integrity: Integrity;
  /** When followers are to be told of commits that no append has told them. */
  readonly #outbox = new PeerOutbox();
  readonly #inquiry: Inquiry;
  readonly #upgrade: Upgrade;
  #traces: Effects["traces"][number][] = [];
  #membershipChanged = false;
  /** A membership was applied that no majority is known to know. */
  #isUnsettled = false;
  #settled: Membership | null = null;
  #isRemoved = false;
  /** A snapshot took the place of what this core was made over: it takes nothing more in. */
  #isSpent = false;
  readonly #commitFlush: CommitFlush;
  readonly #audience = new Audience();
  #now: Milliseconds;

  constructor(options: CoreOptions) {
    const { identity, sql, now, incarnation, codeVersion = CODE_VERSION } = options;
    this.#identity = identity;
    this.#now = now;
    const { memberId, configuration, directory } = identity;
    const { clusterId, members } = directory;
    const atBirth = { configuration, members, removed: [], index: asLogIndex(0) };
    this.#machine = new Machine({ sql, clusterId, atBirth, codeVersion, now });
    const { store, membership, cluster } = this.#machine;
    this.#upgrade = new Upgrade(cluster, codeVersion);
    this.#inquiry = new Inquiry(memberId, cluster);
    this.#raft = new RaftNode({
      id: memberId,
      configuration: membership.configuration,
      storage: new SqlLog(sql),
      incarnation,
      applied: store.appliedIndex,
      seed: options.seed,
      now,
      timing: { ...DEFAULT_TIMING, ...options.timing },
      version: codeVersion,
    });
    this.#commitFlush = new CommitFlush(store.appliedIndex);
    this.#standpoint = new Standpoint(
      { birth: directory, memberId, incarnation },
      { machine: this.#machine, raft: this.#raft },
    );
    this.#sessions = new Sessions({
      machine: this.#machine,
      header: () => this.#standpoint.header(),
      service: () => this.#service,
      now: () => this.#now,
      progressMs: options.progressMs,
    });
    this.#service = new Service({
      self: memberId,
      machine: this.#machine,
      raft: this.#raft,
      vantage: this.#standpoint,
      own: this.#sessions.pipelines,
    });
    const origin = `${memberId}/${incarnation}`;
    this.#snapshots = new Snapshots({ sql, store, raft: this.#raft, origin });
    const send = (message: Message): void => this.#outbox.add(message);
    const parts = { self: memberId, sql, store, cluster, raft: this.#raft };
    this.#integrity = new Integrity({ ...parts, now, send });
    this.#drain();
  }

  // Inputs. Each samples the clock first and ends with `#drain`.

  /**
   * Clients' calls, each answered by an effect with its `id`, exactly once. The writes of those that come
   * together are one batch, and their reads one round.
   */
  calls(calls: readonly (readonly [id: number, call: ReplicaCall])[], now: Milliseconds): void {
    if (calls.some(([, call]) => isReadAnywhere(call))) this.#audience.read(now);
    this.#sample(now);
    for (const [id, call] of calls) this.#service.begin(id, call, now);
    this.#drain();
  }

  /** Messages of one peer; returns what goes back to it in the answer of its call. */
  peer(messages: readonly Message[], now: Milliseconds): readonly Message[] {
    const sender = messages[0]?.from;
    if (sender === undefined) return [];
    if (isRemoved(this.#machine.membership, sender) && this.#isSettledHere) {
      const { memberId: from } = this.#identity;
      return [{ kind: "removed", from, to: sender, term: this.#raft.status().term }];
    }
    const last = messages.at(-1)!;
    this.peerAnswered(last.kind === "append" ? messages.slice(0, -1) : messages, now);
    if (last.kind === "append" && !this.#isSpent) this.#takeAppend(last, now);
    return this.#outbox.takeFor(sender);
  }

  /** What a peer answered to a call of ours. */
  peerAnswered(messages: readonly Message[], now: Milliseconds): void {
    this.#sample(now);
    for (const message of messages) {
      if (message.kind === "removed") this.#isRemoved = true;
      else if (this.#isSpent) continue;
      else if (isOwners(message)) this.#integrity.receive(message, now);
      else this.#raft.step(message, now);
      // What a message brings is applied before the next one is looked at.
      if (!this.#isSpent) this.#drain();
    }
  }

  /** A call to `peer` failed, or was not answered in time. */
  peerFailed(peer: MemberId, now: Milliseconds): void {
    this.#sample(now);
    this.#raft.unreachable(peer, now);
    this.#drain();
  }

  /** What was written up to the last `awaitsDurable` is durable: the next batch may go. */
  durable(now: Milliseconds): void {
    this.#sample(now);
    this.#service.confirm();
    this.#drain();
  }

  /** The router could not reach the leader of `term`: leave to campaign at once. */
  urge(term: Term, now: Milliseconds): void {
    this.#sample(now);
    const status = this.#raft.status();
    if (status.term === term && status.role === "follower") this.#raft.campaign(now);
    this.#drain();
  }

  /** A session begins, or goes on after a sleep with what was kept of it. */
  openSession(id: number, opening: SessionOpening, now: Milliseconds): void {
    this.#sample(now);
    this.#sessions.open(id, opening, now);
  }

  /** The frames of one message: its writes are one batch. */
  sessionFrames(id: number, frames: readonly ReceiverFrame[], now: Milliseconds): void {
    this.#sample(now);
    for (const frame of frames) this.#sessions.receive(id, frame, now);
    this.#drain();
  }

  closeSession(id: number): void {
    this.#sessions.close(id);
  }

  /** Does what is due; wanted at `deadline()`, harmless at any time. */
  tick(now: Milliseconds): void {
    this.#sample(now);
    this.#raft.tick(now);
    this.#service.tick(now);
    if (this.#commitFlush.take(now)) this.#raft.flushCommit(now);
    this.#snapshots.tick(now);
    this.#integrity.tick(now);
    const { term } = this.#raft.status();
    for (const question of this.#inquiry.take({ term, now })) this.#outbox.add(question);
    this.#sessions.tick(now, this.#raft.status().leader !== null);
    this.#drain();
  }

  // Outputs.

  takeEffects(): Effects {
    const effects: Effects = {
      sends: this.#outbox.take(),
      answers: this.#service.takeAnswers(),
      ...this.#sessions.takeEffects(),
      awaitsDurable: this.#service.takeAwaitsDurable(),
      traces: this.#traces,
      membership: this.#membershipChanged ? this.#machine.membership : null,
      settled: this.#settled,
      restart: this.#isSpent,
      leader: this.#raft.status().leader,
      isRemoved: this.#isRemoved,
    };
    this.#traces = [];
    this.#membershipChanged = false;
    this.#settled = null;
    return effects;
  }

  /** When `tick` is wanted next; Infinity when nothing will ever be due by itself. */
  deadline(): Milliseconds {
    if (this.#raft.hasReady()) return this.#now;
    const candidates = [
      this.#raft.deadline(),
      this.#service.deadline(this.#now),
      this.#commitFlush.due,
      this.#snapshots.due,
      this.#integrity.due,
      this.#inquiry.due,
      this.#sessions.deadline(this.#now),
    ];
    return asMilliseconds(Math.min(...candidates.map((at) => at ?? Infinity)));
  }

  /** Why its object has to be kept in memory, or to come back: requests and pins, or leases. */
  get needs(): { readonly memory: boolean; readonly time: boolean } {
    const isAsked = this.#sessions.pipelines.areAsked;
    return { memory: isAsked || this.downloads.due !== null, time: this.#machine.hasLeases };
  }

  /** Snapshots that calls have opened. `tick` is wanted when one was ended. */
  get downloads(): Downloads {
    return this.#machine.downloads;
  }

  get directory(): Directory {
    return this.#standpoint.directory;
  }

  /** The generation of the next replica of `region`. */
  nextGeneration(region: string): number {
    return nextGeneration(this.#machine.membership, region);
  }

  /** Whether the call's sender may have what it asks for, as far as is known here. */
  letsIn(call: ReplicaCall): boolean {
    return this.#machine.admission.refusalOf(call, this.#machine.time(this.#now)) === null;
  }

  levels(): ReplicaLevels {
    return this.#standpoint.levels(this.#sessions);
  }

  status(): ReplicaStatus {
    return this.#standpoint.status();
  }

  // The way of what happens: Raft's ready, then the next batch, until nothing moves.

  #sample(now: Milliseconds): void {
    assert(!this.#isSpent, "a core that a snapshot has replaced takes nothing in");
    this.#now = now;
    if (this.#raft.status().isAsleep) this.#machine.rested(now);
    else this.#machine.time(now);
    this.#raft.setWatched(this.#sessions.count > 0);
    this.#raft.setAwaited(this.#audience.isThere(this.#sessions.count, now));
    // What was postponed comes before anything else.
    if (this.#raft.hasReady()) this.#drain();
  }

  /** Its sender waits for the answer, and for nothing that it commits: much is applied afterwards. */
  #takeAppend(message: Message, now: Milliseconds): void {
    this.#raft.step(message, now);
    if (this.#raft.undelivered <= APPLIED_BEFORE_ANSWER_MAX) return this.#drain();
    for (const answer of this.#raft.takeMessages()) this.#outbox.add(answer);
  }

  #drain(): void {
    do {
      while (this.#raft.hasReady()) {
        this.#handle(this.#raft.takeReady());
        if (this.#isSpent) return;
      }
      this.#sessions.pipelines.advance(this.#now);
    } while (this.#service.append(this.#now));
    this.#followRole();
    if (this.#raft.hasReady()) this.#drain();
  }

  #followRole(): void {
    const { role, serving, commit, leader } = this.#raft.status();
    const isLeading = role === "leader" && serving;
    // Before it serves as well: it may be the receiver whose answer it lacks for that.
    this.#snapshots.follow(role === "leader", this.#now);
    this.#service.follow({ isLeader: role === "leader", isServing: isLeading }, this.#now);
    this.#commitFlush.follow(commit, this.#raft.isCommitWanted(), this.#now);
    const isLost = role === "learner" && leader === null;
    const isOurs = hasBeenMember(this.#machine.membership, this.#identity.memberId);
    this.#inquiry.follow(isLost && isOurs, this.#now);
    if (this.#isUnsettled && this.#isSettledHere) {
      this.#isUnsettled = false;
      this.#settled = this.#machine.membership;
    }
    const raises = this.#upgrade.follow(isLeading ? this.#raft.peers() : null);
    const alarms = this.#integrity.follow(isLeading, this.#now);
    if (raises.length + alarms.length === 0) return;
    for (const each of [...raises, ...alarms]) this.#service.propose(null, each, this.#now);
    this.#service.append(this.#now);
  }

  /**
   * Whether this replica leads, and a majority has said to know the membership as it is. Before that
   * others may still count by the one before, and need the votes of those who leave: these stay, and
   * answer, until they are told by somebody who knows.
   */
  get #isSettledHere(): boolean {
    const { role } = this.#raft.status();
    return role === "leader" && this.#raft.quorumKnows() >= this.#machine.membership.index;
  }

  #handle(ready: Ready): void {
    for (const message of ready.messages) this.#outbox.add(message);
    if (ready.committed.length > 0) this.#apply(ready.committed);
    this.#service.heard(ready, this.#now);
    for (const message of ready.snapshots) this.#takeSnapshot(message);
  }

  #takeSnapshot(message: Ready["snapshots"][number]): void {
    if (message.kind === "snapshotAnswer") return this.#snapshots.onAnswer(message, this.#now);
    if (this.#isSpent) return;
    this.#isSpent = this.#snapshots.onPart(message, this.#now);
    if (!this.#isSpent) return;
    this.#sessions.endClients();
    // The answer is the last that this core says.
    for (const answer of this.#raft.takeReady().messages) this.#outbox.add(answer);
  }

  #apply(committed: readonly Entry[]): void {
    const batch = this.#machine.apply(committed, {
      now: this.#now,
      isLeader: this.#raft.status().role === "leader",
      isAwaited: (index) => this.#service.isAwaited(index),
    });
    this.#sessions.applied(batch.revisions);
    if (batch.membership !== null) {
      this.#membershipChanged = true;
      this.#isUnsettled = true;
    }
    this.#service.applied(batch, this.#now);
    if (batch.compacted) this.#sessions.compacted();
    for (const { trace, index } of batch.entries) {
      if (trace !== "") this.#traces.push({ trace, index });
    }
    this.#snapshots.applied();
    const kept = this.#machine.store.appliedIndex - this.#machine.logEntriesKept;
    const keepFrom = Math.min(kept, this.#snapshots.lowestIndex);
    if (keepFrom > 0) this.#raft.trim(asLogIndex(keepFrom));
  }
}
