// Goal: the store is what a naive store is, whatever happens to it and in whatever order. Method:
// random commands on both; each answer, every readable revision and the whole history compared.

import * as fc from "fast-check";
import { describe, test, type ExpectStatic } from "vitest";

import { containsKey, intervalOf } from "../../src/base/interval.ts";
import type {
  DeleteRangeRequest,
  KeyValue,
  PutRequest,
  RangeRequest,
  TxnAnswer,
  TxnRequest,
} from "../../src/base/kv.ts";
import type { Result } from "../../src/base/result.ts";
import { asRevision, type LeaseId } from "../../src/base/types.ts";
import { checkTxnForm } from "../../src/mvcc/check.ts";
import type { LeasePort } from "../../src/mvcc/leases.ts";
import type { Pin, Store } from "../../src/mvcc/store.ts";
import { IntervalSet } from "../../src/mvcc/interval-set.ts";
import { deleteRequest, key, LEASES, putRequest, rangeRequest, txnRequest } from "./arbitrary.ts";
import { range, TestStore } from "./fixture.ts";
import { decodeLatin1 } from "./latin1.ts";
import { Model, type ModelKeyValue } from "./model.ts";

type Command =
  | { readonly kind: "put"; readonly request: PutRequest }
  | { readonly kind: "deleteRange"; readonly request: DeleteRangeRequest }
  | { readonly kind: "txn"; readonly request: TxnRequest }
  | { readonly kind: "revoke"; readonly lease: LeaseId }
  | { readonly kind: "range"; readonly request: RangeRequest }
  | { readonly kind: "compact"; readonly revision: number }
  | { readonly kind: "sweep"; readonly rows: number }
  | { readonly kind: "restart" }
  /** Several writes that are applied together. */
  | { readonly kind: "batch"; readonly steps: readonly Write[] }
  | { readonly kind: "pin" }
  /** The cluster's version falls below that of replaced versions in the history, or rises again. */
  | { readonly kind: "version"; readonly replaces: boolean };

type Write = Extract<Command, { readonly kind: "put" | "deleteRange" | "txn" }>;

const write: fc.Arbitrary<Write> = fc.oneof(
  { weight: 8, arbitrary: putRequest.map((request) => ({ kind: "put" as const, request })) },
  {
    weight: 3,
    arbitrary: deleteRequest.map((request) => ({ kind: "deleteRange" as const, request })),
  },
  {
    weight: 6,
    arbitrary: txnRequest(2, { withEmpty: false }).map((request) => ({
      kind: "txn" as const,
      request,
    })),
  },
);

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 17, arbitrary: write },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...LEASES).map((lease) => ({ kind: "revoke" as const, lease })),
  },
  { weight: 8, arbitrary: rangeRequest.map((request) => ({ kind: "range" as const, request })) },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: -1, max: 30 })
      .map((revision) => ({ kind: "compact" as const, revision })),
  },
  {
    weight: 3,
    arbitrary: fc.integer({ min: 1, max: 5 }).map((rows) => ({ kind: "sweep" as const, rows })),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "restart" as const }) },
  {
    weight: 6,
    arbitrary: fc
      .array(write, { minLength: 1, maxLength: 8 })
      .map((steps) => ({ kind: "batch" as const, steps })),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "pin" as const }) },
  {
    weight: 1,
    arbitrary: fc.boolean().map((replaces) => ({ kind: "version" as const, replaces })),
  },
);

/** What the store answered, in the model's words. */
function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  if ("modRevision" in value) return plainKeyValue(value as KeyValue);
  if ("succeeded" in value) {
    return { responses: (value as TxnAnswer).responses.map(({ answer }) => plain(answer)) };
  }
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]));
}

const plainKeyValue = (kv: KeyValue): ModelKeyValue => ({
  key: decodeLatin1(kv.key),
  value: decodeLatin1(kv.value),
  create: kv.createRevision,
  mod: kv.modRevision,
  version: kv.version,
  lease: kv.lease,
});

type Outcome = Result<unknown, string>;

function writeTo(store: Store, asked: Write, leases: LeasePort): Outcome {
  if (asked.kind === "put") return store.put(asked.request, leases);
  if (asked.kind === "deleteRange") return store.deleteRange(asked.request);
  return store.txn(asked.request, leases);
}

class Pair {
  readonly fixture = new TestStore();
  readonly model: Model;
  readonly #expect: ExpectStatic;
  #pin: Pin | null = null;

  constructor(expect: ExpectStatic) {
    this.#expect = expect;
    for (const lease of LEASES) this.fixture.leases.add(lease);
    this.model = new Model(this.fixture.leases);
  }

