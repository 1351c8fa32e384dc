// Owns requests about the members on their way: what a leader proposes for them, handing leadership
// over before the leader itself is removed, and the second half of a joint change. The rules are
// `members.ts`'s.

import { encodeProposal, NO_REQUEST, versionOf } from "../apply/command.ts";
import type { ReplicaCall } from "../api/replica.ts";
import { equalBytes } from "../base/bytes.ts";
import type { Bytes, LogIndex, MemberId, Milliseconds } from "../base/types.ts";
import { leaveJoint } from "../raft/configuration.ts";
import type { RaftNode } from "../raft/node.ts";
import type { Proposed } from "../raft/ready.ts";
import type { Calls } from "./calls.ts";
import type { Machine } from "./machine.ts";
import {
  isMemberRequest,
  membershipUnder,
  planChange,
  removes,
  showMembers,
  type Change,
  type Knowledge,
} from "./members.ts";
import type { Proposals } from "./proposals.ts";

interface Parts {
  readonly self: MemberId;
  readonly machine: Machine;
  readonly raft: RaftNode;
  readonly calls: Calls;
  readonly proposals: Proposals;
}

export class Reconfiguring {
  readonly #parts: Parts;
  /** Calls that wait until leadership has gone elsewhere. */
  #leaving: number[] = [];
  /** The change that was proposed last. */
  #latest: { readonly requestId: Bytes; readonly index: LogIndex } | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Deals with a request about members or leadership. False: it is about something else. */
  begin(id: number, call: ReplicaCall, now: Milliseconds): boolean {
    const { request } = call;
    const { calls, raft } = this.#parts;
    const isLeader = raft.status().role === "leader";
    if (request.kind === "memberList" && !request.linearizable) this.done(id);
    else if (request.kind !== "moveLeader" && !isMemberRequest(request)) return false;
    else if (!isLeader) calls.redirect(id);
    else if (request.kind === "moveLeader") this.#move(id, request.target, now);
    else this.#change(id, { ...call, request }, now);
    return true;
  }

  /** Answers with the members as they are now. */
  done(id: number): void {
    const { calls } = this.#parts;
    const request = calls.get(id)?.request;
    const added = request?.kind === "memberAdd" ? request.region : null;
    calls.succeed(id, { kind: "members", answer: showMembers(this.#knowledge(), added) });
  }

  /**
   * Ends a joint change once it is applied. A leader that leaves with it has one that stays end it:
   * nobody could elect another if it were gone before the others know that the change has ended.
   * Returns whether something was appended.
   */
  advance(now: Milliseconds): boolean {
    const { machine, raft, self } = this.#parts;
    const { configuration } = machine.membership;
    const { serving, isHandingOver } = raft.status();
    if (configuration.outgoing.length === 0 || !serving || isHandingOver) return false;
    const { voters } = configuration;
    const successor = voters.includes(self) ? null : this.#mostCaughtUp(voters);
    if (successor !== null) {
      raft.transfer(successor, now);
      return false;
    }
    const change = membershipUnder(leaveJoint(configuration), machine.membership);
    return this.#propose(change, NO_REQUEST, now) !== null;
  }

  /** Sends those who wait for another leader on, once there is one or it was given up. */
  follow(isLeader: boolean): void {
    if (this.#leaving.length === 0) return;
    const { calls, raft } = this.#parts;
    if (isLeader && raft.status().isHandingOver) return;
    for (const id of this.#leaving) {
      if (isLeader) calls.refuse(id, "changeUnderWay");
      else calls.redirect(id);
    }
    this.#leaving = [];
  }

  #move(id: number, target: MemberId, now: Milliseconds): void {
    const { calls, raft, self } = this.#parts;
    if (target === self) return calls.succeed(id, { kind: "moveLeader" });
    if (!raft.configuration.voters.includes(target)) return calls.refuse(id, "badTransferee");
    this.#handOver(id, target, now);
  }

  #change(
    id: number,
    call: ReplicaCall & { readonly request: Parameters<typeof planChange>[0] },
    now: Milliseconds,
  ): void {
    const { calls, machine, proposals, self } = this.#parts;
    // A repeat after a failover: what it asked for was done.
    if (machine.applier.recalls(call.requestId, machine.time(now))) return this.done(id);
    // Or it may be done yet, and to be told that it was refused would be wrong: it asks again.
    if (this.#isUndecided(call.requestId)) return calls.redirect(id);
    const isJoint = machine.membership.configuration.outgoing.length > 0;
    if (isJoint || machine.cluster.version < versionOf("membership")) {
      return calls.refuse(id, "changeUnderWay");
    }
    const planned = planChange(call.request, this.#knowledge());
    if (!planned.ok) return calls.refuse(id, planned.error);
    if (planned.value === null) return this.done(id);
    const { voters } = planned.value.configuration;
    const successor = removes(call.request, self) ? this.#mostCaughtUp(voters) : null;
    if (successor !== null) return this.#handOver(id, successor, now);
    const proposed = this.#propose(planned.value, call.requestId, now);
    if (proposed === null) calls.refuse(id, "changeUnderWay");
    else {
      this.#latest = { requestId: call.requestId, index: proposed.first };
      proposals.place(id, proposed);
    }
  }

  /** Whether the request may stand in the log, by this leader or by one before, and not be applied. */
  #isUndecided(requestId: Bytes): boolean {
    const { machine, raft } = this.#parts;
    if (!raft.status().serving) return true;
    if (this.#latest === null || this.#latest.index <= machine.store.appliedIndex) return false;
    return equalBytes(this.#latest.requestId, requestId);
  }

  /** The call is redirected once the other leads, and carried out there. */
  #handOver(id: number, target: MemberId, now: Milliseconds): void {
    this.#parts.raft.transfer(target, now);
    this.#leaving.push(id);
  }

  /** Of the voters among `voters`; of equal ones, who was heard from last. */
  #mostCaughtUp(voters: readonly MemberId[]): MemberId | null {
    const { raft } = this.#parts;
    const able = raft.peers().filter(({ id }) => {
      return voters.includes(id) && raft.configuration.voters.includes(id);
    });
    return able.toSorted((a, b) => b.match - a.match || b.heardAt - a.heardAt)[0]?.id ?? null;
  }

  #propose(change: NonNullable<Change>, requestId: Bytes, now: Milliseconds): Proposed | null {
    const { machine, raft } = this.#parts;
    const command = { kind: "membership", ...change } as const;
    const payload = encodeProposal({ command, time: machine.time(now), requestId, trace: "" });
    return raft.change(payload, now);
  }

  #knowledge(): Knowledge {
    const { machine, raft, self } = this.#parts;
    const { lastIndex } = raft.status();
    return { membership: machine.membership, self, lastIndex, peers: raft.peers() };
  }
}
