// Owns what clients are told of the members' addresses. Clients dial what they are told, and what they can
// reach is the bridge, under the name by which they have reached it already.

import type { Message } from "./upstream.ts";

/** The answer of a method of the Cluster service, with `url` for the address of every started member. */
export function withClientUrl(answer: Message, url: string): Message {
  const { member, members } = answer;
  return {
    ...answer,
    ...(isMessage(member) ? { member: rewrite(member, url) } : {}),
    ...(Array.isArray(members)
      ? { members: members.filter(isMessage).map((one) => rewrite(one, url)) }
      : {}),
  };
}

function rewrite(member: Message, url: string): Message {
  const isStarted = Array.isArray(member["clientURLs"]) && member["clientURLs"].length > 0;
  return isStarted ? { ...member, clientURLs: [url] } : member;
}

const isMessage = (value: unknown): value is Message => typeof value === "object" && value !== null;
