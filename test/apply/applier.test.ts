// Applying entries: a pure function of state and entry, whatever the batches. What differs between
// replicas (where a batch ends, when one restarted) must not show in the state.

import * as fc from "fast-check";
import { describe, test } from "vitest";
import { Applier, type CommittedEntry } from "../../src/apply/applier.ts";
import { AuthState } from "../../src/auth/auth-state.ts";
import { ClusterState } from "../../src/apply/cluster-state.ts";
import { decodeProposal, encodeProposal, type Command } from "../../src/apply/command.ts";
import { decodeOutcome, encodeOutcome } from "../../src/apply/outcome.ts";
import { EMPTY, encodeUtf8 } from "../../src/base/bytes.ts";
import {
  asClusterTime,
  asLeaseId,
  asLogIndex,
  asMilliseconds,
  asTerm,
  NO_LEASE,
  type LeaseId,
} from "../../src/base/types.ts";
import type { Membership } from "../../src/base/membership.ts";
import { CODE_VERSION } from "../../src/base/versions.ts";
import { LeaseTable } from "../../src/lease/lease-table.ts";
import { Store } from "../../src/mvcc/store.ts";
import { insertMeta, openNodeSql, type NodeSql } from "../support/node-sql.ts";

const key = encodeUtf8;

const put = (name: string, value: string, lease: LeaseId = NO_LEASE): Command => ({
  kind: "put",
  request: {
    key: key(name),
    value: key(value),
    lease,
    prevKv: true,
    ignoreValue: false,
    ignoreLease: false,
  },
});

/** An entry of `command` by request number `request`, stamped at `time`. */
function entry(
  index: number,
  command: Command,
  options: { readonly request?: number; readonly time?: number } = {},
): CommittedEntry {
  const requestId = new Uint8Array(16);
  new DataView(requestId.buffer).setUint32(12, options.request ?? index);
  const time = asClusterTime(options.time ?? index);
  const payload = encodeProposal({ command, requestId, time, trace: "" });
  return { index: asLogIndex(index), term: asTerm(1), ...payload };
}

const AT_BIRTH: Membership = {
  configuration: { voters: [], outgoing: [], learners: [] },
  members: [],
  removed: [],
  index: asLogIndex(0),
};

class Machine {
  readonly sql: NodeSql = openNodeSql();
  applier: Applier;

  constructor() {
    insertMeta(this.sql);
    this.applier = this.#start();
  }

  restart(): void {
    this.applier = this.#start();
  }

  apply(...entries: CommittedEntry[]): ReturnType<Applier["apply"]> {
    return this.applier.apply(entries, asMilliseconds(0));
  }

  /** Everything replicated, to compare. */
  state(): unknown {
    return ["now", "old", "lease_page"].map((table) => this.sql.all(`SELECT * FROM ${table}`));
  }

  #start(): Applier {
    const { sql } = this;
    const cluster = new ClusterState(sql, AT_BIRTH, CODE_VERSION);
    const parts = { store: new Store(sql), leases: new LeaseTable(sql), cluster };
    const auth = new AuthState(sql);
    return new Applier({ sql, ...parts, auth, versionNeeded: () => 1, codeVersion: CODE_VERSION });
  }
}

