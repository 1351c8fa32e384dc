// Owns the upkeep of a replica: sweeping and hashing a slice at a time, room, rates, compaction by
// itself; and what clients ask about any of that.

import type { Command } from "../apply/command.ts";
import type { ClientRequest } from "../api/replica.ts";
import type { MemberId, Milliseconds } from "../base/types.ts";
import type { RaftNode } from "../raft/node.ts";
import { AutoCompaction } from "./auto-compaction.ts";
import type { Calls } from "./calls.ts";
import { Hasher } from "./hasher.ts";
import type { Machine } from "./machine.ts";
import { RateLimit } from "./rate-limit.ts";
import { Space } from "./space.ts";
import { memberStatus } from "./status.ts";
import { Sweeper } from "./sweeper.ts";

interface Parts {
  readonly self: MemberId;
  readonly machine: Machine;
  readonly raft: RaftNode;
  readonly calls: Calls;
  /** Proposes what the replica itself wants. */
  readonly propose: (command: Command, now: Milliseconds) => void;
}

export class Upkeep {
  readonly #parts: Parts;
  readonly #rate = new RateLimit();
  readonly #space: Space;
  readonly #sweeper: Sweeper;
  readonly #hasher: Hasher;
  readonly #compaction: AutoCompaction;
  #isServing = false;

  constructor(parts: Parts) {
    const { machine, calls } = parts;
    this.#parts = parts;
    this.#space = new Space(parts);
    this.#sweeper = new Sweeper(machine.store);
    this.#hasher = new Hasher(machine, calls);
    this.#compaction = new AutoCompaction(machine.store, () => machine.cluster.limits.current);
  }

  /** Whether the request, which comes now, is one more than the cluster's limits allow. */
  isTooMuch(request: ClientRequest, now: Milliseconds): boolean {
    const { requestsPerSecond } = this.#parts.machine.cluster.limits.current;
    return this.#rate.isExceeded(request, requestsPerSecond, now);
  }

  /**
   * Deals with a write that alarms forbid, or for which there is no room. False: it may be proposed.
   * One that was applied before is answered as it was then.
   */
  refuses(id: number, command: Command, now: Milliseconds): boolean {
    const { machine, calls } = this.#parts;
    const call = calls.get(id);
    if (call !== null && machine.recalls(call, command, now)) return false;
    const refusal = this.#space.refusal(command);
    if (refusal !== null) calls.refuse(id, refusal);
    return refusal !== null || this.#space.refuses(id, command, this.#proposer(now));
  }

  /** Answers a request about upkeep, from the state as it is. False: it is about something else. */
  answers(id: number, request: ClientRequest, now: Milliseconds): boolean {
    const { machine, calls } = this.#parts;
    const { alarms, limits } = machine.cluster;
    const { kind } = request;
    switch (kind) {
      case "status":
        calls.succeed(id, { kind, answer: memberStatus(this.#parts) });
        return true;
      case "alarm":
        calls.succeed(id, {
          kind,
          alarms:
            request.action === "get"
              ? alarms.active.filter(({ alarm }) => alarm === (request.alarm ?? alarm))
              : [],
        });
        return true;
      case "hashKv":
        this.#hasher.begin(id, request.revision, now);
        return true;
      case "hash":
        this.#hasher.begin(id, null, now);
        return true;
      case "defragment":
        if (!this.awaitsSweep(id)) calls.succeed(id, { kind });
        return true;
      case "downgrade":
        calls.succeed(id, { kind });
        return true;
      case "limits":
        calls.succeed(id, { kind, limits: limits.current });
        return true;
      default:
        return false;
    }
  }

  /** Whether the call is answered only once all that is compacted now has been deleted. */
  awaitsSweep(id: number): boolean {
    const request = this.#parts.calls.get(id)?.request;
    const waits =
      request?.kind === "defragment" || (request?.kind === "compact" && request.physical);
    if (!waits || this.#parts.machine.store.isSwept) return false;
    this.#sweeper.wait(id);
    return true;
  }

  /** Something was applied. */
  applied(): void {
    this.#parts.raft.setFull(this.#space.isFull);
  }

  /** Whether this replica serves as leader may have changed, or whether anything is to be done. */
  follow(isServing: boolean, now: Milliseconds): void {
    this.#isServing = isServing;
    this.#sweeper.follow(now);
    // What was proposed may be lost, or refused.
    if (!this.#mayCompact) this.#compaction.stop();
    this.#space.follow(isServing, this.#proposer(now));
  }

  tick(now: Milliseconds): void {
    const { machine, calls } = this.#parts;
    if (!machine.store.isSwept || machine.cluster.alarms.has("noSpace")) machine.resized();
    this.#hasher.tick(now);
    for (const id of this.#sweeper.sweep(now)) {
      const kind = calls.get(id)?.request.kind === "defragment" ? "defragment" : "compact";
      calls.succeed(id, { kind });
    }
    const time = machine.time(now);
    if ((this.#leftoverDue ?? Infinity) <= time) machine.store.dropLeftover(time);
    if (!this.#mayCompact) return;
    const revision = this.#compaction.take(time);
    if (revision !== null) this.#parts.propose({ kind: "compact", revision }, now);
  }

  /** When `tick` is wanted next. */
  deadline(now: Milliseconds): number {
    const compaction = this.#mayCompact ? this.#compaction.due : null;
    const due = Math.min(this.#leftoverDue ?? Infinity, compaction ?? Infinity);
    const isDue = due < Infinity;
    const at = isDue ? now + Math.max(due - this.#parts.machine.time(now), 0) : Infinity;
    return Math.min(at, this.#hasher.due ?? Infinity, this.#sweeper.due ?? Infinity);
  }

  /** What a sweep has left matters when there is no space; else the next sweep takes it along. */
  get #leftoverDue(): number | null {
    const { cluster, store } = this.#parts.machine;
    return cluster.alarms.has("noSpace") ? store.leftoverDue : null;
  }

  get #mayCompact(): boolean {
    return this.#isServing && !this.#parts.machine.cluster.alarms.has("corrupt");
  }

  #proposer(now: Milliseconds): (command: Command) => void {
    return (command) => this.#parts.propose(command, now);
  }
}
