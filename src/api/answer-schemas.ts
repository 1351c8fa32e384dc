// Owns what etcd's answers look like, for readers of the description of the API. Zero values are left
// out, so that nearly every field may be absent. `answer-json.ts` and its siblings print the answers;
// tests hold them against this.

import { z } from "zod";

/** 64 bits do not fit into the numbers of JSON as most languages read it. */
const int64 = z
  .string()
  .regex(/^-?[0-9]+$/)
  .optional();
const bytes = z.string().meta({ contentEncoding: "base64" }).optional();
const yes = z.literal(true).optional();

const header = z
  .object({ cluster_id: int64, member_id: int64, revision: int64, raft_term: int64 })
  .meta({ id: "ResponseHeader" });

const keyValue = z
  .object({
    key: bytes,
    create_revision: int64,
    mod_revision: int64,
    version: int64,
    value: bytes,
    lease: int64,
  })
  .meta({ id: "KeyValue" });

const answer = <Fields extends z.core.$ZodLooseShape>(id: string, fields: Fields) =>
  z.object({ header, ...fields }).meta({ id });

export const rangeAnswer = answer("RangeResponse", {
  kvs: z.array(keyValue).optional(),
  more: yes,
  count: int64,
});
export const putAnswer = answer("PutResponse", { prev_kv: keyValue.optional() });
export const deleteRangeAnswer = answer("DeleteRangeResponse", {
  deleted: int64,
  prev_kvs: z.array(keyValue).optional(),
});

const operationAnswer: z.ZodType = z
  .union([
    z.strictObject({ response_range: rangeAnswer }),
    z.strictObject({ response_put: putAnswer }),
    z.strictObject({ response_delete_range: deleteRangeAnswer }),
    z.strictObject({ response_txn: z.lazy((): z.ZodType => txnAnswer) }),
  ])
  .meta({ id: "ResponseOp" });

export const txnAnswer = answer("TxnResponse", {
  succeeded: yes,
  responses: z.array(operationAnswer).optional(),
});

/** Answers that are a header and nothing else. */
export const headerAnswer = answer("HeaderResponse", {});

export const leaseAnswer = answer("LeaseResponse", { ID: int64, TTL: int64 });
export const timeToLiveAnswer = answer("LeaseTimeToLiveResponse", {
  ID: int64,
  TTL: int64,
  grantedTTL: int64,
  keys: z.array(z.string().meta({ contentEncoding: "base64" })).optional(),
});
export const leasesAnswer = answer("LeaseLeasesResponse", {
  leases: z.array(z.object({ ID: int64 })).optional(),
});

const member = z
  .object({
    ID: int64,
    name: z.string().optional(),
    peerURLs: z.array(z.string()).optional(),
    clientURLs: z.array(z.string()).optional(),
    isLearner: yes,
  })
  .meta({ id: "Member" });
export const lockAnswer = answer("LockResponse", { key: bytes, create_revision: int64 });
export const campaignAnswer = answer("CampaignResponse", {
  leader: z.object({ name: bytes, key: bytes, rev: int64, lease: int64 }).meta({ id: "LeaderKey" }),
});
export const leaderAnswer = answer("LeaderResponse", { kv: keyValue });

export const authStatusAnswer = answer("AuthStatusResponse", {
  enabled: yes,
  authRevision: int64,
});
export const tokenAnswer = answer("AuthenticateResponse", { token: z.string() });
const names = z.array(z.string()).optional();
export const usersAnswer = answer("AuthUserListResponse", { users: names });
/** Of one user, or all that there are. */
export const rolesAnswer = answer("AuthRolesResponse", { roles: names });
export const roleAnswer = answer("AuthRoleGetResponse", {
  perm: z
    .array(
      z
        .object({
          permType: z.enum(["WRITE", "READWRITE"]).optional(),
          key: bytes,
          range_end: bytes,
        })
        .meta({ id: "Permission", description: "permType is READ where it is absent" }),
    )
    .optional(),
});

/** 32 bits fit into the numbers of JSON. */
const uint32 = z.int().nonnegative().optional();
const alarms = z
  .array(z.object({ memberID: int64, alarm: z.enum(["NOSPACE", "CORRUPT"]) }))
  .optional();
export const alarmAnswer = answer("AlarmResponse", { alarms });
export const statusAnswer = answer("StatusResponse", {
  version: z.string(),
  dbSize: int64,
  leader: int64,
  raftIndex: int64,
  raftTerm: int64,
  raftAppliedIndex: int64,
  errors: z.array(z.string()).optional(),
  dbSizeInUse: int64,
  isLearner: yes,
  storageVersion: z.string().optional(),
  dbSizeQuota: int64,
  downgradeInfo: z.object({}).optional(),
});
export const hashAnswer = answer("HashResponse", { hash: uint32 });
export const hashKvAnswer = answer("HashKVResponse", {
  hash: uint32,
  compact_revision: int64,
  hash_revision: int64,
});
export const downgradeAnswer = answer("DowngradeResponse", { version: z.string() });

export const membersAnswer = answer("MembersResponse", {
  member: member.optional(),
  members: z.array(member).optional(),
});

/** An answer of which etcd fills in nothing. */
export const emptyAnswer = z.object({}).meta({ id: "EmptyResponse" });

const event = z
  .object({
    type: z.literal("DELETE").optional(),
    kv: keyValue,
    prev_kv: keyValue.optional(),
  })
  .meta({ id: "Event" });

/** What ends a stream. The second pair of fields is of etcd 3.5 and before. */
export const streamError = z
  .object({
    error: z.object({
      code: z.int(),
      message: z.string(),
      grpc_code: z.int(),
      http_code: z.int(),
    }),
  })
  .meta({ id: "StreamError" });

/** One line of a stream whose results are `result`. */
const lineOf = (id: string, result: z.ZodType) =>
  z.union([z.strictObject({ result }), streamError]).meta({ id });

export const watchLine = lineOf(
  "WatchLine",
  answer("WatchResponse", {
    watch_id: int64,
    created: yes,
    canceled: yes,
    compact_revision: int64,
    cancel_reason: z.string().optional(),
    fragment: yes,
    events: z.array(event).optional(),
  }),
);
/** Bytes of a snapshot; nothing remains after the digest. */
export const snapshotLine = lineOf(
  "SnapshotLine",
  z
    .object({ remaining_bytes: int64, blob: bytes, version: z.string() })
    .meta({ id: "SnapshotResponse" }),
);
export const observeLine = lineOf("ObserveLine", leaderAnswer);
export const keepAliveLine = lineOf("LeaseKeepAliveLine", leaseAnswer);

/** The body of every other error. */
export const errorAnswer = z
  .object({ error: z.string(), code: z.int(), message: z.string() })
  .meta({ id: "Error" });