describe("a repeated request id", () => {
  const first = entry(1, put("a", "1"));
  const between = entry(2, put("a", "2"));
  const repeat = (time: number): CommittedEntry => entry(3, put("a", "1"), { request: 1, time });

  test("is dropped, and gets the first answer, previous version and all", ({ expect }) => {
    const machine = new Machine();
    const [before] = machine.apply(first).entries;
    machine.apply(between);
    const [again] = machine.apply(repeat(100)).entries;
    expect(again).toMatchObject({ outcome: before!.outcome, revision: before!.revision });
  });

  test("is dropped within one batch too", ({ expect }) => {
    const { entries, revisions } = new Machine().apply(first, between, repeat(100));
    expect(revisions).toHaveLength(2);
    expect(entries[2]!.outcome).toEqual(entries[0]!.outcome);
  });

  test("is dropped after a restart", ({ expect }) => {
    const machine = new Machine();
    machine.apply(first);
    machine.apply(between);
    machine.restart();
    expect(machine.apply(repeat(100)).revisions).toEqual([]);
  });

  const edges = [
    { time: 60_000, applied: 0 },
    { time: 60_001, applied: 1 },
  ];
  for (const { time, applied } of edges) {
    for (const batches of ["one batch", "three batches", "a restart before it"]) {
      test(`at ${time} ms of entry time, in ${batches}, is applied ${applied} times more`, ({
        expect,
      }) => {
        const machine = new Machine();
        if (batches === "one batch") {
          expect(machine.apply(first, between, repeat(time)).revisions).toHaveLength(2 + applied);
          return;
        }
        machine.apply(first);
        machine.apply(between);
        if (batches === "a restart before it") machine.restart();
        expect(machine.apply(repeat(time)).revisions).toHaveLength(applied);
      });
    }
  }

  test("that came again after the window is answered by its last application", ({ expect }) => {
    const again = entry(2, put("a", "2"), { request: 1, time: 70_000 });
    const third = entry(3, put("a", "3"), { request: 1, time: 70_001 });
    const machine = new Machine();
    const { entries } = machine.apply(first, again);
    const { outcome, revision } = entries[1]!;
    expect(machine.apply(third).entries[0]).toMatchObject({ outcome, revision });
  });

  test("whose answer was too large to keep is told so, and changes nothing", ({ expect }) => {
    const machine = new Machine();
    machine.apply(entry(1, put("a", "x".repeat(70_000))));
    machine.apply(entry(2, put("a", "small")));
    const again = machine.apply(entry(3, put("a", "small"), { request: 2 }));
    expect(again.entries[0]).toMatchObject({ outcome: { ok: false, error: "answerForgotten" } });
    expect(again.revisions).toEqual([]);
  });
});

describe("leases", () => {
  const id = asLeaseId(7n);
  const granted = entry(1, { kind: "leaseGrant", id, ttlSeconds: 10 }, { time: 0 });

  test("an expiry that names a horizon which has moved does nothing", ({ expect }) => {
    const machine = new Machine();
    machine.apply(granted, entry(2, put("a", "1", id), { time: 0 }));
    machine.apply(entry(3, { kind: "leaseExtend", ids: [id] }, { time: 5_000 }));
    const expiry = { id, horizon: asClusterTime(15_000) };
    const late = machine.apply(entry(4, { kind: "leaseExpire", expiries: [expiry] }));
    expect(late.revisions).toEqual([]);
    expect(late.settled).toEqual([id]);
  });

  test("an expiry deletes the keys of each lease in one revision, in key order", ({ expect }) => {
    const machine = new Machine();
    machine.apply(granted);
    machine.apply(...["c", "a", "b"].map((name, n) => entry(n + 2, put(name, "1", id))));
    const expiry = { id, horizon: asClusterTime(15_000) };
    const [only, ...others] = machine.apply(
      entry(5, { kind: "leaseExpire", expiries: [expiry] }),
    ).revisions;
    expect(others).toEqual([]);
    const names = only!.events.map(({ kv }) => new TextDecoder().decode(kv.key));
    expect(names).toEqual(["a", "b", "c"]);
  });
});

