// Owns which methods go by sessions, and their messages: requests as sessions have them, answers as the
// services have them.

import { randomBytes } from "node:crypto";
import { answerFields, type BytesForm } from "../api/answer-json.ts";
import { withLeaseId } from "../api/lease-id.ts";
import { maintenanceFields } from "../api/maintenance-json.ts";
import { membersFields } from "../api/member-json.ts";
import type { Header } from "../api/replica.ts";
import type { SessionRequest, SessionResult } from "../api/session-call.ts";
import { asLeaseId } from "../base/types.ts";
import { deleteRangeOf, putOf, rangeOf, txnOf } from "./kv-messages.ts";
import { flagOf, integerOf, numberOf } from "./messages.ts";
import type { Message } from "./upstream.ts";

/** A method's message as a request of a session. All throw UpstreamError for what has no sense. */
type ReadMessage = (message: Message) => SessionRequest;

const leaseOf = ({ ID }: Message) => asLeaseId(integerOf(ID));

/** Nobody can guess them. */
const random = (size: number): Uint8Array<ArrayBuffer> => new Uint8Array(randomBytes(size));

export const keepAliveOf: ReadMessage = (message) => ({
  kind: "leaseKeepAlive",
  id: leaseOf(message),
});

const KV: Readonly<Record<string, ReadMessage>> = {
  Range: (message) => ({
    kind: "range",
    request: rangeOf(message),
    serializable: flagOf(message["serializable"]),
  }),
  Put: (message) => ({ kind: "put", request: putOf(message) }),
  DeleteRange: (message) => ({ kind: "deleteRange", request: deleteRangeOf(message) }),
  Txn: (message) => ({ kind: "txn", request: txnOf(message) }),
  Compact: ({ revision, physical }) => ({
    kind: "compact",
    revision: numberOf(revision),
    physical: flagOf(physical),
  }),
};

const LEASE: Readonly<Record<string, ReadMessage>> = {
  LeaseGrant: (message) => {
    const ttlSeconds = numberOf(message["TTL"]);
    return withLeaseId({ kind: "leaseGrant", id: leaseOf(message), ttlSeconds }, random);
  },
  LeaseRevoke: (message) => ({ kind: "leaseRevoke", id: leaseOf(message) }),
  LeaseTimeToLive: (message) => ({
    kind: "leaseTimeToLive",
    id: leaseOf(message),
    keys: flagOf(message["keys"]),
  }),
  LeaseLeases: () => ({ kind: "leaseLeases" }),
};

const SERVICES: Readonly<Record<string, Readonly<Record<string, ReadMessage>>>> = {
  "etcdserverpb.KV": KV,
  "etcdserverpb.Lease": LEASE,
  "etcdserverpb.Cluster": {
    MemberList: ({ linearizable }) => ({ kind: "memberList", linearizable: flagOf(linearizable) }),
  },
  "etcdserverpb.Maintenance": { Status: () => ({ kind: "status" }) },
};

/** Unary methods that go by sessions, by gRPC path. */
export const SESSION_METHODS: ReadonlyMap<string, ReadMessage> = new Map(
  Object.entries(SERVICES).flatMap(([service, methods]) =>
    Object.entries(methods).map(([name, read]) => [`/${service}/${name}`, read] as const),
  ),
);

/** Bytes go into protocol buffers as they are. */
export const RAW: BytesForm = (value) => value;

/** An answer as a message. `origin` is what members are said to be reached at. */
export function messageOf(header: Header, result: SessionResult, origin: string): Message {
  switch (result.kind) {
    case "members":
      return membersFields(header, result.answer, origin);
    case "status":
      return maintenanceFields(header, result);
    default:
      return answerFields(header, result, RAW);
  }
}
