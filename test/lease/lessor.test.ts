// Leases: the replicated table, the leader's promises, and cluster time. The promise that matters:
// a client that was told "one TTL from now" keeps its lease that long, whoever leads.

import { beforeEach, describe, test } from "vitest";
import { asClusterTime, asLeaseId, asMilliseconds } from "../../src/base/types.ts";
import { ClusterClock } from "../../src/lease/cluster-clock.ts";
import { LeaseTable } from "../../src/lease/lease-table.ts";
import { Lessor } from "../../src/lease/lessor.ts";
import { openNodeSql } from "../support/node-sql.ts";

const at = asClusterTime;
const id = asLeaseId(7n);

let sql: ReturnType<typeof openNodeSql>;
let table: LeaseTable;
let lessor: Lessor;

/** Grants lease 7 at time 0 to a serving leader. */
function grant(ttlSeconds: number): void {
  const granted = table.grant({ id, ttlSeconds, time: at(0) });
  if (granted.ok) lessor.granted(granted.value, at(0));
}

beforeEach(() => {
  sql = openNodeSql();
  table = new LeaseTable(sql);
  lessor = new Lessor(table);
  lessor.lead();
});

describe("granting", () => {
  const cases = [
    { asked: 10, granted: 10 },
    { asked: 1, granted: 2 },
    { asked: 0, granted: 2 },
    { asked: -5, granted: 2 },
    { asked: 9_000_000_000, granted: 9_000_000_000 },
  ];
  test.for(cases)("a TTL of $asked is granted as $granted", ({ asked, granted }, { expect }) => {
    grant(asked);
    expect(table.get(id)?.ttlSeconds).toBe(granted);
  });

  test("a TTL above 9,000,000,000 is refused", ({ expect }) => {
    const result = table.grant({ id, ttlSeconds: 9_000_000_001, time: at(0) });
    expect(result).toEqual({ ok: false, error: "leaseTtlTooLarge" });
  });

  test("an id that exists is refused", ({ expect }) => {
    grant(10);
    const again = table.grant({ id, ttlSeconds: 10, time: at(0) });
    expect(again).toEqual({ ok: false, error: "leaseExists" });
  });

  test("the horizon lies one and a half TTL ahead", ({ expect }) => {
    grant(10);
    expect(table.get(id)?.horizon).toBe(15_000);
  });
});

describe("keeping alive", () => {
  test("a keepalive that fits under the horizon needs no entry", ({ expect }) => {
    grant(10);
    expect(lessor.keepAlive(id, at(5_000))).toEqual({ kind: "alive", ttlSeconds: 10 });
  });

  test("one that does not fit waits for an extension", ({ expect }) => {
    grant(10);
    expect(lessor.keepAlive(id, at(5_001))).toEqual({ kind: "extend" });
    table.extend([id], at(5_001));
    lessor.settled(id);
    expect(lessor.keepAlive(id, at(5_002))).toEqual({ kind: "alive", ttlSeconds: 10 });
  });

  test("a missing lease is gone", ({ expect }) => {
    expect(lessor.keepAlive(id, at(0))).toEqual({ kind: "gone" });
  });

  test("while its expiry is under way, a keepalive waits for the outcome", ({ expect }) => {
    grant(2);
    expect(lessor.expire(at(2_000))).toEqual([{ id, horizon: 3_000 }]);
    expect(lessor.keepAlive(id, at(2_000))).toEqual({ kind: "expiring" });
    table.remove(id);
    lessor.settled(id);
    expect(lessor.keepAlive(id, at(2_001))).toEqual({ kind: "gone" });
  });
});

