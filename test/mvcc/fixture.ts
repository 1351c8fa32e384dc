// Owns how the tests of the store say what they mean: requests with defaults, a store that commits
// after each write, and key-values as short strings.

import { decodeUtf8, EMPTY, encodeUtf8 } from "../../src/base/bytes.ts";
import { prefixEnd } from "../../src/base/interval.ts";
import type {
  Compare,
  DeleteRangeRequest,
  KeyEvent,
  KeyValue,
  PutRequest,
  RangeRequest,
  RevisionEvents,
  TxnOp,
  TxnOpAnswer,
  TxnRequest,
} from "../../src/base/kv.ts";
import type { DatabaseSize, SqlPort, SqlRow, SqlValue } from "../../src/base/ports.ts";
import type { Result } from "../../src/base/result.ts";
import { asClusterTime, asLeaseId, asLogIndex, asMilliseconds } from "../../src/base/types.ts";
import type { Bytes, LeaseId } from "../../src/base/types.ts";
import type { AppliedRequest } from "../../src/mvcc/history-row.ts";
import type { LeasePort } from "../../src/mvcc/leases.ts";
import { Store } from "../../src/mvcc/store.ts";
import { insertMeta, openNodeSql, type NodeSql } from "../support/node-sql.ts";

export const lease = (id: number): LeaseId => asLeaseId(BigInt(id));

export const prefixOf = (prefix: string): string => decodeUtf8(prefixEnd(encodeUtf8(prefix)));

export const range = (
  key: string,
  rangeEnd = "",
  options: Partial<RangeRequest> = {},
): RangeRequest => ({
  key: encodeUtf8(key),
  rangeEnd: encodeUtf8(rangeEnd),
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
  ...options,
});

export const put = (key: string, value = "", options: Partial<PutRequest> = {}): PutRequest => ({
  key: encodeUtf8(key),
  value: encodeUtf8(value),
  lease: lease(0),
  prevKv: false,
  ignoreValue: false,
  ignoreLease: false,
  ...options,
});

export const deletion = (
  key: string,
  rangeEnd = "",
  options: Partial<DeleteRangeRequest> = {},
): DeleteRangeRequest => ({
  key: encodeUtf8(key),
  rangeEnd: encodeUtf8(rangeEnd),
  prevKv: false,
  ...options,
});

export const rangeOp = (...args: Parameters<typeof range>): TxnOp => ({
  kind: "range",
  request: range(...args),
});
export const putOp = (...args: Parameters<typeof put>): TxnOp => ({
  kind: "put",
  request: put(...args),
});
export const deleteOp = (...args: Parameters<typeof deletion>): TxnOp => ({
  kind: "deleteRange",
  request: deletion(...args),
});
export const txnOp = (request: Partial<TxnRequest>): TxnOp => ({
  kind: "txn",
  request: txn(request),
});

export const txn = (request: Partial<TxnRequest>): TxnRequest => ({
  compare: [],
  success: [],
  failure: [],
  ...request,
});

/** `[key, target, result, operand, rangeEnd?]` as a compare. */
export function compare(
  key: string,
  target: Compare["target"],
  result: Compare["result"],
  operand: number | string,
  rangeEnd = "",
): Compare {
  const common = { key: encodeUtf8(key), rangeEnd: encodeUtf8(rangeEnd), result };
  if (target === "value") return { ...common, target, operand: encodeUtf8(String(operand)) };
  if (target === "lease") return { ...common, target, operand: lease(Number(operand)) };
  return { ...common, target, operand: Number(operand) };
}

/** `a=x c2 m3 v2`, then ` l7` if there is a lease. */
export function show(kv: KeyValue | null | undefined): string {
  if (kv === null || kv === undefined) return "none";
  const numbers = `c${kv.createRevision} m${kv.modRevision} v${kv.version}`;
  const suffix = kv.lease === 0n ? "" : ` l${kv.lease}`;
  return `${decodeUtf8(kv.key)}=${decodeUtf8(kv.value)} ${numbers}${suffix}`;
}

const showEvent = (event: KeyEvent): string =>
  event.kind === "put"
    ? `put ${show(event.kv)}`
    : `delete ${decodeUtf8(event.kv.key)} m${event.kv.modRevision}`;

/** One line for each event, with its revision before it. */
export const showChanges = (changes: readonly RevisionEvents[]): string[] =>
  changes.flatMap(({ revision, events }) =>
    events.map((event) => `${revision}: ${showEvent(event)}`),
  );

