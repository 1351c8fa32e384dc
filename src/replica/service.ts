// Owns the calls of clients from the door to their answer: a read waits until what is applied is
// recent enough, a write until its entry is. When that comes about, `core.ts` tells.

import type { AppliedBatch, AppliedEntry } from "../apply/applier.ts";
import {
  encodeProposal,
  isMeantAt,
  KEYED_SINCE,
  NO_REQUEST,
  versionOf,
  type Command,
} from "../apply/command.ts";
import { keyedOf, takesKey } from "../apply/keyed.ts";
import type { ReplicaCall } from "../api/replica.ts";
import { assert } from "../base/assert.ts";
import { REQUEST_BYTES_MAX } from "../base/limits.ts";
import { placeIn } from "../base/membership.ts";
import type { Refusal } from "../base/refusal.ts";
import { later, type LogIndex, type MemberId, type Milliseconds } from "../base/types.ts";
import type { RaftNode } from "../raft/node.ts";
import type { Ready } from "../raft/ready.ts";
import { Assurances, type Settle } from "./assurances.ts";
import { Calls, type OwnCalls, type Vantage } from "./calls.ts";
import type { CallAnswer } from "./effects.ts";
import { KeepaliveGathering } from "./keepalive-gathering.ts";
import type { Machine } from "./machine.ts";
import { Proposals } from "./proposals.ts";
import { Reads } from "./reads.ts";
import { Reconfiguring } from "./reconfiguring.ts";
import { commandOf, isBounded, isLocal, isRead, refusalAtDoor } from "./requests.ts";
import { Upkeep } from "./upkeep.ts";

export class Service {
  readonly #machine: Machine;
  readonly #raft: RaftNode;
  readonly #calls: Calls;
  readonly #proposals = new Proposals();
  readonly #reads = new Reads();
  readonly #gathering = new KeepaliveGathering();
  readonly #reconfiguring: Reconfiguring;
  readonly #self: MemberId;
  readonly #vantage: Vantage;
  readonly #upkeep: Upkeep;
  readonly #assurances = new Assurances();

