// Owns the wiring of one replica: consensus, store, leases and watches behind a handful of inputs.
// It is pure: time comes in with each input, effects are taken after it, and the same file runs in
// a Durable Object and in a simulation. It neither sends nor sleeps.

import { Applier } from "../apply/applier.ts";
import { encodeProposal, NO_REQUEST, type Command } from "../apply/command.ts";
import type { Directory, Header, ReplicaCall, ReplicaStatus } from "../api/replica.ts";
import type { ReceiverFrame } from "../api/session.ts";
import { assert } from "../base/assert.ts";
import { ENTRIES_UNAPPLIED_MAX, REQUEST_BYTES_MAX } from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import {
  asMilliseconds,
  later,
  type Bytes,
  type ClusterTime,
  type Incarnation,
  type LogIndex,
  type MemberId,
  type Milliseconds,
  type Term,
} from "../base/types.ts";
import { ClusterClock } from "../lease/cluster-clock.ts";
import { LeaseTable } from "../lease/lease-table.ts";
import { Store } from "../mvcc/store.ts";
import { DEFAULT_TIMING, RaftNode } from "../raft/node.ts";
import type { Ready } from "../raft/ready.ts";
import { SqlLog } from "../raft/sql-log.ts";
import type { Configuration, Entry, Message } from "../raft/types.ts";
import { Calls } from "./calls.ts";
import type { Effects } from "./effects.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { PeerOutbox } from "./outbox.ts";
import { Proposals } from "./proposals.ts";
import { Reads } from "./reads.ts";
import { answerRead, commandOf, formRefusal, isRead } from "./requests.ts";
import { Sessions } from "./sessions.ts";
import { Sweeper } from "./sweeper.ts";

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
}

/** After a commit, followers are told by the next append, or after this at the latest. */
const COMMIT_FLUSH_MS = 5;

export class ReplicaCore {
  readonly #identity: Identity;
  readonly #incarnation: Incarnation;
  readonly #raft: RaftNode;
  readonly #store: Store;
  readonly #leases: LeaseTable;
  readonly #keeper: LeaseKeeper;
  readonly #applier: Applier;
  readonly #clock: ClusterClock;
  readonly #sessions: Sessions;
  readonly #calls: Calls;
  readonly #proposals = new Proposals();
  readonly #reads = new Reads();
  readonly #sweeper: Sweeper;
  /** When followers are to be told of commits that no append has told them. */
  #commitFlushDue: Milliseconds | null = null;
  readonly #outbox = new PeerOutbox();
  #traces: Effects["traces"][number][] = [];
  #commitSeen: LogIndex;
  #now: Milliseconds;

