// Owns the JSON of etcd's answers: fields in the order of the proto files, zero values left out
// (JSON.stringify drops what is undefined), 64-bit integers as strings, bytes as base64.

import type {
  DeleteRangeAnswer,
  KeyValue,
  PutAnswer,
  RangeAnswer,
  TxnAnswer,
  TxnOpAnswer,
} from "../base/kv.ts";
import type { Bytes, Revision } from "../base/types.ts";
import { encodeBase64 } from "./base64.ts";
import type { MaintenanceAnswer } from "./maintenance-json.ts";
import type { ClientAnswer, Header } from "./replica.ts";

export const printInteger = (value: number | bigint): string | undefined =>
  value === 0 || value === 0n ? undefined : String(value);

export const printFlag = (value: boolean): true | undefined => (value ? true : undefined);

/** How bytes stand in an answer: in JSON as base64, and where they need no text as they are. */
export type BytesForm = (value: Bytes) => string | Bytes;

export const printBytes = (
  value: Bytes,
  form: BytesForm = encodeBase64,
): string | Bytes | undefined => (value.length === 0 ? undefined : form(value));

export const printList = <T, U>(items: readonly T[], print: (item: T) => U): U[] | undefined =>
  items.length === 0 ? undefined : items.map((item) => print(item));

export const printHeader = (header: Header): object => ({
  cluster_id: printInteger(header.clusterId),
  member_id: printInteger(header.memberId),
  revision: printInteger(header.revision),
  raft_term: printInteger(header.term),
});

export const printKeyValue = (kv: KeyValue, form: BytesForm = encodeBase64): object => ({
  key: printBytes(kv.key, form),
  create_revision: printInteger(kv.createRevision),
  mod_revision: printInteger(kv.modRevision),
  version: printInteger(kv.version),
  value: printBytes(kv.value, form),
  lease: printInteger(kv.lease),
});

/**
 * Answers about keys and leases; others stand in `member-json.ts`, `auth-json.ts` and
 * `maintenance-json.ts`.
 */
export type StoreAnswer = Exclude<
  ClientAnswer,
  MaintenanceAnswer | { kind: "members" | "moveLeader" | "snapshot" | "auth" }
>;

/** The body of a unary answer. */
export const answerBody = (header: Header, answer: StoreAnswer): string =>
  JSON.stringify(answerFields(header, answer));

/** A unary answer by the names of its fields. */
export const answerFields = (
  header: Header,
  answer: StoreAnswer,
  form: BytesForm = encodeBase64,
): Readonly<Record<string, unknown>> => ({
  header: printHeader(header),
  ...printAnswer(answer, form),
});

/** An answer as one line of a stream. */
export const answerLine = (header: Header, answer: StoreAnswer): string =>
  `{"result":${answerBody(header, answer)}}\n`;

function printAnswer(answer: StoreAnswer, form: BytesForm): object {
  switch (answer.kind) {
    case "range":
      return printRange(answer.answer, form);
    case "put":
      return printPut(answer.answer, form);
    case "deleteRange":
      return printDeleteRange(answer.answer, form);
    case "txn":
      return printTxn(answer.answer, form);
    case "compact":
    case "leaseRevoke":
    case "capVersion":
      return {};
    case "leaseGrant":
    case "leaseKeepAlive":
      return { ID: printInteger(answer.answer.id), TTL: printInteger(answer.answer.ttlSeconds) };
    case "leaseTimeToLive":
      return {
        ID: printInteger(answer.answer.id),
        TTL: printInteger(answer.answer.ttlSeconds),
        grantedTTL: printInteger(answer.answer.grantedTtlSeconds),
        keys: printList(answer.answer.keys, form),
      };
    case "leaseLeases":
      return { leases: printList(answer.answer.leases, (id) => ({ ID: printInteger(id) })) };
    default:
      return answer satisfies never;
  }
}

const printRange = (answer: RangeAnswer, form: BytesForm): object => ({
  kvs: printList(answer.kvs, (kv) => printKeyValue(kv, form)),
  more: printFlag(answer.more),
  count: printInteger(answer.count),
});

const printPut = ({ prevKv }: PutAnswer, form: BytesForm): object => ({
  prev_kv: prevKv === null ? undefined : printKeyValue(prevKv, form),
});

const printDeleteRange = (answer: DeleteRangeAnswer, form: BytesForm): object => ({
  deleted: printInteger(answer.deleted),
  prev_kvs: printList(answer.prevKvs, (kv) => printKeyValue(kv, form)),
});

const printTxn = (answer: TxnAnswer, form: BytesForm): object => ({
  succeeded: printFlag(answer.succeeded),
  responses: printList(answer.responses, (op) => printOpAnswer(op, form)),
});

/** Sub-responses have a header with the revision alone; a nested txn's is there, but empty. */
function printOpAnswer(op: TxnOpAnswer, form: BytesForm): object {
  switch (op.kind) {
    case "range":
      return { response_range: { ...revisionHeader(op.revision), ...printRange(op.answer, form) } };
    case "put":
      return { response_put: { ...revisionHeader(op.revision), ...printPut(op.answer, form) } };
    case "deleteRange":
      return {
        response_delete_range: {
          ...revisionHeader(op.revision),
          ...printDeleteRange(op.answer, form),
        },
      };
    case "txn":
      return { response_txn: { header: {}, ...printTxn(op.answer, form) } };
    default:
      return op satisfies never;
  }
}

const revisionHeader = (revision: Revision): object => ({
  header: { revision: printInteger(revision) },
});
