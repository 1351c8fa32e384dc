// Owns the arithmetic of majorities, joint ones included (Raft thesis §4.3). Pure functions over a
// configuration; everything that is decided by a quorum is decided here: votes, commits, read
// rounds, and whether a leader is still in touch.
//
// While a joint change is under way, `outgoing` holds the old voters, and a decision takes a majority
// of both lists.

import { assert } from "../base/assert.ts";
import type { MemberId } from "../base/types.ts";
import type { Configuration } from "./types.ts";

/** Whether the member's vote counts. A learner's does not. */
export const isVoter = (configuration: Configuration, id: MemberId): boolean =>
  configuration.voters.includes(id) || configuration.outgoing.includes(id);

/** Every other member whose vote counts, each once. */
export const otherVoters = (configuration: Configuration, self: MemberId): MemberId[] =>
  distinct([...configuration.voters, ...configuration.outgoing], self);

/** Every other member that is replicated to: voters and learners, each once. */
export const otherMembers = (configuration: Configuration, self: MemberId): MemberId[] =>
  distinct([...configuration.voters, ...configuration.outgoing, ...configuration.learners], self);

/**
 * The highest value that a quorum has reached, where `valueOf` gives each voter's. Over match
 * indexes it is the index that may commit (Raft §5.3); over times it is how lately a quorum was
 * heard from.
 *
 * Five voters at 9, 7, 4, 4, 1: three of them, a majority, have reached 4.
 */
export function quorumValue<V extends number>(
  configuration: Configuration,
  valueOf: (voter: MemberId) => V,
): V {
  const incoming = majorityValue(configuration.voters, valueOf);
  if (configuration.outgoing.length === 0) return incoming;
  const outgoing = majorityValue(configuration.outgoing, valueOf);
  return incoming < outgoing ? incoming : outgoing;
}

export type VoteResult = "won" | "lost" | "pending";

/** How an election stands when `votes` holds what each voter has answered so far. */
export function voteResult(
  configuration: Configuration,
  votes: ReadonlyMap<MemberId, boolean>,
): VoteResult {
  const outgoing = configuration.outgoing;
  const results = [majorityVote(configuration.voters, votes)];
  if (outgoing.length > 0) results.push(majorityVote(outgoing, votes));
  if (results.includes("lost")) return "lost";
  return results.includes("pending") ? "pending" : "won";
}

function majorityValue<V extends number>(
  voters: readonly MemberId[],
  valueOf: (voter: MemberId) => V,
): V {
  assert(voters.length > 0, "a configuration has voters");
  const descending = voters.map(valueOf).toSorted((a, b) => b - a);
  return descending[majority(voters) - 1]!;
}

function majorityVote(
  voters: readonly MemberId[],
  votes: ReadonlyMap<MemberId, boolean>,
): VoteResult {
  const granted = voters.filter((voter) => votes.get(voter) === true).length;
  const denied = voters.filter((voter) => votes.get(voter) === false).length;
  if (granted >= majority(voters)) return "won";
  return voters.length - denied >= majority(voters) ? "pending" : "lost";
}

const majority = (voters: readonly MemberId[]): number => Math.floor(voters.length / 2) + 1;

const distinct = (members: readonly MemberId[], except: MemberId): MemberId[] =>
  [...new Set(members)].filter((member) => member !== except);
