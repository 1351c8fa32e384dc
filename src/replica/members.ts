// Owns the rules of membership changes, as etcd has them, and the members as clients see them. A
// change becomes an entry; that Raft takes one at a time is Raft's affair.

import type { ClientRequest } from "../api/replica.ts";
import { LEARNERS_MAX, MEMBER_THERE_MS } from "../base/limits.ts";
import type {
  Configuration,
  Member,
  Membership,
  MembersAnswer,
  MemberStatus,
} from "../base/membership.ts";
import type { Refusal } from "../base/refusal.ts";
import { accept, refuse, type Result } from "../base/result.ts";
import type { LogIndex, MemberId } from "../base/types.ts";
import { nextConfiguration } from "../raft/configuration.ts";
import type { PeerStatus } from "../raft/node.ts";
import { isVoter } from "../raft/quorum.ts";

/** What a change makes of the membership; null when there is nothing to change. */
export type Change = Omit<Membership, "index"> | null;

/** What the leader knows of the members. */
export interface Knowledge {
  readonly membership: Membership;
  readonly self: MemberId;
  readonly lastIndex: LogIndex;
  readonly peers: readonly PeerStatus[];
}

type MemberRequest = Extract<
  ClientRequest,
  { kind: "memberAdd" | "memberRemove" | "memberUpdate" | "memberPromote" | "memberChange" }
>;

export const isMemberRequest = (request: ClientRequest): request is MemberRequest =>
  request.kind.startsWith("member") && request.kind !== "memberList";

/** The change that the request asks for. Refused: see `api/error.ts` for etcd's words. */
export function planChange(request: MemberRequest, known: Knowledge): Result<Change, Refusal> {
  switch (request.kind) {
    case "memberAdd":
      return planAdd(request, known);
    case "memberRemove":
      return planJoint({ promote: [], remove: [request.id] }, known);
    case "memberPromote":
      return planJoint({ promote: [request.id], remove: [] }, known);
    case "memberChange":
      return planJoint(request.change, known);
    case "memberUpdate": {
      const member = known.membership.members.find(({ id }) => id === request.id);
      if (member === undefined) return refuse("memberNotFound");
      return member.region === request.region ? accept(null) : refuse("regionUnchangeable");
    }
    default:
      return request satisfies never;
  }
}

/** Whether the change takes `id` out of the voters. */
export const removes = (request: MemberRequest, id: MemberId): boolean =>
  request.kind === "memberRemove"
    ? request.id === id
    : request.kind === "memberChange" && request.change.remove.includes(id);

/**
 * The members as clients see them, without those who leave by a joint change that has not ended;
 * only a leader knows who is started. `added` is the region of a member that was added.
 */
export function showMembers(known: Knowledge, added: string | null): MembersAnswer {
  const { configuration, members } = known.membership;
  const { voters, learners } = configuration;
  const show = (member: Member): MemberStatus => ({
    ...member,
    isLearner: learners.includes(member.id),
    isStarted: isStarted(known, member.id),
  });
  const stays = ({ id }: Member): boolean => voters.includes(id) || learners.includes(id);
  const shown = members.filter(stays).map(show);
  return { members: shown, added: shown.find(({ region }) => region === added) ?? null };
}

/**
 * What a configuration makes of the members: whom it does not name any more is removed. A joint one
 * names those who leave, for until it has ended their votes are needed.
 */
export function membershipUnder(
  configuration: Configuration,
  { members, removed }: Pick<Membership, "members" | "removed">,
): NonNullable<Change> {
  const isNamed = ({ id }: Member): boolean =>
    isVoter(configuration, id) || configuration.learners.includes(id);
  const leaving = members.filter((member) => !isNamed(member));
  return { configuration, members: members.filter(isNamed), removed: [...removed, ...leaving] };
}

/** Whether the member was taken out of the cluster, for ever. */
export const isRemoved = ({ removed }: Membership, member: MemberId): boolean =>
  removed.some(({ id }) => id === member);

/** Whether it takes part, or was taken out and may still be needed. One that joins is neither. */
export const hasBeenMember = (membership: Membership, member: MemberId): boolean =>
  membership.members.some(({ id }) => id === member) || isRemoved(membership, member);

