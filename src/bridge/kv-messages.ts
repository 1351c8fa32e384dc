// Owns the messages of etcd's KV requests, as the words of `base/kv.ts`.

import { refusalError } from "../api/error.ts";
import { compareOfFields, rangeOfFields } from "../api/kv-fields.ts";
import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  TxnOp,
  TxnRequest,
} from "../base/kv.ts";
import { asLeaseId } from "../base/types.ts";
import { bytesOf, flagOf, integerOf, listOf, numberOf } from "./messages.ts";
import { UpstreamError, type Message } from "./upstream.ts";

/** @throws UpstreamError for a sort option that is none. */
export function rangeOf(message: Message): RangeRequest {
  const range = rangeOfFields({
    key: bytesOf(message["key"]),
    rangeEnd: bytesOf(message["range_end"]),
    limit: numberOf(message["limit"]),
    revision: numberOf(message["revision"]),
    sortOrder: numberOf(message["sort_order"]),
    sortTarget: numberOf(message["sort_target"]),
    keysOnly: flagOf(message["keys_only"]),
    countOnly: flagOf(message["count_only"]),
    minModRevision: numberOf(message["min_mod_revision"]),
    maxModRevision: numberOf(message["max_mod_revision"]),
    minCreateRevision: numberOf(message["min_create_revision"]),
    maxCreateRevision: numberOf(message["max_create_revision"]),
  });
  if (range.ok) return range.value;
  const { code, message: why } = refusalError(range.error);
  throw new UpstreamError(code, why);
}

export const putOf = (message: Message): PutRequest => ({
  key: bytesOf(message["key"]),
  value: bytesOf(message["value"]),
  lease: asLeaseId(integerOf(message["lease"])),
  prevKv: flagOf(message["prev_kv"]),
  ignoreValue: flagOf(message["ignore_value"]),
  ignoreLease: flagOf(message["ignore_lease"]),
});

export const deleteRangeOf = (message: Message): DeleteRangeRequest => ({
  key: bytesOf(message["key"]),
  rangeEnd: bytesOf(message["range_end"]),
  prevKv: flagOf(message["prev_kv"]),
});

/** @throws UpstreamError for a sort option that is none. */
export const txnOf = (message: Message): TxnRequest => ({
  compare: listOf(message["compare"]).map(compareOf),
  success: listOf(message["success"]).map(operationOf),
  failure: listOf(message["failure"]).map(operationOf),
});

const compareOf = (message: Message): Compare =>
  compareOfFields({
    result: numberOf(message["result"]),
    target: numberOf(message["target"]),
    key: bytesOf(message["key"]),
    version: numberOf(message["version"]),
    createRevision: numberOf(message["create_revision"]),
    modRevision: numberOf(message["mod_revision"]),
    value: bytesOf(message["value"]),
    lease: integerOf(message["lease"]),
    rangeEnd: bytesOf(message["range_end"]),
  });

function operationOf(message: Message): TxnOp {
  const range = message["request_range"];
  if (range !== undefined) return { kind: "range", request: rangeOf(range as Message) };
  const put = message["request_put"];
  if (put !== undefined) return { kind: "put", request: putOf(put as Message) };
  const deleteRange = message["request_delete_range"];
  if (deleteRange !== undefined) {
    return { kind: "deleteRange", request: deleteRangeOf(deleteRange as Message) };
  }
  const txn = message["request_txn"];
  return txn === undefined ? { kind: "empty" } : { kind: "txn", request: txnOf(txn as Message) };
}
