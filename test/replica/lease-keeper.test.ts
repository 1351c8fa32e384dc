// What the leader proposes about leases: how much at once, and in which order.

import { beforeEach, describe, test } from "vitest";
import type { AppliedBatch } from "../../src/apply/applier.ts";
import type { Command } from "../../src/apply/command.ts";
import { LEASE_EXPIRY_BATCH_MAX, MUTATION_KEYS_MAX } from "../../src/base/limits.ts";
import { asClusterTime, asLeaseId, type LeaseId } from "../../src/base/types.ts";
import { LeaseTable } from "../../src/lease/lease-table.ts";
import { LeaseKeeper } from "../../src/replica/lease-keeper.ts";
import { openNodeSql } from "../support/node-sql.ts";

const at = asClusterTime;
const EXPIRED = at(60_000);

const NOTHING: AppliedBatch = {
  entries: [],
  revisions: [],
  granted: [],
  settled: [],
  compacted: false,
  membership: null,
};

let table: LeaseTable;
let keys: Map<LeaseId, number>;
let keeper: LeaseKeeper;

beforeEach(() => {
  table = new LeaseTable(openNodeSql());
  keys = new Map();
  keeper = new LeaseKeeper(table, (id) => keys.get(id) ?? 0);
});

function grant(count: number, keysEach: number): void {
  for (let n = 1n; n <= count; n++) {
    table.grant({ id: asLeaseId(n), ttlSeconds: 10, time: at(0) });
    keys.set(asLeaseId(n), keysEach);
  }
  keeper.follow(true);
}

/** The ids of the expiry that is due, as numbers. */
function expiring(commands: readonly Command[]): number[] {
  return commands.flatMap((command) =>
    command.kind === "leaseExpire" ? command.expiries.map(({ id }) => Number(id)) : [],
  );
}

describe("expiry", () => {
  test("takes as many leases as one turn can delete the keys of", ({ expect }) => {
    grant(5, MUTATION_KEYS_MAX / 2);
    const batches = Array.from({ length: 4 }, () => expiring(keeper.due(EXPIRED)));
    expect(batches.map(({ length }) => length)).toEqual([2, 2, 1, 0]);
    expect(batches.flat().toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
  });

  test("takes one lease at least, however many keys it holds", ({ expect }) => {
    grant(2, 2 * MUTATION_KEYS_MAX);
    expect(expiring(keeper.due(EXPIRED))).toHaveLength(1);
    expect(expiring(keeper.due(EXPIRED))).toHaveLength(1);
  });

  test("takes a batch of small ones, and the rest next time", ({ expect }) => {
    grant(LEASE_EXPIRY_BATCH_MAX + 1, 1);
    expect(expiring(keeper.due(EXPIRED))).toHaveLength(LEASE_EXPIRY_BATCH_MAX);
    expect(keeper.nextDue()).toBe(15_000);
    expect(expiring(keeper.due(EXPIRED))).toHaveLength(1);
  });

  test("of one who does not lead is nothing", ({ expect }) => {
    grant(1, 1);
    keeper.follow(false);
    expect(keeper.due(EXPIRED)).toEqual([]);
  });
});

describe("a keepalive that needs an extension", () => {
  test("is gathered, but never past the end of its lease", ({ expect }) => {
    grant(1, 0);
    const lease = asLeaseId(1n);
    expect(keeper.keepAlive(7, lease, at(14_990))).toBeNull();
    expect(keeper.nextDue()).toBe(15_000);
    expect(keeper.due(at(15_000)).map(({ kind }) => kind)).toEqual(["leaseExtend", "leaseExpire"]);
  });

  test("is dropped with the leadership, so that its caller may ask the next one", ({ expect }) => {
    grant(1, 0);
    keeper.keepAlive(7, asLeaseId(1n), at(14_000));
    expect(keeper.follow(false)).toEqual([7]);
  });
});

describe("keepalives that fit", () => {
  const STEP_MS = 10;
  const BETWEEN_MS = 3_330;

  /** Keeps leases alive as clients do, each at times of its own; counts what it takes. */
  function keptAlive(
    leases: number,
    ms: number,
  ): { readonly entries: number; readonly ids: number } {
    grant(leases, 0);
    const all = table.all().map(({ id }) => id);
    const offsets = all.map((_, n) => Math.floor((n * BETWEEN_MS) / leases / STEP_MS) * STEP_MS);
    const told = { entries: 0, ids: 0 };
    for (let now = 0; now < ms; now += STEP_MS) {
      for (const command of keeper.due(at(now))) {
        if (command.kind !== "leaseExtend") throw new Error("a lease has ended");
        told.entries++;
        told.ids += command.ids.length;
        table.extend(command.ids, at(now));
        keeper.applied({ ...NOTHING, settled: command.ids }, at(now));
      }
      for (const [n, id] of all.entries()) {
        if ((now - offsets[n]!) % BETWEEN_MS === 0) keeper.keepAlive(0, id, at(now));
      }
    }
    return told;
  }

  test("have their extensions gathered ahead, many to an entry", ({ expect }) => {
    const { entries, ids } = keptAlive(300, 100_000);
    // One in a quarter of a TTL, which extends whoever was kept alive meanwhile and is short of it.
    expect(entries).toBeLessThanOrEqual(100 / 2.5);
    expect(ids).toBeLessThan(300 * 30 * 0.85);
  });

  test("of one lease cost no more entries than if each waited for its own", ({ expect }) => {
    expect(keptAlive(1, 100_000).entries).toBeLessThanOrEqual(30 / 2 + 1);
  });
});