  constructor(options: {
    readonly self: MemberId;
    readonly machine: Machine;
    readonly raft: RaftNode;
    readonly vantage: Vantage;
    readonly own: OwnCalls;
  }) {
    const { self, machine, raft, vantage } = options;
    this.#machine = machine;
    this.#raft = raft;
    this.#calls = new Calls(vantage, options.own);
    this.#self = self;
    this.#vantage = vantage;
    const parts = { machine, raft, calls: this.#calls, proposals: this.#proposals };
    this.#reconfiguring = new Reconfiguring({ self, ...parts });
    const propose = (command: Command, now: Milliseconds): void => this.propose(null, command, now);
    this.#upkeep = new Upkeep({ self, ...parts, propose });
  }

  /** A call arrives. It is answered exactly once. */
  begin(id: number, call: ReplicaCall, now: Milliseconds): void {
    this.#calls.open(id, call, now);
    const { request } = call;
    const refusal = refusalAtDoor(request);
    const isOwn = isLocal(request) || isBounded(call) || this.#raft.status().role === "leader";
    if (refusal !== null) this.#calls.refuse(id, refusal);
    else if (isOwn && this.#upkeep.isTooMuch(request, now)) {
      this.#calls.refuse(id, "tooManyRequests");
    } else if (this.#isLetIn(id, call, now)) this.#route(id, call, now);
  }

  /**
   * Tells `settle` once what is applied here shows everything that was committed before now, or that
   * this cannot be found out.
   */
  assure(settle: Settle, now: Milliseconds): void {
    const token = this.#reads.isFull ? null : this.#raft.readIndex(now);
    if (token === null) settle(false, now);
    else this.#reads.start(token, { call: this.#assurances.add(settle), askedAt: now }, null);
  }

  /** Goes on with a read that its owner has held back: what it waited for has come about long since. */
  resume(id: number, now: Milliseconds): void {
    this.#answerRead(id, now);
  }

  #route(id: number, call: ReplicaCall, now: Milliseconds): void {
    const { request } = call;
    if (isBounded(call)) this.#startRead(id, call, now);
    else if (isLocal(request)) this.#answerRead(id, now);
    else if (!this.#reconfiguring.begin(id, call, now)) this.#serveAsLeader(id, call, now);
  }

  /** Proposes what a client asks for, or (`id` null) the replica itself. */
  propose(id: number | null, command: Command, now: Milliseconds): void {
    const call = id === null ? null : this.#calls.get(id);
    const keyed = keyedOf(command, call?.idempotencyKey);
    const payload = encodeProposal({
      command,
      time: this.#machine.time(now),
      requestId: call?.requestId ?? NO_REQUEST,
      trace: call?.trace ?? "",
      requester: this.#machine.admission.requester(call?.credentials, this.#machine.time(now)),
      keyed,
    });
    if (id !== null && payload.data.length > REQUEST_BYTES_MAX) {
      this.#calls.refuse(id, "requestTooLarge");
    } else this.#proposals.enqueue({ call: id, payload });
  }

  /**
   * Appends the next batch of proposals, or the second half of a joint change; whoever does not lead
   * sends proposals to the one who does. Returns whether anything was appended.
   */
  append(now: Milliseconds): boolean {
    if (this.#raft.status().role === "leader") {
      return this.#proposals.append(this.#raft, now) || this.#reconfiguring.advance(now);
    }
    for (const id of this.#proposals.dropQueued()) this.#calls.redirect(id);
    return false;
  }

  /** The last batch is durable. */
  confirm(): void {
    this.#proposals.confirm();
  }

  isAwaited(index: LogIndex): boolean {
    return this.#proposals.isAwaited(index);
  }

  /** A batch was applied: whoever waits for one of its entries is told what became of it. */
  applied(batch: AppliedBatch, now: Milliseconds): void {
    this.#upkeep.applied();
    for (const entry of batch.entries) this.#settle(entry);
    const retried = this.#machine.keeper.applied(batch, this.#machine.time(now));
    for (const id of retried) this.#answerRead(id, now);
  }

  /** What Raft has said about reads and proposals, after what is committed was applied. */
  heard({ reads, readsLost, overwrittenFrom }: Ready, now: Milliseconds): void {
    const { appliedIndex, revision } = this.#machine.store;
    this.#reads.confirm(reads);
    for (const id of this.#reads.takeApplied(appliedIndex)) {
      if (!this.#assurances.settle(id, true, now)) this.#answerRead(id, now);
    }
    for (const id of this.#reads.takeFresh({ revision, now })) this.#answerRead(id, now);
    for (const id of this.#reads.take(readsLost)) {
      if (!this.#assurances.settle(id, false, now)) this.#calls.redirect(id);
    }
    if (overwrittenFrom === null) return;
    for (const id of this.#proposals.overwrittenFrom(overwrittenFrom)) {
      this.#calls.answer(id, { kind: "overwritten" });
    }
  }

  /** Whether this replica leads, and serves, may have changed, or whether anything may be swept. */
  follow(
    role: { readonly isLeader: boolean; readonly isServing: boolean },
    now: Milliseconds,
  ): void {
    this.#upkeep.follow(role.isServing, now);
    for (const id of this.#machine.keeper.follow(role.isServing)) this.#calls.redirect(id);
    this.#reconfiguring.follow(role.isLeader);
    if (!role.isLeader) this.#machine.admission.resign();
    // What upkeep wants is not to wait for the next input.
    if (role.isServing) this.append(now);
  }

  tick(now: Milliseconds): void {
    this.#calls.expire(now);
    for (const id of this.#gathering.takeDue(now)) this.#confirmKeepalive(id, now);
    const { keeper, admission } = this.#machine;
    for (const command of keeper.due(this.#machine.time(now))) this.propose(null, command, now);
    const request = admission.due(this.#machine.time(now));
    if (request !== null) this.propose(null, { kind: "auth", request }, now);
    this.#upkeep.tick(now);
    this.#machine.downloads.tick(now);
  }

  /** When `tick` is wanted next, as far as calls, leases and upkeep go. */
  deadline(now: Milliseconds): number {
    const { keeper, admission } = this.#machine;
    const due = Math.min(keeper.nextDue() ?? Infinity, admission.nextDue ?? Infinity);
    const dueAt = due === Infinity ? Infinity : now + Math.max(due - this.#machine.time(now), 0);
    const timeout = this.#calls.nextTimeout() ?? Infinity;
    const downloads = this.#machine.downloads.due ?? Infinity;
    const gathered = this.#gathering.due ?? Infinity;
    return Math.min(dueAt, timeout, this.#upkeep.deadline(now), downloads, gathered);
  }

  takeAnswers(): CallAnswer[] {
    return this.#calls.takeAnswers();
  }

  /** Whether a batch was appended since the last call, and its confirmation is wanted. */
  takeAwaitsDurable(): boolean {
    return this.#proposals.takeAwaitsDurable();
  }

  /**
   * Whether what is applied here lets the call in. Otherwise it goes to where that is certain: to the
   * leader, which makes sure that it leads and has applied everything. So does a call by a token that
   * has to be extended.
   */
  #isLetIn(id: number, call: ReplicaCall, now: Milliseconds): boolean {
    const { admission } = this.#machine;
    if (!this.#machine.auth.enabled) return true;
    const time = this.#machine.time(now);
    const { role, leader } = this.#raft.status();
    const refusal = admission.refusalOf(call, time);
    if (role !== "leader") {
      const isElsewhere = leader !== null && admission.needsLeader(call.credentials, time);
      if (refusal === null && !isElsewhere) return true;
      this.#calls.redirect(id);
      return false;
    }
    admission.used(call.credentials, time);
    if (refusal === null) return true;
    this.assure((isAssured, then) => this.#decide(id, isAssured, then), now);
    return false;
  }

  /** A repeat of what was applied has the first answer, whatever its sender may do now. */
  #decide(id: number, isAssured: boolean, now: Milliseconds): void {
    const call = this.#calls.get(id);
    if (call === null) return;
    if (!isAssured) return this.#calls.redirect(id);
    const time = this.#machine.time(now);
    const refusal = this.#machine.admission.refusalOf(call, time);
    const isRepeat = refusal !== null && this.#machine.applier.recalls(call.requestId, time);
    if (refusal === null || isRepeat) this.#route(id, call, now);
    else this.#calls.refuse(id, refusal);
  }

  #serveAsLeader(id: number, call: ReplicaCall, now: Milliseconds): void {
    if (this.#gathers(id, call.request, now)) return;
    if (this.#raft.status().role !== "leader") this.#calls.redirect(id);
    else if (isRead(call.request)) this.#startRead(id, call, now);
    else this.#startWrite(id, call, now);
  }

  /** Whether the request is a keepalive that waits for others. */
  #gathers(id: number, request: ReplicaCall["request"], now: Milliseconds): boolean {
    if (request.kind !== "leaseKeepAlive") return false;
    const isLeader = this.#raft.status().role === "leader";
    const patience = this.#machine.keeper.patience(request.id, this.#machine.time(now));
    if (!isLeader || patience < 1) return false;
    this.#gathering.hold(id, later(now, patience));
    return true;
  }

  /** With one that has waited. */
  #confirmKeepalive(id: number, now: Milliseconds): void {
    const call = this.#calls.get(id);
    if (call === null) return;
    if (this.#raft.status().role === "leader") this.#startRead(id, call, now);
    else this.#calls.redirect(id);
  }

  /** A read that needs an index from the leader, unless what is here is recent enough for it. */
  #startRead(id: number, call: ReplicaCall, now: Milliseconds): void {
    const freshness = call.freshness ?? null;
    const moment = { revision: this.#machine.store.revision, now };
    if (freshness !== null && this.#reads.isFresh(freshness, moment)) {
      return this.#answerRead(id, now);
    }
    if (this.#reads.isFull) return this.#calls.refuse(id, "tooManyRequests");
    const token = this.#raft.readIndex(now);
    if (token === null) this.#calls.redirect(id);
    else this.#reads.start(token, { call: id, askedAt: now }, freshness);
    for (const waiting of this.#gathering.take()) this.#confirmKeepalive(waiting, now);
  }

  #startWrite(id: number, call: ReplicaCall, now: Milliseconds): void {
    const { request } = call;
    const unapplied = this.#raft.status().lastIndex - this.#machine.store.appliedIndex;
    const isFull = this.#machine.applier.isWindowFull(this.#machine.time(now));
    const { version } = this.#machine.cluster;
    const command = commandOf(request, version);
    const keyRefusal = this.#keyRefusal(command, call, now);
    if (isFull || !this.#proposals.hasRoom(unapplied)) this.#calls.refuse(id, "tooManyRequests");
    else if (!this.#isUnderstood(command)) this.#calls.refuse(id, "changeUnderWay");
    else if (keyRefusal !== null) this.#calls.refuse(id, keyRefusal);
    else if (!this.#upkeep.refuses(id, command, now)) this.propose(id, command, now);
  }

  /** Whether every member's code knows the command; one that does not would halt. */
  #isUnderstood({ kind }: Command): boolean {
    const since = versionOf(kind);
    if (this.#machine.cluster.version >= since) return true;
    if (!isMeantAt(kind, this.#machine.cluster.version)) return false;
    return this.#raft.peers().every(({ version }) => version !== null && version >= since);
  }

  /** Why nothing can be promised for the key that the write comes with, if it comes with any. */
  #keyRefusal(command: Command, call: ReplicaCall, now: Milliseconds): Refusal | null {
    const { idempotencyKey: key } = call;
    if (key === undefined || !takesKey(command)) return null;
    const { cluster, admission, applier } = this.#machine;
    if (cluster.version < KEYED_SINCE) return "idempotencyUnknown";
    const time = this.#machine.time(now);
    const user = admission.requester(call.credentials, time)?.name ?? null;
    return applier.keyed.hasRoomFor({ user, key }, time) ? null : "tooManyRequests";
  }

  /** Answers from the applied state, which is recent enough for this call. */
  #answerRead(id: number, now: Milliseconds): void {
    const call = this.#calls.get(id);
    if (call === null || this.#calls.holds(id)) return;
    const refusal = this.#machine.admission.refusalOf(call, this.#machine.time(now));
    if (refusal !== null) return this.#calls.refuse(id, refusal);
    if (call.request.kind === "memberList") return this.#reconfiguring.done(id);
    if (call.request.kind === "snapshot") return this.#openDownload(id, now);
    if (this.#upkeep.answers(id, call.request, now)) return;
    const minRevision = call.freshness?.minRevision ?? null;
    // An index that the leader confirmed is applied: a revision above it does not exist.
    if (minRevision !== null && minRevision > this.#machine.store.revision) {
      return this.#calls.refuse(id, "futureRevision");
    }
    const result = this.#machine.answer(id, call, now);
    if (result === null) return;
    if (result.ok) this.#calls.succeed(id, result.value);
    else this.#calls.refuse(id, result.error);
  }

  /** What was acknowledged before is applied here, and is in what is pinned now. */
  #openDownload(id: number, now: Milliseconds): void {
    const redirection = this.#vantage.redirect();
    const self = redirection.directory.members.find((member) => member.id === this.#self);
    // A leader that was just removed has no place to be asked at.
    if (self === undefined) return this.#calls.answer(id, redirection);
    const place = placeIn(redirection.directory, self);
    const opened = this.#machine.downloads.begin(now);
    if (!opened.ok) return this.#calls.refuse(id, opened.error);
    const { name, pin } = opened.value;
    const { index, revision } = pin;
    const { clusterId } = this.#vantage.header();
    const clusterVersion = this.#machine.cluster.version;
    const head = { clusterId, clusterVersion, index, term: this.#raft.termOf(index), revision };
    this.#calls.succeed(id, { kind: "snapshot", answer: { head, name, place } });
  }

  #settle({ index, term, outcome, revision }: AppliedEntry): void {
    const placed = this.#proposals.settle(index);
    if (placed === null) return;
    const { call } = placed;
    if (placed.term !== term) return this.#calls.answer(call, { kind: "overwritten" });
    assert(outcome !== null, "an entry that a call waits for has an outcome");
    if (!outcome.ok) {
      // What it was is forgotten, but not which revision it made.
      const made = outcome.error === "answerForgotten" ? revision : undefined;
      this.#calls.refuse(call, outcome.error, made);
    } else if (outcome.value.kind === "membership") this.#reconfiguring.done(call);
    else if (outcome.value.kind === "version") this.#calls.succeed(call, { kind: "capVersion" });
    else if (!this.#upkeep.awaitsSweep(call)) {
      this.#calls.succeed(call, outcome.value, revision);
    }
  }
}