  constructor(options: CoreOptions) {
    const { identity, sql, now } = options;
    this.#identity = identity;
    this.#incarnation = options.incarnation;
    this.#now = now;
    this.#store = new Store(sql);
    this.#leases = new LeaseTable(sql);
    this.#keeper = new LeaseKeeper(this.#leases, (id) => this.#store.countKeysOfLease(id));
    this.#applier = new Applier({ sql, store: this.#store, leases: this.#leases });
    this.#clock = ClusterClock.resume({
      stamp: this.#applier.time,
      appliedAt: this.#store.wall,
      now,
    });
    this.#raft = new RaftNode({
      id: identity.memberId,
      configuration: identity.configuration,
      storage: new SqlLog(sql),
      incarnation: options.incarnation,
      applied: this.#store.appliedIndex,
      seed: options.seed,
      now,
      timing: DEFAULT_TIMING,
      version: 1,
    });
    this.#commitSeen = this.#store.appliedIndex;
    const header = (): Header => this.#header();
    this.#sessions = new Sessions(this.#store, header);
    this.#calls = new Calls({ header, redirect: () => this.#redirection() });
    this.#sweeper = new Sweeper(this.#store, now);
    this.#drain();
  }

  // Inputs. Each samples the clock first and ends with `#drain`.

  /** A client's call. It is answered by an effect with the same `id`, exactly once. */
  call(id: number, call: ReplicaCall, now: Milliseconds): void {
    this.#sample(now);
    this.#calls.open(id, call, now);
    this.#begin(id, call);
    this.#drain();
  }

  /** Messages of one peer; returns what goes back to it in the answer of its call. */
  peer(messages: readonly Message[], now: Milliseconds): readonly Message[] {
    this.peerAnswered(messages, now);
    const sender = messages[0]?.from;
    return sender === undefined ? [] : this.#outbox.takeFor(sender);
  }

  /** What a peer answered to a call of ours. */
  peerAnswered(messages: readonly Message[], now: Milliseconds): void {
    this.#sample(now);
    for (const message of messages) this.#raft.step(message, now);
    this.#drain();
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
    this.#proposals.confirm();
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
  openSession(id: number, checkpoint: Bytes | null, now: Milliseconds): void {
    this.#sample(now);
    this.#sessions.open(id, checkpoint, now);
  }

  sessionFrame(id: number, frame: ReceiverFrame, now: Milliseconds): void {
    this.#sample(now);
    this.#sessions.receive(id, frame);
  }

  closeSession(id: number): void {
    this.#sessions.close(id);
  }

  /** Does what is due; wanted at `deadline()`, harmless at any time. */
  tick(now: Milliseconds): void {
    this.#sample(now);
    this.#raft.tick(now);
    this.#calls.expire(now);
    for (const command of this.#keeper.due(this.#clock.read(now))) this.#propose(null, command);
    if (this.#commitFlushDue !== null && now >= this.#commitFlushDue) {
      this.#commitFlushDue = null;
      this.#raft.flushCommit(now);
    }
    for (const id of this.#sweeper.sweep(now)) this.#calls.succeed(id, { kind: "compact" });
    this.#sessions.tick(now, this.#raft.status().leader !== null);
    this.#drain();
  }

  // Outputs.

  /** The effects of all inputs since the last call. */
  takeEffects(): Effects {
    const effects: Effects = {
      sends: this.#outbox.take(),
      answers: this.#calls.takeAnswers(),
      ...this.#sessions.takeEffects(),
      awaitsDurable: this.#proposals.takeAwaitsDurable(),
      traces: this.#traces,
      membership: null,
      restart: false,
      isRemoved: false,
    };
    this.#traces = [];
    return effects;
  }

  /** When `tick` is wanted next. */
  deadline(): Milliseconds {
    const leases = this.#keeper.nextDue();
    const candidates = [
      this.#raft.deadline(),
      this.#commitFlushDue,
      this.#sweeper.due,
      this.#calls.nextTimeout(),
      this.#sessions.deadline(this.#now),
      leases === null ? null : this.#now + Math.max(leases - this.#clock.read(this.#now), 0),
    ];
    return asMilliseconds(Math.min(...candidates.map((at) => at ?? Infinity)));
  }

  /** Whether time must go on for this replica even when its object has lost its memory. */
  get hasRunningLeases(): boolean {
    return this.#leases.size > 0;
  }

  get directory(): Directory {
    return this.#identity.directory;
  }

  /** The generation of the next replica of `region`. */
  nextGeneration(region: string): number {
    const { members } = this.#identity.directory;
    const taken = members.filter((member) => member.region === region);
    return 1 + Math.max(0, ...taken.map(({ generation }) => generation));
  }

  status(): ReplicaStatus {
    const { role, term, leader, commit } = this.#raft.status();
    const { revision, appliedIndex: applied } = this.#store;
    const { memberId } = this.#identity;
    const incarnation = this.#incarnation;
    return { role, memberId, leader, term, commit, applied, revision, incarnation };
  }

  // Calls.

  #begin(id: number, call: ReplicaCall): void {
    const { request } = call;
    const refusal = formRefusal(request);
    if (refusal !== null) this.#calls.refuse(id, refusal);
    else if (request.kind === "range" && request.serializable) this.#answerRead(id);
    else if (this.#raft.status().role !== "leader") this.#calls.redirect(id);
    else if (isRead(request)) this.#startRead(id);
    else this.#startWrite(id, call);
  }

  #startRead(id: number): void {
    const token = this.#reads.isFull ? null : this.#raft.readIndex(this.#now);
    if (token !== null) this.#reads.start(id, token);
    else this.#calls.refuse(id, "tooManyRequests");
  }

  #startWrite(id: number, { request }: ReplicaCall): void {
    const unapplied = this.#raft.status().lastIndex - this.#store.appliedIndex;
    const isOverloaded = unapplied > ENTRIES_UNAPPLIED_MAX || this.#proposals.isFull;
    if (isOverloaded || this.#applier.isWindowFull(this.#clock.read(this.#now))) {
      this.#calls.refuse(id, "tooManyRequests");
    } else this.#propose(id, commandOf(request));
  }

  #propose(id: number | null, command: Command): void {
    const call = id === null ? null : this.#calls.get(id);
    const payload = encodeProposal({
      command,
      time: this.#clock.read(this.#now),
      requestId: call?.requestId ?? NO_REQUEST,
      trace: call?.trace ?? "",
    });
    if (id !== null && payload.data.length > REQUEST_BYTES_MAX) {
      this.#calls.refuse(id, "requestTooLarge");
    } else this.#proposals.enqueue({ call: id, payload });
  }

  /** Answers from the applied state, which is recent enough for this call. */
  #answerRead(id: number): void {
    const call = this.#calls.get(id);
    if (call === null) return;
    const { request } = call;
    const time = this.#clock.read(this.#now);
    if (request.kind === "leaseKeepAlive") {
      const answer = this.#keeper.keepAlive(id, request.id, time);
      if (answer !== null) this.#calls.succeed(id, { kind: request.kind, answer });
      return;
    }
    const result = answerRead(request, { store: this.#store, keeper: this.#keeper, time });
    if (result.ok) this.#calls.succeed(id, result.value);
    else this.#calls.refuse(id, result.error);
  }

  // The way of what happens: Raft's ready, then the next batch, until nothing moves.

  #sample(now: Milliseconds): void {
    this.#now = now;
    if (this.#raft.status().isAsleep) this.#clock.rested(now);
    else this.#clock.read(now);
  }

  #drain(): void {
    do {
      while (this.#raft.hasReady()) this.#handle(this.#raft.takeReady());
    } while (this.#appendBatch());
    const { role, serving, commit } = this.#raft.status();
    for (const call of this.#keeper.follow(role === "leader" && serving))
      this.#calls.redirect(call);
    if (commit > this.#commitSeen && role === "leader") {
      this.#commitFlushDue ??= later(this.#now, COMMIT_FLUSH_MS);
    }
    this.#commitSeen = commit;
  }

  #handle(ready: Ready): void {
    for (const message of ready.messages) this.#outbox.add(message);
    if (ready.committed.length > 0) this.#apply(ready.committed);
    this.#reads.confirm(ready.reads);
    for (const id of this.#reads.takeApplied(this.#store.appliedIndex)) this.#answerRead(id);
    for (const id of this.#reads.take(ready.readsLost)) this.#calls.redirect(id);
    if (ready.overwrittenFrom === null) return;
    for (const id of this.#proposals.overwrittenFrom(ready.overwrittenFrom)) {
      this.#calls.answer(id, { kind: "overwritten" });
    }
  }

  /** Appends the next batch of proposals; whoever does not lead sends them to the one who does. */
  #appendBatch(): boolean {
    if (this.#raft.status().role === "leader") return this.#proposals.append(this.#raft, this.#now);
    for (const id of this.#proposals.dropQueued()) this.#calls.redirect(id);
    return false;
  }

  #apply(committed: readonly Entry[]): void {
    const isAwaited = (index: LogIndex): boolean => this.#proposals.isAwaited(index);
    const batch = this.#applier.apply(committed, this.#now, isAwaited);
    this.#observe(this.#applier.time);
    this.#sessions.applied(batch.revisions);
    for (const { index, term, outcome, revision, trace } of batch.entries) {
      if (trace !== "") this.#traces.push({ trace, index });
      const placed = this.#proposals.settle(index);
      if (placed === null) continue;
      if (placed.term !== term) {
        this.#calls.answer(placed.call, { kind: "overwritten" });
        continue;
      }
      assert(outcome !== null, "an entry that a call waits for has an outcome");
      if (!outcome.ok) this.#calls.refuse(placed.call, outcome.error);
      else if (this.#waitsForSweep(placed.call)) this.#sweeper.wait(placed.call);
      else this.#calls.succeed(placed.call, outcome.value, revision);
    }
    if (batch.compacted) {
      this.#sweeper.start(this.#now);
      this.#sessions.compacted();
    }
    const retried = this.#keeper.applied(batch, this.#clock.read(this.#now));
    for (const id of retried) this.#answerRead(id);
  }

  #observe(stamp: ClusterTime): void {
    if (this.#raft.status().role === "leader") this.#clock.catchUp(stamp, this.#now);
    else this.#clock.follow(stamp, this.#now);
  }

  #waitsForSweep(id: number): boolean {
    const request = this.#calls.get(id)?.request;
    return request?.kind === "compact" && request.physical && this.#store.sweepPending;
  }

  #header(): Header {
    const { memberId, directory } = this.#identity;
    const { revision } = this.#store;
    return { clusterId: directory.clusterId, memberId, revision, term: this.#raft.status().term };
  }

  #redirection(): ReturnType<ConstructorParameters<typeof Calls>[0]["redirect"]> {
    const { leader, term } = this.#raft.status();
    const { memberId, directory } = this.#identity;
    // A replica that has just stepped down may still name itself: that would send the router round.
    return { kind: "redirect", leader: leader === memberId ? null : leader, term, directory };
  }
}
