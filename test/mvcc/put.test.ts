// Goal: puts and deletions make the versions and events that etcd makes. Method: small stores by
// hand.

import { describe, test } from "vitest";

import { MUTATION_KEYS_MAX } from "../../src/base/limits.ts";
import {
  deletion,
  lease,
  put,
  refusalOf,
  show,
  showChanges,
  TestStore,
  valueOf,
} from "./fixture.ts";

describe("the life of a key", () => {
  test("create_revision is its birth, version starts at 1 and again after a deletion", ({
    expect,
  }) => {
    const fixture = new TestStore();
    fixture.put("a", "1");
    fixture.put("a", "2");
    expect(fixture.range("a")).toEqual(["a=2 c2 m3 v2"]);
    fixture.delete("a");
    fixture.put("a", "3");
    expect(fixture.range("a")).toEqual(["a=3 c5 m5 v1"]);
  });

  test("a fresh store is at revision 1, never compacted, with nothing applied", ({ expect }) => {
    const { store } = new TestStore();
    expect([store.revision, store.compacted, store.appliedIndex]).toEqual([1, -1, 0]);
    expect([store.clusterTime, store.wall, store.sweepPending]).toEqual([0, 0, false]);
  });

  test("each write that changes a key is one revision; one that changes none is none", ({
    expect,
  }) => {
    const fixture = new TestStore();
    const revisions = [
      () => fixture.put("a"),
      () => fixture.put("a"),
      () => fixture.delete("b"),
      () => fixture.delete("b", "a"),
      () => fixture.delete("a", "z"),
      () => fixture.write((store) => store.deleteKeysOfLease(lease(7))),
      () => fixture.txn({}),
    ].map((write) => {
      write();
      return fixture.store.revision;
    });
    expect(revisions).toEqual([2, 3, 3, 3, 4, 4, 4]);
  });
});

describe("puts of one batch", () => {
  test.for([1, 4_096, 4_097])(
    "find the value before, of %i bytes, if they ask",
    (size, { expect }) => {
      const fixture = new TestStore();
      const value = "x".repeat(size);
      fixture.put("a", value);
      const asking = put("a", "2", { prevKv: true });
      const not = put("a", "3");
      const puts = [asking, not, asking];
      const previous = fixture.write((store) => {
        store.expect(puts.map((request) => ({ kind: "put", request })));
        return puts.map((each) => valueOf(store.put(each, fixture.leasePort)).prevKv);
      });
      expect(previous.map(show)).toEqual([`a=${value} c2 m2 v1`, "none", "a=3 c2 m4 v3"]);
      expect(fixture.range("a", "", { revision: 2 })).toEqual([`a=${value} c2 m2 v1`]);
      expect(fixture.range("a", "", { revision: 4 })).toEqual(["a=3 c2 m4 v3"]);
    },
  );
});

describe("put", () => {
  test("prev_kv is the version before, and absent for a new key", ({ expect }) => {
    const fixture = new TestStore();
    expect(show(valueOf(fixture.put("a", "1", { prevKv: true })).prevKv)).toBe("none");
    expect(show(valueOf(fixture.put("a", "2", { prevKv: true })).prevKv)).toBe("a=1 c2 m2 v1");
    expect(show(valueOf(fixture.put("a", "3")).prevKv)).toBe("none");
  });

  test("lease 0 detaches, ignore_lease keeps, another lease moves", ({ expect }) => {
    const fixture = new TestStore();
    fixture.leases.add(lease(7)).add(lease(8));
    fixture.put("a", "1", { lease: lease(7) });
    fixture.put("a", "2", { ignoreLease: true });
    expect(fixture.range("a")).toEqual(["a=2 c2 m3 v2 l7"]);
    fixture.put("a", "3", { lease: lease(8) });
    expect(fixture.range("a")).toEqual(["a=3 c2 m4 v3 l8"]);
    expect(fixture.store.keysOfLease(lease(7))).toEqual([]);
    fixture.put("a", "4");
    expect(fixture.range("a")).toEqual(["a=4 c2 m5 v4"]);
    expect(fixture.store.keysOfLease(lease(8))).toEqual([]);
  });

  test("leases are 64-bit and may be negative", ({ expect }) => {
    const fixture = new TestStore();
    for (const id of [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n]) {
      fixture.leases.add(id as never);
      fixture.put(`k${id}`, "", { lease: id as never });
      expect(fixture.range(`k${id}`)[0]).toContain(` l${id}`);
      expect(fixture.store.keysOfLease(id as never)).toHaveLength(1);
    }
  });

  test("an unknown lease is refused and changes nothing", ({ expect }) => {
    const fixture = new TestStore();
    expect(refusalOf(fixture.put("a", "1", { lease: lease(7) }))).toBe("leaseNotFound");
    expect([fixture.store.revision, fixture.range("a")]).toEqual([1, []]);
  });

  test("ignore_value keeps the value, and still makes a version", ({ expect }) => {
    const fixture = new TestStore();
    fixture.put("a", "1");
    fixture.put("a", "", { ignoreValue: true });
    expect(fixture.range("a")).toEqual(["a=1 c2 m3 v2"]);
  });

  test("ignore_value and ignore_lease on a missing key are refused; the lease first", ({
    expect,
  }) => {
    const fixture = new TestStore();
    expect(refusalOf(fixture.put("a", "", { ignoreValue: true }))).toBe("keyNotFound");
    expect(refusalOf(fixture.put("a", "1", { ignoreLease: true }))).toBe("keyNotFound");
    const both = { ignoreValue: true, lease: lease(7) };
    expect(refusalOf(fixture.put("a", "", both))).toBe("leaseNotFound");
  });

  test("a request of wrong form is refused by the store too", ({ expect }) => {
    const fixture = new TestStore();
    expect(refusalOf(fixture.put(""))).toBe("keyNotProvided");
    expect(refusalOf(fixture.put("a", "1", { ignoreValue: true }))).toBe("valueProvided");
  });
});

