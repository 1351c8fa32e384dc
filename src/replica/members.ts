// Owns the rules of membership changes, as etcd has them, and the members as clients see them. A
// change becomes an entry; that Raft takes one at a time is Raft's affair.

import type { ClientRequest } from "../api/replica.ts";
import { unreachable } from "../base/assert.ts";
import { LEARNERS_MAX } from "../base/limits.ts";
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
import { leaveJoint, nextConfiguration } from "../raft/configuration.ts";
import type { PeerStatus } from "../raft/node.ts";

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
 * The members as clients see them: those who are leaving are not shown. Only a leader knows who is
 * started.
 */
export function showMembers(known: Knowledge, added: Member | null): MembersAnswer {
  const { configuration, members } = known.membership;
  const { voters, learners } = configuration;
  const show = (member: Member): MemberStatus => ({
    ...member,
    isLearner: learners.includes(member.id),
    isStarted: isStarted(known, member.id),
  });
  const shown = members.filter(({ id }) => voters.includes(id) || learners.includes(id)).map(show);
  return { members: shown, added: shown.find(({ id }) => id === added?.id) ?? null };
}

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
  if (member === null) return unreachable("the leader's object has named the new member");
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
  if (!isLearner && !isFirst && !hasQuorum(known, next.voters)) return refuse("notEnoughStarted");
  return accept({
    configuration: nextConfiguration(configuration, next),
    members: [...members, member],
    removed,
  });
}

/** Promotes learners and removes members, all at once. */
function planJoint(
  { promote, remove }: { promote: readonly MemberId[]; remove: readonly MemberId[] },
  known: Knowledge,
): Result<Change, Refusal> {
  const { configuration, members, removed } = known.membership;
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
  if (losesVoters && !hasQuorum(known, voters)) return refuse("notEnoughStarted");
  const next = nextConfiguration(configuration, { voters, learners });
  return accept({ configuration: next, ...partition({ members, removed }, next) });
}

/** What ends a joint change: those who took part in it for the last time have left. */
export function endJoint({ configuration, ...known }: Membership): NonNullable<Change> {
  const next = leaveJoint(configuration);
  return { configuration: next, ...partition(known, next) };
}

/**
 * Who is a member under `configuration`, and who is none any more. Old voters that a joint
 * configuration still counts are members to its end: without them it could not be left.
 */
function partition(
  { members, removed }: Pick<Membership, "members" | "removed">,
  { voters, outgoing, learners }: Configuration,
): Pick<Membership, "members" | "removed"> {
  const named = [...voters, ...outgoing, ...learners];
  return {
    members: members.filter(({ id }) => named.includes(id)),
    removed: [...removed, ...members.filter(({ id }) => !named.includes(id))],
  };
}

/** etcd's strict reconfiguration check: a quorum of those who would vote then is started. */
const hasQuorum = (known: Knowledge, voters: readonly MemberId[]): boolean =>
  voters.filter((id) => isStarted(known, id)).length > voters.length / 2;

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
