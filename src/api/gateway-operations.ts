// Owns the description of etcd's API as its gateway has it, `/v3`. Each request is described by the
// very schema that parses it.

import type { z } from "zod";
import {
  deleteRangeAnswer,
  emptyAnswer,
  headerAnswer,
  keepAliveLine,
  leaseAnswer,
  leasesAnswer,
  membersAnswer,
  putAnswer,
  rangeAnswer,
  timeToLiveAnswer,
  txnAnswer,
  watchLine,
} from "./answer-schemas.ts";
import {
  compactionMessage,
  deleteRangeMessage,
  outerTxnMessage,
  putMessage,
  rangeMessage,
} from "./kv-json.ts";
import {
  leaseGrantMessage,
  leaseIdMessage,
  leasesMessage,
  timeToLiveMessage,
} from "./lease-json.ts";
import {
  memberAddMessage,
  memberIdMessage,
  memberListMessage,
  memberUpdateMessage,
  moveLeaderMessage,
} from "./member-json.ts";
import type { Operation } from "./operation.ts";
import { watchMessage } from "./watch-json.ts";

type Row = readonly [path: string, summary: string, request: z.ZodType, answer: z.ZodType];

/** Calls with one request and one answer. */
const UNARY: readonly Row[] = [
  ["/kv/range", "Read a key or an interval of keys", rangeMessage, rangeAnswer],
  ["/kv/put", "Write a key", putMessage, putAnswer],
  ["/kv/deleterange", "Delete a key or an interval", deleteRangeMessage, deleteRangeAnswer],
  ["/kv/txn", "Compare, then do one of two lists of operations", outerTxnMessage, txnAnswer],
  ["/kv/compaction", "Forget versions before a revision", compactionMessage, headerAnswer],
  ["/lease/grant", "Grant a lease", leaseGrantMessage, leaseAnswer],
  ["/lease/revoke", "End a lease and delete its keys", leaseIdMessage, headerAnswer],
  ["/lease/timetolive", "How long a lease has left", timeToLiveMessage, timeToLiveAnswer],
  ["/lease/leases", "List leases", leasesMessage, leasesAnswer],
  ["/kv/lease/revoke", "As /v3/lease/revoke, from etcd 3.2", leaseIdMessage, headerAnswer],
  ["/kv/lease/timetolive", "As /v3/lease/timetolive", timeToLiveMessage, timeToLiveAnswer],
  ["/kv/lease/leases", "As /v3/lease/leases", leasesMessage, leasesAnswer],
  ["/cluster/member/list", "List members", memberListMessage, membersAnswer],
  ["/cluster/member/add", "Add a member in a region", memberAddMessage, membersAnswer],
  ["/cluster/member/remove", "Remove a member", memberIdMessage, membersAnswer],
  ["/cluster/member/update", "Confirm a member's region", memberUpdateMessage, membersAnswer],
  ["/cluster/member/promote", "Let a learner vote", memberIdMessage, membersAnswer],
  ["/maintenance/transfer-leadership", "Hand over", moveLeaderMessage, emptyAnswer],
];

/** Calls that both sides may go on with. */
const STREAMS: readonly Row[] = [
  ["/watch", "Watch keys", watchMessage, watchLine],
  ["/lease/keepalive", "Keep leases alive, one answer each", leaseIdMessage, keepAliveLine],
];

const unary = ([path, summary, request, answer]: Row): Operation => ({
  method: "post",
  path: `/v3${path}`,
  summary,
  request: { kind: "message", schema: request },
  answers: { 200: { description: "Done", bodies: [{ kind: "json", schema: answer }] } },
  isOfCluster: true,
});

const byPost = ([path, summary, request, line]: Row): Operation => ({
  method: "post",
  path: `/v3${path}`,
  summary,
  description:
    "The body holds one document or several, one after another; the answer is lines of JSON that come as things happen.",
  request: { kind: "message", schema: request },
  answers: { 200: { description: "Lines of JSON", bodies: [{ kind: "lines", schema: line }] } },
  isOfCluster: true,
});

const bySocket = ([path, summary]: Row): Operation => ({
  method: "get",
  path: `/v3${path}`,
  summary: `${summary}, over a WebSocket`,
  description: "Each text frame from the client is a document, each to the client a line.",
  answers: { 101: { description: "The connection is a WebSocket", bodies: [] } },
  isOfCluster: true,
});

export const GATEWAY_OPERATIONS: readonly Operation[] = [
  ...UNARY.map(unary),
  ...STREAMS.flatMap((row) => [byPost(row), bySocket(row)]),
];