describe("delete", () => {
  test("deletes the interval in key order, prev_kvs when asked for", ({ expect }) => {
    const fixture = new TestStore();
    for (const key of ["c", "a", "b", "d"]) fixture.put(key, key);
    const { value, changes } = fixture.batch((store) =>
      valueOf(store.deleteRange(deletion("a", "d", { prevKv: true }))),
    );
    expect(value.deleted).toBe(3);
    expect(value.prevKvs.map(show)).toEqual(["a=a c3 m3 v1", "b=b c4 m4 v1", "c=c c2 m2 v1"]);
    expect(showChanges(changes)).toEqual(["6: delete a m6", "6: delete b m6", "6: delete c m6"]);
    expect(fixture.range("\0", "\0")).toEqual(["d=d c5 m5 v1"]);
  });

  test("a deletion's kv has key and mod_revision only", ({ expect }) => {
    const fixture = new TestStore();
    fixture.leases.add(lease(7));
    fixture.put("a", "x", { lease: lease(7) });
    const { changes } = fixture.batch((store) => store.deleteRange(deletion("a")));
    expect(show(changes[0]?.events[0]?.kv)).toBe("a= c0 m3 v0");
  });

  test("without prev_kv nothing is returned, and a missing key counts 0", ({ expect }) => {
    const fixture = new TestStore();
    fixture.put("a");
    expect(valueOf(fixture.delete("b"))).toEqual({ deleted: 0, prevKvs: [] });
    expect(valueOf(fixture.delete("a"))).toEqual({ deleted: 1, prevKvs: [] });
  });

  test("range_end \\0 deletes from key on; range_end <= key deletes nothing", ({ expect }) => {
    const fixture = new TestStore();
    for (const key of ["a", "b", "c"]) fixture.put(key);
    expect(valueOf(fixture.delete("b", "a")).deleted).toBe(0);
    expect(valueOf(fixture.delete("b", "\0")).deleted).toBe(2);
  });

  test("a lease's keys go in one revision, in key order, and come back as history", ({
    expect,
  }) => {
    const fixture = new TestStore();
    fixture.leases.add(lease(7)).add(lease(-8));
    for (const key of ["p9", "p1", "p5"]) fixture.put(key, key, { lease: lease(7) });
    fixture.put("q", "", { lease: lease(-8) });
    fixture.put("p2", "free");
    const { value, changes } = fixture.batch((store) => store.deleteKeysOfLease(lease(7)));
    expect(value).toBe(3);
    expect(showChanges(changes)).toEqual(["7: delete p1 m7", "7: delete p5 m7", "7: delete p9 m7"]);
    expect(fixture.range("\0", "\0")).toEqual(["p2=free c6 m6 v1", "q= c5 m5 v1 l-8"]);
    expect(fixture.range("p1", "", { revision: 6 })).toEqual(["p1=p1 c3 m3 v1 l7"]);
  });

  test("lease 0 is no lease: its keys are not deleted", ({ expect }) => {
    const fixture = new TestStore();
    fixture.put("a");
    expect(fixture.write((store) => store.deleteKeysOfLease(lease(0)))).toBe(0);
    expect(fixture.store.keysOfLease(lease(0))).toEqual([]);
    expect(fixture.range("a")).toHaveLength(1);
  });
});

describe("the most keys that one mutation deletes", () => {
  function crowded(): TestStore {
    const fixture = new TestStore();
    fixture.write((store) => {
      for (let i = 0; i <= MUTATION_KEYS_MAX; i++) {
        store.put(put(`k${String(i).padStart(6, "0")}`), fixture.leasePort);
      }
    });
    return fixture;
  }
  const last = `k${String(MUTATION_KEYS_MAX).padStart(6, "0")}`;

  test("one more is refused before any write, exactly so many pass", ({ expect }) => {
    const fixture = crowded();
    const before = fixture.store.revision;
    expect(refusalOf(fixture.delete("k", "l"))).toBe("tooManyKeys");
    expect(fixture.store.revision).toBe(before);
    expect(fixture.rows("now")).toBe(MUTATION_KEYS_MAX + 1);
    expect(valueOf(fixture.delete("k", last)).deleted).toBe(MUTATION_KEYS_MAX);
  });

  test("a txn's deletions count together, overlaps once", ({ expect }) => {
    const fixture = crowded();
    const op = (key: string, rangeEnd: string) =>
      ({ kind: "deleteRange", request: deletion(key, rangeEnd) }) as const;
    const all = { success: [op("k", "k01"), op("k01", "l")] };
    expect(refusalOf(fixture.txn(all))).toBe("tooManyKeys");
    const overlapping = { success: [op("k", last), op("k", last)] };
    expect(refusalOf(fixture.txn(overlapping))).toBe("accepted");
    expect(fixture.rows("now")).toBe(1);
  });
});
