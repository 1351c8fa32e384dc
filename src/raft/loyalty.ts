// Owns a voter's loyalty to its leader: when it does not even look at a candidate's log. How it looks
// at one is `election.ts`'s.

import { later, type MemberId, type Milliseconds } from "../base/types.ts";
import type { Core } from "./core.ts";
import type { Campaign } from "./election.ts";
import { Doorbell } from "./quiescence.ts";
import type { RoleState } from "./role.ts";
import type { PreVoteMessage, VoteMessage } from "./types.ts";

/** Denials in a row after which campaigns do not come more seldom: 512 timeouts are five minutes. */
const DENIALS_COUNTED_MAX = 9;

/** Denied; or denied, and this node is to make sure that its leader is there; or to be considered. */
export type Verdict = "denied" | "makeSure" | "considered";

/** The loyalty of one node, whatever its role: a leader is loyal to itself. */
export class Loyalty {
  readonly #core: Core;
  readonly #doorbell = new Doorbell();
  /** When it last followed a leader; before a restart it may have done so until then. */
  #followedAt: Milliseconds;
  /** Campaigns in a row that somebody has denied, who has a leader that this node does not hear. */
  #denials = 0;
  #lastDenied: Campaign | null = null;

  constructor(core: Core, now: Milliseconds) {
    this.#core = core;
    this.#followedAt = now;
  }

  /** A leader was heard. */
  followed(at: Milliseconds): void {
    this.#followedAt = at;
    this.#denials = 0;
  }

  /** Somebody would not vote for this node; counts once for each campaign. */
  denied(campaign: Campaign): void {
    if (campaign !== this.#lastDenied) this.#denials++;
    this.#lastDenied = campaign;
  }

  /**
   * By how much to stretch the time until the next campaign: a member that cannot hear a leader that
   * others have asks ever more seldom, for each question keeps them in memory. Once is not enough:
   * in an election of others it is usual.
   */
  get patience(): number {
    return 2 ** Math.min(Math.max(this.#denials - 1, 0), DENIALS_COUNTED_MAX);
  }

  /** There was work, or another term: whoever asks now may have missed it. */
  hearAll(): void {
    this.#denials = 0;
    this.#doorbell.reset();
  }

  /** `member` is in touch: if it asks again, it has a new reason. */
  hear(member: MemberId): void {
    this.#doorbell.forget(member);
  }

  /**
   * Whether a leader may count on this node to elect nobody else as yet (thesis §6.4.1). That holds
   * in later terms too: whoever opened one may have been granted its pre-votes before the promise.
   */
  hasPromised(at: Milliseconds): boolean {
    const { electionMsMin, leaseReads } = this.#core.timing;
    return leaseReads && at < later(this.#followedAt, electionMsMin);
  }

  /**
   * Leader stickiness: whoever leads, or has heard its leader within the minimum election timeout,
   * denies its vote, so that a node that was cut off cannot depose a healthy leader (thesis
   * §4.2.3). A vote is denied by silence, since its term must not be entered. A sleeper has as good
   * as heard its leader; but somebody has not, so now it makes sure.
   */
  judge(message: PreVoteMessage | VoteMessage, state: RoleState, at: Milliseconds): Verdict {
    if (this.#isReleased(message)) return "considered";
    if (this.hasPromised(at)) return "denied";
    if (message.term <= this.#core.ballot.term) return "considered";
    if (state.role === "leader") {
      return state.leadership.isAsleep ? this.#ring(message.from, at) : "denied";
    }
    if (state.role !== "follower" || state.leader === null) return "considered";
    if (state.isAsleep) return this.#ring(message.from, at);
    const { electionMsMin } = this.#core.timing;
    return at < later(state.heardAt, electionMsMin) ? "denied" : "considered";
  }

  #ring(caller: MemberId, at: Milliseconds): Verdict {
    return this.#doorbell.ring(caller, at) ? "makeSure" : "denied";
  }

  /** Whether a candidate has leave to depose a leader that is there: the leader's own, or a router's. */
  #isReleased(message: PreVoteMessage | VoteMessage): boolean {
    if (message.kind === "vote" && message.handedOver) return true;
    return message.urged && !this.#core.timing.leaseReads;
  }
}
