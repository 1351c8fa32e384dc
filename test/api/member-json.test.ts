// The JSON of etcd's cluster calls. Errors and the shape of answers were taken from a running etcd
// 3.5.16; where it has a URL of a peer, there is a region here.

import { describe, expect, test } from "vitest";
import type { ApiError } from "../../src/api/error.ts";
import {
  membersBody,
  readMemberAdd,
  readMemberList,
  readMemberPromote,
  readMemberRemove,
  readMemberUpdate,
  readMoveLeader,
} from "../../src/api/member-json.ts";
import type { ClientRequest } from "../../src/api/replica.ts";
import type { MemberStatus } from "../../src/base/membership.ts";
import type { Result } from "../../src/base/result.ts";
import { asClusterId, asMemberId, asRevision, asTerm } from "../../src/base/types.ts";

type Read = (body: string, configured: readonly string[]) => Result<ClientRequest, ApiError>;

const CONFIGURED = ["wnam", "basement"];

function request(read: Read, body: string): ClientRequest {
  const result = read(body, CONFIGURED);
  if (!result.ok) throw new Error(`refused: ${body}`);
  return result.value;
}

function refusal(read: Read, body: string): string {
  const result = read(body, CONFIGURED);
  if (result.ok) throw new Error(`accepted: ${body}`);
  return result.error.message;
}

const INVALID_URLS = "etcdserver: given member URLs are invalid";
const ID = 18_446_744_073_709_551_615n;

describe("requests", () => {
  test.for([
    [readMemberList, "", { kind: "memberList", linearizable: false }],
    [readMemberList, '{"linearizable":true}', { kind: "memberList", linearizable: true }],
    [readMemberRemove, `{"ID":"${ID}"}`, { kind: "memberRemove", id: asMemberId(ID) }],
    [readMemberRemove, `{"ID":${ID}}`, { kind: "memberRemove", id: asMemberId(ID) }],
    [readMemberPromote, "{}", { kind: "memberPromote", id: asMemberId(0n) }],
    [
      readMemberUpdate,
      '{"ID":"5","peerURLs":["weur"]}',
      { kind: "memberUpdate", id: asMemberId(5n), region: "weur" },
    ],
    [readMoveLeader, '{"targetID":"5"}', { kind: "moveLeader", target: asMemberId(5n) }],
  ] as const)("%#: %s", ([read, body, expected]) => {
    expect(request(read, body)).toEqual(expected);
  });

  test.for([
    ["weur", "weur"],
    ["region://weur", "weur"],
    ["basement", "basement"],
    ["region://basement", "basement"],
    ["http://weur:2380", "weur"],
    ["https://basement:1", "basement"],
  ] as const)("%s is a region", ([url, region]) => {
    expect(request(readMemberAdd, JSON.stringify({ peerURLs: [url], isLearner: true }))).toEqual({
      kind: "memberAdd",
      region,
      isLearner: true,
      member: null,
    });
  });

  test.for([
    "{}",
    '{"peerURLs":[]}',
    '{"peerURLs":["mars"]}',
    '{"peerURLs":["weur","enam"]}',
    '{"peerURLs":["http://weur"]}',
    '{"peerURLs":["http://mars:2380"]}',
    '{"peerURLs":["http://weur:2380/path"]}',
  ])("%s names no region", (body) => {
    expect(refusal(readMemberAdd, body)).toBe(INVALID_URLS);
    expect(refusal(readMemberUpdate, body)).toBe(INVALID_URLS);
  });

  test.for([
    ['{"ID":-1}', "proto: (line 1:7): invalid value for uint64 field ID: -1"],
    [
      '{"ID":"18446744073709551616"}',
      'proto: (line 1:7): invalid value for uint64 field ID: "18446744073709551616"',
    ],
    ['{"ID":"x"}', 'proto: (line 1:7): invalid value for uint64 field ID: "x"'],
  ])("%s is no id", ([body, message]) => {
    expect(refusal(readMemberRemove, body!)).toBe(message);
  });

  test("the URLs are a list of strings", () => {
    expect(refusal(readMemberAdd, '{"peerURLs":"x"}')).toBe(
      'proto: syntax error (line 1:13): unexpected token "x"',
    );
    expect(refusal(readMemberAdd, '{"peerURLs":[5]}')).toBe(
      "proto: (line 1:14): invalid value for string field peerURLs: 5",
    );
  });
});

describe("answers", () => {
  const header = {
    clusterId: asClusterId(9n),
    memberId: asMemberId(2n),
    revision: asRevision(7),
    term: asTerm(3),
  };
  const member = (id: bigint, region: string, isStarted: boolean): MemberStatus => ({
    id: asMemberId(id),
    region,
    generation: 2,
    isLearner: !isStarted,
    isStarted,
  });
  const HEADER = '"header":{"cluster_id":"9","member_id":"2","raft_term":"3"}';
  const STARTED =
    '{"ID":"2","name":"wnam/2","peerURLs":["region://wnam"],"clientURLs":["https://here"]}';
  const ADDED = `{"ID":"${ID}","peerURLs":["region://weur"],"isLearner":true}`;

  test("members by id, without a revision; one that has not started has no name or address", () => {
    const added = member(ID, "weur", false);
    const members = [added, member(2n, "wnam", true)];
    expect(membersBody(header, { added: null, members }, "https://here")).toBe(
      `{${HEADER},"members":[${STARTED},${ADDED}]}`,
    );
    expect(membersBody(header, { added, members }, "https://here")).toBe(
      `{${HEADER},"member":${ADDED},"members":[${STARTED},${ADDED}]}`,
    );
  });

  test("the address of a peer that is printed can be sent back", () => {
    const body = membersBody(
      header,
      { added: null, members: [member(2n, "wnam", true)] },
      "https://here",
    );
    const [printed] = (JSON.parse(body) as { members: [{ peerURLs: string[] }] }).members;
    expect(request(readMemberAdd, JSON.stringify(printed))).toMatchObject({ region: "wnam" });
  });
});
