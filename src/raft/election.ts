// Owns the rules of elections (Raft §5.2, §5.4.1; PreVote, thesis §9.6): who asks whom for what, who
// grants it, and when a campaign is decided. The transitions that follow are `node.ts`'s.

import type { MemberId, Term } from "../base/types.ts";
import type { Core } from "./core.ts";
import { isVoter, otherVoters, voteResult, type VoteResult } from "./quorum.ts";
import type { PreVoteMessage, VoteMessage } from "./types.ts";

/** One campaign: the answers to what a (pre-)candidate has asked, its own vote among them. */
export class Campaign {
  readonly #core: Core;
  readonly #votes: Map<MemberId, boolean>;
  /** The router asked for it: voters that hear their leader are asked to grant all the same. */
  readonly urged: boolean;

  private constructor(core: Core, urged: boolean) {
    this.#core = core;
    this.#votes = new Map([[core.id, true]]);
    this.urged = urged;
  }

  /** Asks all voters for `kind` in `term`: their vote, or whether they would give it. */
  static open(
    core: Core,
    options: { kind: "preVote" | "vote"; term: Term; urged: boolean; handedOver: boolean },
  ): Campaign {
    const { kind, term, urged, handedOver } = options;
    const { index: lastIndex, term: lastTerm } = core.log.last;
    for (const to of otherVoters(core.configuration, core.id)) {
      const question = { to, term, lastIndex, lastTerm, urged };
      if (kind === "vote") core.outbox.send({ kind, ...question, handedOver });
      else core.outbox.send({ kind, ...question });
    }
    return new Campaign(core, urged);
  }

  get result(): VoteResult {
    return voteResult(this.#core.configuration, this.#votes);
  }

  /**
   * Counts an answer. A grant is never taken back: a denial beside it is a stray answer to an
   * older message, which a voter gives without looking at this campaign.
   */
  count(voter: MemberId, granted: boolean): void {
    this.#votes.set(voter, granted || this.#votes.get(voter) === true);
  }
}

/**
 * Whether this node grants what is asked, when stickiness does not forbid it. In a term it has not
 * entered it may vote for anyone; in its own, only for whom it voted already, or for the first who
 * asks while the term has no leader. In either case only for a log at least as up-to-date as its
 * own (§5.4.1), so that whoever wins holds all that is committed.
 *
 * A learner grants as well: it may have been made a voter and not know it yet.
 */
export function mayGrant(
  core: Core,
  message: PreVoteMessage | VoteMessage,
  termHasLeader: boolean,
): boolean {
  const { term, vote } = core.ballot;
  const free = vote === null ? !termHasLeader : vote === message.from;
  if (message.term < term || (message.term === term && !free)) return false;
  return core.log.isUpToDate({ index: message.lastIndex, term: message.lastTerm });
}

/**
 * Whether this node led its term before it restarted, and so may lead on: it voted for itself,
 * and the term's first entry names it. The vote alone is not enough, for it may have stood and
 * lost; nobody else can ever have led a term that it opened (ARCHITECTURE.md, "Leadership"). A
 * leader whose term's first entry was trimmed starts as a follower: the entry could then be
 * another's.
 */
export function hasOpenedTerm(core: Core): boolean {
  const { ballot, configuration, id, log } = core;
  if (ballot.vote !== id || !isVoter(configuration, id)) return false;
  return log.authorOfTerm(ballot.term) === id;
}