/** A txn's responses, nested ones in brackets. */
export function showResponse(response: TxnOpAnswer): string {
  switch (response.kind) {
    case "range":
      return `@${response.revision} [${response.answer.kvs.map(show).join(", ")}]`;
    case "put":
      return `@${response.revision} put`;
    case "deleteRange":
      return `@${response.revision} deleted ${response.answer.deleted}`;
    case "txn":
      return `txn(${response.answer.responses.map(showResponse).join("; ")})`;
    default:
      return response satisfies never;
  }
}

export function valueOf<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(`refused: ${result.error}`);
  return result.value;
}

export const refusalOf = (result: Result<unknown, string>): string =>
  result.ok ? "accepted" : result.error;

/** A port that remembers which statements ran on it, and with which parameters. */
export class RecordingSql implements SqlPort {
  readonly statements: { statement: string; parameters: readonly SqlValue[] }[] = [];
  readonly #sql: SqlPort;

  constructor(sql: SqlPort) {
    this.#sql = sql;
  }

  all<Row extends SqlRow>(statement: string, ...parameters: readonly SqlValue[]): Row[] {
    this.statements.push({ statement, parameters });
    return this.#sql.all(statement, ...parameters);
  }

  run(statement: string, ...parameters: readonly SqlValue[]): void {
    this.statements.push({ statement, parameters });
    this.#sql.run(statement, ...parameters);
  }

  transaction<T>(body: () => T): T {
    return this.#sql.transaction(body);
  }

  size(): DatabaseSize {
    return this.#sql.size();
  }
}

/** A store that commits a batch after each write, as a lone request does. */
export class TestStore {
  readonly database: NodeSql;
  readonly sql: RecordingSql;
  store: Store;
  readonly leases = new Set<LeaseId>();
  timeMs = 1_000;
  replaces: boolean;
  #index = 0;

  /** Without `replaces` all that is superseded stands in `old`, as before cluster version 5. */
  constructor({ replaces = true }: { readonly replaces?: boolean } = {}) {
    this.replaces = replaces;
    this.database = openNodeSql();
    insertMeta(this.database);
    this.sql = new RecordingSql(this.database);
    this.store = this.#open();
  }

  #open(): Store {
    return new Store(this.sql, () => this.replaces);
  }

  /** The store as it would be after a restart of its object. */
  restart(): void {
    this.store = this.#open();
  }

  get leasePort(): LeasePort {
    return { has: (id) => this.leases.has(id) };
  }

  /** Runs `body` as one batch and returns what it returned, with the events of the batch. */
  batch<T>(
    body: (store: Store) => T,
    requests: readonly AppliedRequest[] = [],
  ): { readonly value: T; readonly changes: RevisionEvents[] } {
    return this.sql.transaction(() => {
      const value = body(this.store);
      this.#index += 1;
      const changes = this.store.commit({
        index: asLogIndex(this.#index),
        time: asClusterTime(this.timeMs),
        wall: asMilliseconds(this.timeMs + 5),
        requests,
      });
      return { value, changes };
    });
  }

  write<T>(body: (store: Store) => T): T {
    return this.batch(body).value;
  }

  put(...args: Parameters<typeof put>): ReturnType<Store["put"]> {
    return this.write((store) => store.put(put(...args), this.leasePort));
  }

  delete(...args: Parameters<typeof deletion>): ReturnType<Store["deleteRange"]> {
    return this.write((store) => store.deleteRange(deletion(...args)));
  }

  txn(request: Partial<TxnRequest>): ReturnType<Store["txn"]> {
    return this.write((store) => store.txn(txn(request), this.leasePort));
  }

  compact(revision: number): ReturnType<Store["compact"]> {
    return this.write((store) => store.compact(revision));
  }

  sweepAll(rowsMax = 7): void {
    while (this.store.sweep(rowsMax));
  }

  /** What a range returns, key-values shown. */
  range(...args: Parameters<typeof range>): string[] {
    return valueOf(this.store.range(range(...args))).kvs.map(show);
  }

  rows(table: string): number {
    return this.database.all<{ n: number }>(`SELECT count(*) AS n FROM ${table}`)[0]!.n;
  }
}

export const bytesOf = (...bytes: readonly number[]): Bytes =>
  bytes.length === 0 ? EMPTY : new Uint8Array(bytes);