  run(step: Command): void {
    const { fixture, model } = this;
    switch (step.kind) {
      case "put":
      case "deleteRange":
      case "txn":
        fixture.write(() => this.#write(step));
        return;
      case "batch":
        fixture.write((store) => {
          store.expect(step.steps.filter(({ kind }) => kind !== "deleteRange"));
          for (const each of step.steps) this.#write(each);
        });
        return;
      case "pin":
        if (this.#pin === null) this.#pin = fixture.store.pin();
        else this.#release();
        return;
      case "version":
        if (fixture.replaces && !step.replaces) fixture.write((store) => store.moveReplacedToOld());
        fixture.replaces = step.replaces;
        return;
      case "revoke": {
        if (step.lease === 0n) return;
        const expected = model.deleteKeysOfLease(step.lease);
        const deleted = fixture.write((store) => store.deleteKeysOfLease(step.lease));
        this.#expect({ deleted }).toEqual(expected);
        return;
      }
      case "range":
        return this.#same(fixture.store.range(step.request), model.range(step.request));
      case "compact":
        return this.#same(fixture.compact(step.revision), model.compact(step.revision));
      case "sweep":
        fixture.store.sweep(step.rows);
        return;
      case "restart":
        this.#pin = null;
        return fixture.restart();
      default:
        step satisfies never;
    }
  }

  #release(): void {
    if (this.#pin !== null) this.fixture.store.release(this.#pin);
    this.#pin = null;
  }

  /** Everything that can be asked about the whole store. */
  compareWhole(): void {
    const { fixture, model } = this;
    this.#expect(fixture.store.revision).toBe(model.revision);
    for (let revision = Math.max(1, model.compacted); revision <= model.revision; revision++) {
      const everything = range("\0", "\0", { revision });
      this.#same(fixture.store.range(everything), model.range(everything));
      for (const option of [{ countOnly: true }, { keysOnly: true }]) {
        const request = { ...everything, ...option };
        this.#same(fixture.store.range(request), model.range(request));
      }
    }
    const from = Math.max(2, model.compacted);
    const { revisions } = fixture.store.history.read(asRevision(from), 1e9);
    const events = revisions.map((change) =>
      change.events.map(({ kind, kv }) =>
        kind === "put"
          ? `put ${decodeLatin1(kv.key)}=${decodeLatin1(kv.value)}`
          : `delete ${decodeLatin1(kv.key)}`,
      ),
    );
    this.#expect(events).toEqual(model.events.slice(from));
    for (const { revision, events: changes } of revisions) this.#comparePrevious(revision, changes);
  }

  #comparePrevious(revision: number, changes: readonly { readonly kv: KeyValue }[]): void {
    for (const { kv } of changes) {
      const found = this.fixture.store.history.previousVersion(kv.key, asRevision(revision));
      const readable = revision > this.model.compacted;
      const before = this.model.states[revision - 1]!.get(decodeLatin1(kv.key));
      this.#expect(plain(found)).toEqual(readable ? (before ?? null) : null);
    }
  }

  /** What is counted once and kept is what an index would count. */
  compareLeases(): void {
    const { store } = this.fixture;
    const counts = LEASES.map((lease) => store.countKeysOfLease(lease));
    this.#expect(counts).toEqual(LEASES.map((lease) => store.keysOfLease(lease).length));
  }

  #write(asked: Write): void {
    const { store, leasePort } = this.fixture;
    this.#same(writeTo(store, asked, leasePort), this.#expected(asked));
    this.#expect(store.revision).toBe(this.model.revision);
  }

  #expected(asked: Write): unknown {
    if (asked.kind === "put") return this.model.put(asked.request);
    if (asked.kind === "deleteRange") return this.model.deleteRange(asked.request);
    return checkTxnForm(asked.request) ?? this.model.txn(asked.request);
  }

  #same(result: Outcome, expected: unknown): void {
    this.#expect(result.ok ? plain(result.value) : result.error).toEqual(expected);
  }
}

describe("the store and the model", () => {
  test("agree on every answer, every readable revision and the history", ({ expect }) => {
    const property = fc.property(fc.array(command, { maxLength: 60, size: "max" }), (commands) => {
      const pair = new Pair(expect);
      for (const step of commands) {
        pair.run(step);
        pair.compareLeases();
      }
      pair.compareWhole();
      pair.fixture.sweepAll(3);
      pair.fixture.restart();
      pair.compareWhole();
      pair.fixture.database.close();
    });
    fc.assert(property, { numRuns: 200 });
  });

  test("many writes in one batch make the same revisions as one by one", ({ expect }) => {
    const property = fc.property(fc.array(putRequest, { maxLength: 30, size: "max" }), (puts) => {
      const pair = new Pair(expect);
      for (const request of puts) pair.model.put(request);
      pair.fixture.batch((store) => {
        for (const request of puts) store.put(request, pair.fixture.leasePort);
      });
      pair.compareWhole();
      pair.fixture.database.close();
    });
    fc.assert(property, { numRuns: 50 });
  });
});

describe("IntervalSet", () => {
  test("has a key exactly when one of its intervals does, and stays disjoint", ({ expect }) => {
    const stated = fc.array(fc.tuple(key, fc.oneof(key, fc.constant(new Uint8Array(1)))), {
      size: "max",
      maxLength: 8,
    });
    const property = fc.property(stated, key, (pairs, wanted) => {
      const intervals = pairs.map(([start, end]) => intervalOf(start, end));
      const set = new IntervalSet();
      for (const interval of intervals) set.add(interval);
      expect(set.has(wanted)).toBe(intervals.some((interval) => containsKey(interval, wanted)));
      const ends = set.intervals.map(({ end }) => (end === null ? "\uffff" : decodeLatin1(end)));
      const starts = set.intervals.map(({ start }) => decodeLatin1(start));
      for (let i = 1; i < starts.length; i++) expect(starts[i]! > ends[i - 1]!).toBe(true);
    });
    fc.assert(property);
  });
});
