// Owns a second, naive store to compare the real one with: a full copy of all keys for each
// revision, no tables, no indices. Slow and plain on purpose; it shares no code with `src/mvcc`.

import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  TxnOp,
  TxnRequest,
} from "../../src/base/kv.ts";
import { decodeLatin1 } from "./latin1.ts";

export interface ModelKeyValue {
  readonly key: string;
  readonly value: string;
  readonly create: number;
  readonly mod: number;
  readonly version: number;
  readonly lease: bigint;
}

type State = ReadonlyMap<string, ModelKeyValue>;
type Answer = Record<string, unknown> | string;

export class Model {
  /** `states[revision]` is what that revision shows; revision 1 is empty. */
  readonly states: State[] = [new Map(), new Map()];
  /** `events[revision]`, as text. */
  readonly events: string[][] = [[], []];
  compacted = -1;
  readonly #leases: ReadonlySet<bigint>;

  constructor(leases: ReadonlySet<bigint>) {
    this.#leases = leases;
  }

  get revision(): number {
    return this.states.length - 1;
  }

  range(request: RangeRequest): Answer {
    return this.#rangeIn(request, this.states.at(-1)!, this.revision);
  }

  put(request: PutRequest): Answer {
    const refusal = this.#checkLease(request) ?? this.#checkKept(request);
    return refusal ?? this.#mutate((state) => state.put(request));
  }

  deleteRange(request: DeleteRangeRequest): Answer {
    return this.#mutate((state) => state.delete(request));
  }

  deleteKeysOfLease(lease: bigint): Answer {
    return this.#mutate((state) => {
      const doomed = [...state.keys.values()].filter((kv) => kv.lease === lease);
      for (const { key } of doomed.toSorted(byKey)) state.remove(key);
      return { deleted: doomed.length };
    });
  }

  /** The request's form is in order. */
  txn(request: TxnRequest): Answer {
    const before = this.states.at(-1)!;
    const refusal = this.#checkBranch(request, before);
    if (refusal !== null) return refusal;
    return this.#mutate((state) => this.#runBranch(request, before, state));
  }

  compact(revision: number): string | null {
    if (revision <= this.compacted) return "compacted";
    if (revision > this.revision) return "futureRevision";
    this.compacted = revision;
    return null;
  }

  #mutate(body: (state: Draft) => Answer): Answer {
    const draft = new Draft(this.states.at(-1)!, this.revision + 1);
    const answer = body(draft);
    if (draft.events.length > 0) {
      this.states.push(draft.keys);
      this.events.push(draft.events);
    }
    return answer;
  }

  #branchOf(request: TxnRequest, before: State): readonly TxnOp[] {
    const succeeded = request.compare.every((compare) => holds(before, compare));
    return succeeded ? request.success : request.failure;
  }

  #checkBranch(request: TxnRequest, before: State): string | null {
    for (const op of this.#branchOf(request, before)) {
      let refusal: string | null = null;
      if (op.kind === "put") {
        refusal = this.#checkKept(op.request) ?? this.#checkLease(op.request);
      }
      if (op.kind === "txn") refusal = this.#checkBranch(op.request, before);
      if (op.kind === "range" && op.request.revision !== 0) {
        if (op.request.revision > this.revision) refusal = "futureRevision";
        else if (op.request.revision < this.compacted) refusal = "compacted";
      }
      if (refusal !== null) return refusal;
    }
    return null;
  }

  #runBranch(request: TxnRequest, before: State, state: Draft): Answer {
    const ops = this.#branchOf(request, before);
    return { responses: ops.map((op) => this.#runOp(op, before, state)) };
  }

  #runOp(op: TxnOp, before: State, state: Draft): Answer {
    if (op.kind === "txn") return this.#runBranch(op.request, before, state);
    if (op.kind === "put") return state.put(op.request);
    if (op.kind === "deleteRange") return state.delete(op.request);
    if (op.kind === "empty") throw new Error("has no form");
    const latest = this.revision + (state.events.length > 0 ? 1 : 0);
    return this.#rangeIn(op.request, state.keys, latest);
  }

  #checkLease({ lease }: PutRequest): string | null {
    return lease !== 0n && !this.#leases.has(lease) ? "leaseNotFound" : null;
  }

  #checkKept(request: PutRequest): string | null {
    const missing = !this.states.at(-1)!.has(decodeLatin1(request.key));
    return (request.ignoreLease || request.ignoreValue) && missing ? "keyNotFound" : null;
  }

  #rangeIn(request: RangeRequest, latestState: State, latest: number): Answer {
    if (request.revision > latest) return "futureRevision";
    if (request.revision > 0 && request.revision < this.compacted) return "compacted";
    const isPast = request.revision > 0 && request.revision < latest;
    const state = isPast ? this.states[request.revision]! : latestState;
    const all = within(state, request.key, request.rangeEnd);
    if (request.countOnly) return { kvs: [], more: false, count: all.length };
    const { limit, sortOrder, sortTarget } = request;
    let kvs = filtered(all, request);
    const isPlain = kvs === all;
    if (sortOrder === "none" && isPlain && limit > 0) kvs = kvs.slice(0, limit + 1);
    const sign = sortOrder === "descend" ? -1 : 1;
    const sorted = kvs.toSorted((a, b) => sign * fieldOrder(sortTarget, a, b));
    const more = limit > 0 && sorted.length > limit;
    const cut = more ? sorted.slice(0, limit) : sorted;
    const shown = request.keysOnly ? cut.map((kv) => ({ ...kv, value: "", lease: 0n })) : cut;
    return { kvs: shown, more, count: all.length };
  }
}

