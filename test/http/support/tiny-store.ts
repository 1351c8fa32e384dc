// Owns a store that is just enough for the plain API: one map, compares of version and mod revision.

import type {
  Compare,
  KeyValue,
  PutAnswer,
  PutRequest,
  TxnOp,
  TxnOpAnswer,
} from "../../../src/base/kv.ts";
import { bytesKey, compareBytes } from "../../../src/base/bytes.ts";
import { containsKey, intervalOf } from "../../../src/base/interval.ts";
import { asRevision, type Revision } from "../../../src/base/types.ts";
import type { ReplicaAnswer } from "../../../src/api/replica.ts";
import { headerOf, type Behaviour } from "./fake-network.ts";

export class TinyStore {
  readonly kvs = new Map<string, KeyValue>();
  revision = 1;

  readonly behaviour: Behaviour = ({ request }): ReplicaAnswer => {
    switch (request.kind) {
      case "range": {
        const interval = intervalOf(request.request.key, request.request.rangeEnd);
        const all = [...this.kvs.values()]
          .filter(({ key }) => containsKey(interval, key))
          .toSorted((a, b) => compareBytes(a.key, b.key));
        const kvs = request.request.limit > 0 ? all.slice(0, request.request.limit) : all;
        const answer = { kvs, more: kvs.length < all.length, count: all.length };
        return this.#answered({ kind: "range", answer });
      }
      case "txn": {
        const { compare, success, failure } = request.request;
        const succeeded = compare.every((one) => this.#holds(one));
        const responses = (succeeded ? success : failure).map((op) => this.#perform(op));
        return this.#answered({ kind: "txn", answer: { succeeded, responses } });
      }
      case "put":
        return this.#answered({ kind: "put", answer: this.#put(request.request).answer });
      default:
        throw new Error(`the tiny store knows no ${request.kind}`);
    }
  };

  #answered(answer: Extract<ReplicaAnswer, { kind: "answered" }>["answer"]): ReplicaAnswer {
    return { kind: "answered", header: headerOf("wnam", 1, this.revision), answer };
  }

  #holds({ key, target, result, operand }: Compare): boolean {
    const kv = this.kvs.get(bytesKey(key));
    const actual = target === "version" ? (kv?.version ?? 0) : (kv?.modRevision ?? 0);
    if (result === "equal") return actual === operand;
    if (result === "notEqual") return actual !== operand;
    return result === "greater" && actual > Number(operand);
  }

  #put({ key, value, lease, prevKv }: PutRequest): { revision: Revision; answer: PutAnswer } {
    const before = this.kvs.get(bytesKey(key)) ?? null;
    const modRevision = asRevision(++this.revision);
    const createRevision = before?.createRevision ?? modRevision;
    const version = (before?.version ?? 0) + 1;
    this.kvs.set(bytesKey(key), { key, value, lease, createRevision, modRevision, version });
    return { revision: modRevision, answer: { prevKv: prevKv ? before : null } };
  }

  #perform(op: TxnOp): TxnOpAnswer {
    if (op.kind === "put") return { kind: "put", ...this.#put(op.request) };
    if (op.kind !== "deleteRange") throw new Error(`the tiny store performs no ${op.kind}`);
    const deleted = this.kvs.delete(bytesKey(op.request.key)) ? 1 : 0;
    this.revision += deleted;
    const answer = { deleted, prevKvs: [] };
    return { kind: "deleteRange", revision: asRevision(this.revision), answer };
  }
}