describe("an entry that this code does not know", () => {
  test.for([2, 15, 99])("halts the replica: kind %i", (kind, { expect }) => {
    const known = entry(1, put("a", "1"));
    expect(() => new Machine().apply({ ...known, kind })).toThrow(`entry kind ${kind} is known`);
  });

  test("is not the one that opens a term: it changes nothing", ({ expect }) => {
    const opening = { ...entry(1, put("a", "1")), kind: 0, data: EMPTY };
    expect(new Machine().apply(opening)).toMatchObject({ revisions: [], entries: [{ index: 1 }] });
  });

  test("halts the replica: a later format", ({ expect }) => {
    const known = entry(1, put("a", "1"));
    const data = known.data.slice();
    data[0] = 4;
    expect(() => new Machine().apply({ ...known, data })).toThrow(/entry format 4 is known/u);
  });

  test("halts the replica: a gap before it", ({ expect }) => {
    expect(() => new Machine().apply(entry(2, put("a", "1")))).toThrow(/applied in order/u);
  });
});

describe("properties", () => {
  const name = fc.constantFrom("a", "b", "c", "d");
  const lease = fc.constantFrom(NO_LEASE, asLeaseId(1n), asLeaseId(2n));
  const command: fc.Arbitrary<Command> = fc.oneof(
    fc.tuple(name, name, lease).map(([to, value, id]) => put(to, value, id)),
    fc.record({
      kind: fc.constant("deleteRange" as const),
      request: fc.record({
        key: name.map(key),
        rangeEnd: fc.constantFrom(EMPTY, key("c")),
        prevKv: fc.boolean(),
      }),
    }),
    fc.record({
      kind: fc.constant("leaseGrant" as const),
      id: fc.constantFrom(asLeaseId(1n), asLeaseId(2n)),
      ttlSeconds: fc.integer({ min: 1, max: 100 }),
    }),
    fc.record({
      kind: fc.constant("leaseRevoke" as const),
      id: fc.constantFrom(asLeaseId(1n), asLeaseId(2n)),
    }),
    fc.record({
      kind: fc.constant("leaseExtend" as const),
      ids: fc.constant([asLeaseId(1n), asLeaseId(2n)]),
    }),
    fc.record({ kind: fc.constant("compact" as const), revision: fc.integer({ min: 0, max: 9 }) }),
  );
  const step = fc.record({
    command,
    request: fc.integer({ min: 1, max: 12 }),
    elapsed: fc.constantFrom(1, 1_000, 30_000),
    endsBatch: fc.boolean(),
    restarts: fc.boolean(),
  });

  test("the state does not depend on where batches end, nor on restarts", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
        const whole = new Machine();
        const parted = new Machine();
        let time = 0;
        const entries = steps.map(({ command: change, request, elapsed }, n) =>
          entry(n + 1, change, { request, time: (time += elapsed) }),
        );
        const expected = whole.apply(...entries).entries;
        const actual: unknown[] = [];
        let batch: CommittedEntry[] = [];
        for (const [n, { endsBatch, restarts }] of steps.entries()) {
          batch.push(entries[n]!);
          if (!endsBatch && n < steps.length - 1) continue;
          actual.push(...parted.apply(...batch).entries);
          batch = [];
          if (restarts) parted.restart();
        }
        const same =
          fc.stringify(actual) === fc.stringify(expected) &&
          fc.stringify(parted.state()) === fc.stringify(whole.state());
        whole.sql.close();
        parted.sql.close();
        return same;
      }),
      { numRuns: 200 },
    );
  });

  test("a proposal's bytes read back as they were written", ({ expect }) => {
    fc.assert(
      fc.property(command, fc.string(), (change, trace) => {
        const requestId = new Uint8Array(16).fill(9);
        const proposal = { command: change, requestId, trace, time: asClusterTime(5) };
        const { kind, data } = encodeProposal(proposal);
        expect(decodeProposal(kind, data, CODE_VERSION)).toEqual(proposal);
      }),
    );
  });

  test("an outcome's bytes read back as they were written", ({ expect }) => {
    const machine = new Machine();
    let index = 0;
    fc.assert(
      fc.property(command, (change) => {
        const [{ outcome } = { outcome: null }] = machine.apply(entry(++index, change)).entries;
        if (outcome === null) return;
        expect(decodeOutcome(encodeOutcome(outcome), change)).toEqual(outcome);
      }),
    );
  });
});
