// Owns the JSON of etcd's KV requests: from a body to the words of `base/kv.ts`. Whether a request
// makes sense (empty keys, too many operations) is for the store to say.

import { z } from "zod";
import { accept, refuse, type Result } from "../base/result.ts";
import {
  isReadOnlyTxn,
  type DeleteRangeRequest,
  type PutRequest,
  type RangeRequest,
  type TxnOp,
  type TxnRequest,
} from "../base/kv.ts";
import { EMPTY } from "../base/bytes.ts";
import { asLeaseId } from "../base/types.ts";
import type { ApiError } from "./error.ts";
import { freshnessOf, FRESHNESS_OF_WRITE } from "./freshness.ts";
import { named } from "./json-schema.ts";
import {
  compareOfFields,
  rangeOfFields,
  SORT_ORDERS,
  SORT_TARGETS,
  TARGET_NAMES,
} from "./kv-fields.ts";
import {
  bool,
  bytes,
  decodeMessage,
  enumeration,
  int64,
  int64Number,
  int64NumberOrNull,
  message,
  repeated,
  reportRefusal,
} from "./proto-json.ts";
import type { ClientRequest, Freshness } from "./replica.ts";

const upperCase = (names: readonly string[]): string[] => names.map((name) => name.toUpperCase());

/** Fields of our own; etcd passes over them. */
const freshnessFields = { minRevision: int64NumberOrNull, maxStaleness: int64NumberOrNull };

const rangeFields = named(
  "RangeRequest",
  message({
    key: bytes,
    rangeEnd: bytes,
    limit: int64Number,
    revision: int64Number,
    sortOrder: enumeration(upperCase(SORT_ORDERS)),
    sortTarget: enumeration(upperCase(SORT_TARGETS)),
    serializable: bool,
    keysOnly: bool,
    countOnly: bool,
    minModRevision: int64Number,
    maxModRevision: int64Number,
    minCreateRevision: int64Number,
    maxCreateRevision: int64Number,
    ...freshnessFields,
  }),
);

/** A range and whether it may be stale; an unknown number as sort option is refused, as in 3.6. */
export const rangeMessage = rangeFields.transform((read, context) => {
  const { serializable, minRevision, maxStaleness, ...fields } = read;
  const range = rangeOfFields(fields);
  if (!range.ok) return reportRefusal(context, range.error);
  return { request: range.value, serializable, freshness: { minRevision, maxStaleness } };
});

export const putMessage = named(
  "PutRequest",
  message({
    key: bytes,
    value: bytes,
    lease: int64,
    prevKv: bool,
    ignoreValue: bool,
    ignoreLease: bool,
  }),
).transform((fields): PutRequest => ({ ...fields, lease: asLeaseId(fields.lease) }));

export const deleteRangeMessage = named(
  "DeleteRangeRequest",
  message({ key: bytes, rangeEnd: bytes, prevKv: bool }),
).transform((fields): DeleteRangeRequest => fields);

const RESULT_NAMES = ["EQUAL", "GREATER", "LESS", "NOT_EQUAL"];

const compareFields = named(
  "Compare",
  message(
    {
      result: enumeration(RESULT_NAMES),
      target: enumeration(TARGET_NAMES),
      key: bytes,
      version: int64Number,
      createRevision: int64Number,
      modRevision: int64Number,
      value: bytes,
      lease: int64,
      rangeEnd: bytes,
    },
    {
      "etcdserverpb.Compare.target_union": [
        "version",
        "createRevision",
        "modRevision",
        "value",
        "lease",
      ],
    },
  ),
);

const requestOpMessage = named(
  "RequestOp",
  message(
    {
      requestRange: rangeMessage.optional(),
      requestPut: putMessage.optional(),
      requestDeleteRange: deleteRangeMessage.optional(),
      requestTxn: z.lazy((): z.ZodType<TxnRequest> => txnMessage).optional(),
    },
    {
      "etcdserverpb.RequestOp.request": [
        "requestRange",
        "requestPut",
        "requestDeleteRange",
        "requestTxn",
      ],
    },
  ),
).transform((op): TxnOp => {
  if (op.requestRange !== undefined) return { kind: "range", request: op.requestRange.request };
  if (op.requestPut !== undefined) return { kind: "put", request: op.requestPut };
  if (op.requestDeleteRange !== undefined) {
    return { kind: "deleteRange", request: op.requestDeleteRange };
  }
  return op.requestTxn === undefined ? { kind: "empty" } : { kind: "txn", request: op.requestTxn };
});

const txnFields = {
  compare: repeated(compareFields.transform(compareOfFields)),
  success: repeated(requestOpMessage),
  failure: repeated(requestOpMessage),
};

const txnMessage: z.ZodType<TxnRequest> = named("NestedTxnRequest", message(txnFields));
/** Only a transaction as a whole can be asked to be fresh, not one nested in another. */
export const outerTxnMessage = named("TxnRequest", message({ ...txnFields, ...freshnessFields }));

export const compactionMessage = named(
  "CompactionRequest",
  message({ revision: int64Number, physical: bool }),
);

type Read = (body: string) => Result<ClientRequest, ApiError>;

/** A request that may say how fresh its answer must be; null when it does not. */
export interface FreshRequest {
  readonly request: ClientRequest;
  readonly freshness: Freshness | null;
}

type ReadFresh = (body: string) => Result<FreshRequest, ApiError>;

/** `POST /v3/kv/range`. */
export const readRange: ReadFresh = (body) => {
  const read = decodeMessage(rangeMessage, body);
  if (!read.ok) return read;
  const { request, serializable } = read.value;
  const freshness = freshnessOf(read.value.freshness);
  if (!freshness.ok) return freshness;
  return accept({
    request: { kind: "range", request, serializable },
    freshness: freshness.value,
  });
};

/** `POST /v3/kv/put`. */
export const readPut: Read = (body) => {
  const read = decodeMessage(putMessage, body);
  return read.ok ? accept({ kind: "put", request: read.value }) : read;
};

/** `POST /v3/kv/deleterange`. */
export const readDeleteRange: Read = (body) => {
  const read = decodeMessage(deleteRangeMessage, body);
  return read.ok ? accept({ kind: "deleteRange", request: read.value }) : read;
};

/** `POST /v3/kv/txn`. */
export const readTxn: ReadFresh = (body) => {
  const read = decodeMessage(outerTxnMessage, body);
  if (!read.ok) return read;
  const { minRevision, maxStaleness, ...request } = read.value;
  const freshness = freshnessOf({ minRevision, maxStaleness });
  if (!freshness.ok) return freshness;
  if (freshness.value !== null && !isReadOnlyTxn(request)) return refuse(FRESHNESS_OF_WRITE);
  return accept({ request: { kind: "txn", request }, freshness: freshness.value });
};

/** `POST /v3/kv/compaction`. */
export const readCompaction: Read = (body) => {
  const read = decodeMessage(compactionMessage, body);
  return read.ok ? accept({ kind: "compact", ...read.value }) : read;
};

/** The range of one key, as a linearizable read of all its fields. */
export const rangeOfKey = (key: RangeRequest["key"]): RangeRequest => ({
  key,
  rangeEnd: EMPTY,
  limit: 0,
  revision: 0,
  sortOrder: "none",
  sortTarget: "key",
  keysOnly: false,
  countOnly: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
});