/** The generation of the next replica of a region: one that no member ever had. */
export function nextGeneration({ members, removed }: Membership, region: string): number {
  const taken = [...members, ...removed].filter((member) => member.region === region);
  return 1 + Math.max(0, ...taken.map(({ generation }) => generation));
}

function planAdd(
  { member, isLearner }: Extract<ClientRequest, { kind: "memberAdd" }>,
  known: Knowledge,
): Result<Change, Refusal> {
  const { configuration, members, removed } = known.membership;
  // It came to lead just now: its object has not asked Genesis for a name.
  if (member === null) return refuse("changeUnderWay");
  const isTaken = ({ id, region }: Member): boolean => id === member.id || region === member.region;
  if (members.some(isTaken) || removed.some(({ id }) => id === member.id)) {
    return refuse("memberExists");
  }
  const { voters, learners } = configuration;
  if (isLearner && learners.length >= LEARNERS_MAX) return refuse("tooManyLearners");
  const next = isLearner
    ? { voters, learners: [...learners, member.id] }
    : { voters: [...voters, member.id], learners };
  // A single voter may take in another, and waits for it then: there is no other way to grow.
  const isFirst = voters.length === 1 && isStarted(known, voters[0]!);
  const refusal = isLearner || isFirst ? null : refusalOfVoters(known, next.voters);
  if (refusal !== null) return refuse(refusal);
  const joined = { members: [...members, member], removed };
  return accept(membershipUnder(nextConfiguration(configuration, next), joined));
}

/** Promotes learners and removes members, all at once. */
function planJoint(
  { promote, remove }: { promote: readonly MemberId[]; remove: readonly MemberId[] },
  known: Knowledge,
): Result<Change, Refusal> {
  const { configuration, members } = known.membership;
  const isMember = (id: MemberId): boolean => members.some((member) => member.id === id);
  if (![...promote, ...remove].every(isMember)) return refuse("memberNotFound");
  if (promote.some((id) => remove.includes(id) || !configuration.learners.includes(id))) {
    return refuse("notLearner");
  }
  if (!promote.every((id) => isInSync(known, id))) return refuse("learnerNotReady");
  const stays = (id: MemberId): boolean => !remove.includes(id);
  const voters = [...configuration.voters.filter(stays), ...promote];
  const learners = configuration.learners.filter((id) => stays(id) && !promote.includes(id));
  if (voters.length === 0) return refuse("lastVoter");
  const losesVoters = configuration.voters.some((id) => !stays(id));
  const refusal = losesVoters ? refusalOfVoters(known, voters) : null;
  if (refusal !== null) return refuse(refusal);
  const next = nextConfiguration(configuration, { voters, learners });
  return accept(membershipUnder(next, known.membership));
}

/**
 * etcd's strict reconfiguration check: of those who would vote then, a quorum is started, and there.
 * Otherwise nothing could be decided any more, not even to take the change back.
 */
function refusalOfVoters(known: Knowledge, voters: readonly MemberId[]): Refusal | null {
  const isQuorum = (is: (known: Knowledge, id: MemberId) => boolean): boolean =>
    voters.filter((id) => is(known, id)).length > voters.length / 2;
  if (!isQuorum(isStarted)) return "notEnoughStarted";
  return isQuorum(isThere) ? null : "unhealthy";
}

/** As etcd: a learner that has nine tenths of the leader's log may become a voter. */
function isInSync({ peers, lastIndex }: Knowledge, id: MemberId): boolean {
  const peer = peers.find((each) => each.id === id);
  return peer !== undefined && peer.match >= lastIndex * 0.9;
}

/** Whether the member was heard from. Only a leader has peers; for others all are taken for started. */
function isStarted({ self, peers }: Knowledge, id: MemberId): boolean {
  if (id === self || peers.length === 0) return true;
  const peer = peers.find((each) => each.id === id);
  return peer !== undefined && (peer.version !== null || peer.match > 0);
}

/** Heard from as lately as any other, be it before the leader fell asleep. */
function isThere({ self, peers }: Knowledge, id: MemberId): boolean {
  if (id === self) return true;
  const latest = Math.max(...peers.map(({ heardAt }) => heardAt));
  const peer = peers.find((each) => each.id === id);
  return peer !== undefined && peer.heardAt >= latest - MEMBER_THERE_MS;
}
