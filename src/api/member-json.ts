// Owns the JSON of etcd's cluster calls, requests in and members out. A region stands where etcd has
// a peer URL: replicas are reached by name, and where they live is all that there is to choose.

import type { MembersAnswer, MemberStatus } from "../base/membership.ts";
import { accept, refuse, type Result } from "../base/result.ts";
import { asMemberId, asRevision } from "../base/types.ts";
import { printFlag, printHeader, printInteger, printList } from "./answer-json.ts";
import { GATEWAY_ERRORS, type ApiError } from "./error.ts";
import { named } from "./json-schema.ts";
import { bool, decodeMessage, message, repeatedText, uint64 } from "./proto-json.ts";
import { isRegion } from "./regions.ts";
import type { ClientRequest, Header } from "./replica.ts";

export const memberListMessage = named("MemberListRequest", message({ linearizable: bool }));
export const memberAddMessage = named(
  "MemberAddRequest",
  message({ peerURLs: repeatedText, isLearner: bool }),
);
export const memberIdMessage = named("MemberIdRequest", message({ ID: uint64 }));
export const memberUpdateMessage = named(
  "MemberUpdateRequest",
  message({ ID: uint64, peerURLs: repeatedText }),
);
export const moveLeaderMessage = named("MoveLeaderRequest", message({ targetID: uint64 }));

/** Reads a body; `configured` are the regions that exist besides the platform's own. */
type Read = (body: string, configured: readonly string[]) => Result<ClientRequest, ApiError>;

/** `POST /v3/cluster/member/list`. */
export const readMemberList: Read = (body) => {
  const read = decodeMessage(memberListMessage, body);
  return read.ok ? accept({ kind: "memberList", ...read.value }) : read;
};

/** `POST /v3/cluster/member/add`. */
export const readMemberAdd: Read = (body, configured) => {
  const read = decodeMessage(memberAddMessage, body);
  if (!read.ok) return read;
  const { peerURLs, isLearner } = read.value;
  const region = regionOf(peerURLs, configured);
  return region.ok
    ? accept({ kind: "memberAdd", region: region.value, isLearner, member: null })
    : region;
};

/** `POST /v3/cluster/member/remove`. */
export const readMemberRemove: Read = (body) => {
  const read = decodeMessage(memberIdMessage, body);
  return read.ok ? accept({ kind: "memberRemove", id: asMemberId(read.value.ID) }) : read;
};

/** `POST /v3/cluster/member/update`. */
export const readMemberUpdate: Read = (body, configured) => {
  const read = decodeMessage(memberUpdateMessage, body);
  if (!read.ok) return read;
  const region = regionOf(read.value.peerURLs, configured);
  return region.ok
    ? accept({ kind: "memberUpdate", id: asMemberId(read.value.ID), region: region.value })
    : region;
};

/** `POST /v3/cluster/member/promote`. */
export const readMemberPromote: Read = (body) => {
  const read = decodeMessage(memberIdMessage, body);
  return read.ok ? accept({ kind: "memberPromote", id: asMemberId(read.value.ID) }) : read;
};

/** `POST /v3/maintenance/transfer-leadership`. */
export const readMoveLeader: Read = (body) => {
  const read = decodeMessage(moveLeaderMessage, body);
  return read.ok ? accept({ kind: "moveLeader", target: asMemberId(read.value.targetID) }) : read;
};

const SCHEME = "region://";
/** etcd's clients in Go send nothing but addresses with a port, which means nothing here. */
const ADDRESS = /^https?:\/\/([\w-]+):\d{1,5}$/;

/** The one region that the URLs name, in any of three forms: a replica lives in one place. */
function regionOf(
  urls: readonly string[],
  configured: readonly string[],
): Result<string, ApiError> {
  const [url, second] = urls;
  if (url === undefined || second !== undefined) return refuse(GATEWAY_ERRORS.memberUrls);
  const region = url.startsWith(SCHEME)
    ? url.slice(SCHEME.length)
    : (ADDRESS.exec(url)?.[1] ?? url);
  return isRegion(region, configured) ? accept(region) : refuse(GATEWAY_ERRORS.memberUrls);
}

/**
 * The body of an answer about members, listed by id as etcd does; its header has no revision.
 * `origin` is where the client has reached us: the router speaks for every member, and clients that
 * discover members talk to the addresses given here.
 */
export const membersBody = (header: Header, answer: MembersAnswer, origin: string): string =>
  JSON.stringify(membersFields(header, answer, origin));

/** The same by the names of its fields. */
export function membersFields(
  header: Header,
  { added, members }: MembersAnswer,
  origin: string,
): Readonly<Record<string, unknown>> {
  const print = (member: MemberStatus): object => printMember(member, origin);
  return {
    header: printHeader({ ...header, revision: asRevision(0) }),
    member: added === null ? undefined : print(added),
    members: printList(
      members.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
      print,
    ),
  };
}

/** etcd's answer to a transfer of leadership: it fills in no header. */
export const MOVE_LEADER_BODY = "{}";

/** One that was not heard of yet has no name and no address, as in etcd. */
const printMember = (
  { id, region, generation, isLearner, isStarted }: MemberStatus,
  origin: string,
): object => ({
  ID: printInteger(id),
  name: isStarted ? `${region}/${generation}` : undefined,
  peerURLs: [`${SCHEME}${region}`],
  clientURLs: isStarted ? [origin] : undefined,
  isLearner: printFlag(isLearner),
});