/** A state in the making. */
class Draft {
  readonly keys: Map<string, ModelKeyValue>;
  readonly events: string[] = [];
  readonly #revision: number;

  constructor(state: State, revision: number) {
    this.keys = new Map(state);
    this.#revision = revision;
  }

  put(request: PutRequest): Answer {
    const key = decodeLatin1(request.key);
    const previous = this.keys.get(key);
    const kv: ModelKeyValue = {
      key,
      value: request.ignoreValue ? (previous?.value ?? "") : decodeLatin1(request.value),
      create: previous?.create ?? this.#revision,
      mod: this.#revision,
      version: (previous?.version ?? 0) + 1,
      lease: request.ignoreLease ? (previous?.lease ?? 0n) : request.lease,
    };
    this.keys.set(key, kv);
    this.events.push(`put ${key}=${kv.value}`);
    return { prevKv: request.prevKv ? (previous ?? null) : null };
  }

  delete(request: DeleteRangeRequest): Answer {
    const doomed = within(this.keys, request.key, request.rangeEnd);
    for (const { key } of doomed) this.remove(key);
    return { deleted: doomed.length, prevKvs: request.prevKv ? doomed : [] };
  }

  remove(key: string): void {
    this.keys.delete(key);
    this.events.push(`delete ${key}`);
  }
}

/** Latin-1 strings compare as their bytes do. */
const byKey = (a: ModelKeyValue, b: ModelKeyValue): number => order(a.key, b.key);
const order = <T>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0);

function within(state: State, keyBytes: Uint8Array, endBytes: Uint8Array): ModelKeyValue[] {
  const key = decodeLatin1(keyBytes);
  const end = decodeLatin1(endBytes);
  return [...state.values()]
    .filter((kv) => {
      if (end === "") return kv.key === key;
      return kv.key >= key && (end === "\0" || kv.key < end);
    })
    .toSorted(byKey);
}

function filtered(kvs: ModelKeyValue[], request: RangeRequest): ModelKeyValue[] {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  if (!minModRevision && !maxModRevision && !minCreateRevision && !maxCreateRevision) return kvs;
  return kvs.filter(
    (kv) =>
      (!minModRevision || kv.mod >= minModRevision) &&
      (!maxModRevision || kv.mod <= maxModRevision) &&
      (!minCreateRevision || kv.create >= minCreateRevision) &&
      (!maxCreateRevision || kv.create <= maxCreateRevision),
  );
}

function fieldOrder(
  target: RangeRequest["sortTarget"],
  a: ModelKeyValue,
  b: ModelKeyValue,
): number {
  return order(a[target], b[target]);
}

function holds(state: State, compare: Compare): boolean {
  const kvs = within(state, compare.key, compare.rangeEnd);
  if (kvs.length === 0 && compare.target === "value") return false;
  const zero = { key: "", value: "", create: 0, mod: 0, version: 0, lease: 0n };
  return (kvs.length === 0 ? [zero] : kvs).every((kv) => {
    const operand =
      typeof compare.operand === "object" ? decodeLatin1(compare.operand) : compare.operand;
    const found = order<string | number | bigint>(kv[compare.target], operand);
    if (compare.result === "equal") return found === 0;
    if (compare.result === "notEqual") return found !== 0;
    if (compare.result === "greater") return found > 0;
    return compare.result === "less" ? found < 0 : true;
  });
}
