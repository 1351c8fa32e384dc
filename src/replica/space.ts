// Owns the quota as a leader keeps it: writes are refused when there is no room for them, an alarm
// tells every replica so, and once there is room again it is lowered. Source: etcd
// server/etcdserver/api/v3rpc/quota.go; there the alarm stays until somebody lowers it.

import { costOf, forbidden } from "../apply/guard.ts";
import { versionOf, type Command } from "../apply/command.ts";
import type { Alarm } from "../base/alarm.ts";
import { DATABASE_BYTES_MAX } from "../base/limits.ts";
import type { Refusal } from "../base/refusal.ts";
import type { MemberId } from "../base/types.ts";
import type { RaftNode } from "../raft/node.ts";
import type { Calls } from "./calls.ts";
import type { Machine } from "./machine.ts";

/** An alarm is lowered below this share of the quota: far enough that it is not raised at once. */
const ROOM_AGAIN = 0.9;

interface Parts {
  readonly self: MemberId;
  readonly machine: Machine;
  readonly raft: RaftNode;
  readonly calls: Calls;
}

type Propose = (command: Command) => void;

export class Space {
  readonly #self: MemberId;
  readonly #machine: Machine;
  readonly #raft: RaftNode;
  readonly #calls: Calls;
  /** Calls that are refused once the alarm that they have raised was there. */
  #raising: { readonly calls: number[]; readonly after: number } | null = null;
  /** Whose alarms are on their way to be lowered. */
  #lowering: readonly MemberId[] = [];
  #isRaisingForPeers = false;
  #isFull = false;

  constructor({ self, machine, raft, calls }: Parts) {
    this.#self = self;
    this.#raft = raft;
    this.#machine = machine;
    this.#calls = calls;
  }

  /** Why alarms that are active here forbid the write, or null. */
  refusal(command: Command): Refusal | null {
    return forbidden(command, this.#machine.cluster);
  }

  /**
   * Whether there is no room for the write of `call`. Then it is answered here: refused as soon as
   * the alarm is raised that says so.
   */
  refuses(call: number, command: Command, propose: Propose): boolean {
    const cost = costOf(command);
    if (cost === 0 || this.#machine.bytesInUse + cost <= this.#quota) return false;
    if (!this.#mayRaise) this.#calls.refuse(call, "noSpace");
    else if (this.#raising !== null) this.#raising.calls.push(call);
    else {
      const after = this.#machine.cluster.alarms.timesRaised("noSpace");
      this.#raising = { calls: [call], after };
      propose(this.#command({ member: this.#self, alarm: "noSpace" }, true));
    }
    return true;
  }

  /**
   * Whether this replica has no room left, whatever the quota. It goes on to be full until there is
   * room again: or entries that raise and lower its alarm could go on by themselves.
   */
  get isFull(): boolean {
    const share = this.#isFull ? ROOM_AGAIN : 1;
    this.#isFull = this.#machine.bytesInUse > share * DATABASE_BYTES_MAX;
    return this.#isFull;
  }

  /** After anything was applied, or whether this replica serves as leader may have changed. */
  follow(isServing: boolean, propose: Propose): void {
    this.#settleRaising(isServing);
    this.#lower(isServing, propose);
    this.#raiseForPeers(isServing, propose);
  }

  /** The entry that raises it may do so in vain, when the cluster's version was lowered before. */
  #settleRaising(isServing: boolean): void {
    if (this.#raising === null) return;
    const { calls, after } = this.#raising;
    const { alarms } = this.#machine.cluster;
    if (isServing && this.#mayRaise && alarms.timesRaised("noSpace") === after) return;
    this.#raising = null;
    for (const call of calls) {
      if (isServing) this.#calls.refuse(call, "noSpace");
      else this.#calls.redirect(call);
    }
  }

  /** Lowers what leaders have raised once there is room here, and where it was raised for. */
  #lower(isServing: boolean, propose: Propose): void {
    const raised = this.#machine.cluster.alarms.automatic("noSpace");
    const members = raised.map(({ member }) => member);
    this.#lowering = isServing ? this.#lowering.filter((each) => members.includes(each)) : [];
    if (!isServing || raised.length === 0) return;
    if (this.#machine.bytesInUse >= ROOM_AGAIN * this.#quota) return;
    const waiting = [...this.#raft.fullPeers(), ...this.#lowering];
    const over = raised.filter(({ member }) => !waiting.includes(member));
    this.#lowering = [...this.#lowering, ...over.map(({ member }) => member)];
    for (const alarm of over) propose(this.#command(alarm, false));
  }

  /** Replicas differ in what they store besides what is replicated: one may be full before others. */
  #raiseForPeers(isServing: boolean, propose: Propose): void {
    const isRaised = this.#machine.cluster.alarms.has("noSpace");
    if (!isServing || isRaised || !this.#mayRaise) this.#isRaisingForPeers = false;
    else if (!this.#isRaisingForPeers) {
      const full = this.#raft.fullPeers();
      this.#isRaisingForPeers = full.length > 0;
      for (const member of full) propose(this.#command({ member, alarm: "noSpace" }, true));
    }
  }

  #command({ member, alarm }: Alarm, raises: boolean): Command {
    return { kind: "alarm", raises, automatic: true, member, alarm };
  }

  get #mayRaise(): boolean {
    return this.#machine.cluster.version >= versionOf("alarm");
  }

  get #quota(): number {
    return this.#machine.quotaBytes;
  }
}