describe("expiring", () => {
  test("a lease expires one TTL after the last promise, not before", ({ expect }) => {
    grant(10);
    lessor.keepAlive(id, at(4_000));
    expect(lessor.expire(at(13_999))).toEqual([]);
    expect(lessor.expire(at(14_000))).toHaveLength(1);
  });

  test("it is proposed for expiry once", ({ expect }) => {
    grant(2);
    expect(lessor.expire(at(2_000))).toHaveLength(1);
    expect(lessor.expire(at(9_000))).toEqual([]);
  });

  test("after a change of leader the horizon counts: never early, at most half a TTL late", ({
    expect,
  }) => {
    grant(10);
    lessor.keepAlive(id, at(5_000));
    const next = new Lessor(table);
    next.lead();
    expect(next.nextExpiry()).toBe(15_000);
    expect(next.remaining(id, at(5_000))).toBe(10_000);
  });

  test("one who does not lead expires nothing", ({ expect }) => {
    grant(2);
    lessor.resign();
    expect(lessor.expire(at(99_000))).toEqual([]);
  });

  test("leases are listed the soonest first", ({ expect }) => {
    const far = asLeaseId(8n);
    grant(10);
    const granted = table.grant({ id: far, ttlSeconds: 5, time: at(0) });
    if (granted.ok) lessor.granted(granted.value, at(0));
    expect(lessor.byExpiry()).toEqual([far, id]);
  });
});

describe("the table's rows", () => {
  test("a restart finds the leases as they were", ({ expect }) => {
    for (let n = 1n; n <= 300n; n++) table.grant({ id: asLeaseId(n), ttlSeconds: 60, time: at(5) });
    table.remove(asLeaseId(3n));
    table.extend([asLeaseId(300n)], at(1_000));
    table.flush();
    const restarted = new LeaseTable(sql);
    const byId = (leases: LeaseTable): unknown =>
      leases.all().toSorted((a, b) => Number(a.id - b.id));
    expect(byId(restarted)).toEqual(byId(table));
    expect(restarted.size).toBe(299);
  });

  test("a negative id, and one of 64 bits, survive", ({ expect }) => {
    const ids = [-1n, 2n ** 63n - 1n, -(2n ** 63n)].map(asLeaseId);
    for (const each of ids) table.grant({ id: each, ttlSeconds: 60, time: at(0) });
    table.flush();
    expect(new LeaseTable(sql).all().map((lease) => lease.id)).toEqual(ids);
  });

  test("a page that is emptied leaves no row", ({ expect }) => {
    grant(10);
    table.flush();
    table.remove(id);
    table.flush();
    expect(sql.all("SELECT page FROM lease_page")).toEqual([]);
  });
});

describe("cluster time", () => {
  const local = asMilliseconds;

  test("advances by the replica's own elapsed time", ({ expect }) => {
    const clock = ClusterClock.resume({
      stamp: at(500),
      appliedAt: local(1_000_000),
      now: local(1_000_000),
    });
    expect(clock.read(local(1_000_250))).toBe(750);
  });

  test("goes on across a restart, the time away included", ({ expect }) => {
    const times = { stamp: at(500), appliedAt: local(1_000_000), now: local(1_008_000) };
    expect(ClusterClock.resume(times).read(local(1_008_100))).toBe(8_600);
  });

  test("of a replica that never applied anything starts at its stamp", ({ expect }) => {
    const times = { stamp: at(0), appliedAt: local(0), now: local(1_008_000) };
    expect(ClusterClock.resume(times).read(local(1_008_000))).toBe(0);
  });

  test("a clock that steps back counts as no time", ({ expect }) => {
    const clock = ClusterClock.resume({
      stamp: at(500),
      appliedAt: local(1_000_000),
      now: local(1_000_000),
    });
    clock.read(local(1_000_100));
    expect(clock.read(local(900_000))).toBe(600);
    expect(clock.read(local(900_050))).toBe(650);
  });

  test("a sample that jumps ahead counts as ten seconds at most", ({ expect }) => {
    const clock = ClusterClock.resume({ stamp: at(0), appliedAt: local(0), now: local(0) });
    expect(clock.read(local(86_400_000))).toBe(10_000);
  });

  test("a follower goes back to its leader's stamps, a leader never goes back", ({ expect }) => {
    const clock = ClusterClock.resume({ stamp: at(0), appliedAt: local(0), now: local(0) });
    clock.read(local(1_000));
    clock.follow(at(900), local(1_000));
    expect(clock.read(local(1_000))).toBe(900);
    clock.catchUp(at(800), local(1_000));
    expect(clock.read(local(1_000))).toBe(900);
    clock.catchUp(at(950), local(1_000));
    expect(clock.read(local(1_000))).toBe(950);
  });
});
