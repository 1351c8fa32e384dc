// Owns the description of etcd's API as its gateway has it, `/v3`. Each request is described by the
// very schema that parses it.

import type { z } from "zod";
import {
  alarmAnswer,
  authStatusAnswer,
  campaignAnswer,
  deleteRangeAnswer,
  downgradeAnswer,
  emptyAnswer,
  hashAnswer,
  hashKvAnswer,
  headerAnswer,
  keepAliveLine,
  leaderAnswer,
  leaseAnswer,
  leasesAnswer,
  lockAnswer,
  membersAnswer,
  observeLine,
  putAnswer,
  rangeAnswer,
  roleAnswer,
  rolesAnswer,
  snapshotLine,
  statusAnswer,
  timeToLiveAnswer,
  tokenAnswer,
  txnAnswer,
  usersAnswer,
  watchLine,
} from "./answer-schemas.ts";
import {
  authenticateMessage,
  changePasswordMessage,
  nameMessage,
  roleGrantMessage,
  roleMessage,
  roleRevokeMessage,
  userAddMessage,
  userGrantMessage,
  userRevokeMessage,
} from "./auth-json.ts";
import {
  campaignMessage,
  electionMessage,
  proclaimMessage,
  resignMessage,
} from "./election-json.ts";
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
import { lockMessage, unlockMessage } from "./lock-json.ts";
import { alarmMessage, downgradeMessage, hashKvMessage } from "./maintenance-json.ts";
import {
  memberAddMessage,
  memberIdMessage,
  memberListMessage,
  memberUpdateMessage,
  moveLeaderMessage,
} from "./member-json.ts";
import { IDEMPOTENCY_KEY, type Operation } from "./operation.ts";
import { emptyMessage } from "./proto-json.ts";
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
  ["/maintenance/alarm", "List, raise or lower alarms", alarmMessage, alarmAnswer],
  ["/maintenance/status", "How the nearest replica is", emptyMessage, statusAnswer],
  ["/maintenance/defragment", "Free what nobody can read any more", emptyMessage, emptyAnswer],
  ["/maintenance/hash", "A hash of all that is replicated", emptyMessage, hashAnswer],
  ["/maintenance/hashkv", "A hash of keys and their history", hashKvMessage, hashKvAnswer],
  ["/maintenance/downgrade", "Ask about a downgrade", downgradeMessage, downgradeAnswer],
  ["/lock/lock", "Wait for a lock, and hold it", lockMessage, lockAnswer],
  ["/lock/unlock", "Give a lock back", unlockMessage, headerAnswer],
  ["/election/campaign", "Wait until elected", campaignMessage, campaignAnswer],
  ["/election/proclaim", "As the leader, change the value", proclaimMessage, headerAnswer],
  ["/election/leader", "Who leads", electionMessage, leaderAnswer],
  ["/election/resign", "Lead no longer", resignMessage, headerAnswer],
  ["/auth/enable", "Turn auth on", emptyMessage, headerAnswer],
  ["/auth/disable", "Turn auth off", emptyMessage, headerAnswer],
  ["/auth/status", "Whether auth is on", emptyMessage, authStatusAnswer],
  ["/auth/authenticate", "A token for a password", authenticateMessage, tokenAnswer],
  ["/auth/user/add", "Add a user", userAddMessage, headerAnswer],
  ["/auth/user/get", "A user's roles", nameMessage, rolesAnswer],
  ["/auth/user/list", "List users", emptyMessage, usersAnswer],
  ["/auth/user/delete", "Delete a user", nameMessage, headerAnswer],
  ["/auth/user/changepw", "Change a password", changePasswordMessage, headerAnswer],
  ["/auth/user/grant", "Give a user a role", userGrantMessage, headerAnswer],
  ["/auth/user/revoke", "Take a role from a user", userRevokeMessage, headerAnswer],
  ["/auth/role/add", "Add a role", nameMessage, headerAnswer],
  ["/auth/role/get", "What a role permits", roleMessage, roleAnswer],
  ["/auth/role/list", "List roles", emptyMessage, rolesAnswer],
  ["/auth/role/delete", "Delete a role", roleMessage, headerAnswer],
  ["/auth/role/grant", "Permit keys to a role", roleGrantMessage, headerAnswer],
  ["/auth/role/revoke", "No longer permit them", roleRevokeMessage, headerAnswer],
];

/** Writes of keys and leases, which a client may name. */
const NAMED: readonly string[] = [
  "/kv/put",
  "/kv/deleterange",
  "/kv/txn",
  "/kv/compaction",
  "/lease/grant",
  "/lease/revoke",
  "/kv/lease/revoke",
];

const SEVERAL_DOCUMENTS =
  "The body holds one document or several, one after another; the answer is lines of JSON that come as things happen.";
const ONE_DOCUMENT =
  "The body holds one document; the answer is lines of JSON that come as things happen.";

/** Calls that both sides may go on with. */
const STREAMS: readonly Row[] = [
  ["/watch", "Watch keys", watchMessage, watchLine],
  ["/lease/keepalive", "Keep leases alive, one answer each", leaseIdMessage, keepAliveLine],
];

const OBSERVE: Row = [
  "/election/observe",
  "Who leads, and whoever comes after",
  electionMessage,
  observeLine,
];

/** Calls that only the server goes on with. */
const SERVER_STREAMS: readonly Row[] = [
  OBSERVE,
  ["/maintenance/snapshot", "All that the cluster holds", emptyMessage, snapshotLine],
];

const unary = ([path, summary, request, answer]: Row): Operation => ({
  method: "post",
  path: `/v3${path}`,
  summary,
  ...(NAMED.includes(path) ? { parameters: [IDEMPOTENCY_KEY] } : {}),
  request: { kind: "message", schema: request },
  answers: { 200: { description: "Done", bodies: [{ kind: "json", schema: answer }] } },
  isOfCluster: true,
});

const byPost = ([path, summary, request, line]: Row, description: string): Operation => ({
  method: "post",
  path: `/v3${path}`,
  summary,
  description,
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
  ...STREAMS.map((row) => byPost(row, SEVERAL_DOCUMENTS)),
  ...SERVER_STREAMS.map((row) => byPost(row, ONE_DOCUMENT)),
  ...[...STREAMS, OBSERVE].map(bySocket),
];
