// Goal: a Range answers as etcd's does, at the latest revision and at past ones. Method: small
// stores by hand; what is expected was observed on etcd 3.5.16 where it is not plain.

import { describe, test } from "vitest";

import type { RangeRequest } from "../../src/base/kv.ts";
import { lease, prefixOf, put, range, refusalOf, show, TestStore, valueOf } from "./fixture.ts";

/** a=3 (three puts), b=2, c=1; revision 6. */
function threeKeys(): TestStore {
  const fixture = new TestStore();
  for (const [key, value] of ["a3", "b2", "c1", "a3", "a3"]) fixture.put(key!, value);
  return fixture;
}

const keysOf = (fixture: TestStore, options: Partial<RangeRequest>): string =>
  valueOf(fixture.store.range(range("a", "z", options)))
    .kvs.map((kv) => show(kv)[0])
    .join("");

describe("intervals", () => {
  const stored = ["a", "aa", "ab", "b", "\u00ff", "\u00ff\u00ff"];
  const table: [string, string, string, string[]][] = [
    ["an empty range_end is the single key", "a", "", ["a"]],
    ["[key, range_end) leaves out its end", "a", "ab", ["a", "aa"]],
    ["a prefix is [prefix, prefix + 1)", "a", prefixOf("a"), ["a", "aa", "ab"]],
    ["range_end \\0 is every key from key on", "ab", "\0", stored.slice(2)],
    ["key \\0 and range_end \\0 are everything", "\0", "\0", stored],
    ["range_end = key is empty, and no error", "a", "a", []],
    ["range_end < key is empty, and no error", "b", "a", []],
    ["a key that is absent is an empty answer", "zz", "", []],
  ];
  for (const [name, key, rangeEnd, expected] of table) {
    test(`intervals: ${name}`, ({ expect }) => {
      const fixture = new TestStore();
      for (const each of stored.toReversed()) fixture.put(each);
      for (const revision of [0, 7]) {
        if (revision === 7) fixture.delete("\0", "\0");
        const answer = valueOf(fixture.store.range(range(key, rangeEnd, { revision })));
        const keys = answer.kvs.map((kv) => show(kv).split("=")[0]);
        expect(keys).toEqual(expected);
        expect(answer.count).toBe(expected.length);
      }
    });
  }

  test("an empty key is refused, even from \\0 on", ({ expect }) => {
    const { store } = new TestStore();
    expect(refusalOf(store.range(range("")))).toBe("keyNotProvided");
    expect(refusalOf(store.range(range("", "\0")))).toBe("keyNotProvided");
  });

  test("keys are ordered bytewise: a, a\\0, aa, b, 0xff", ({ expect }) => {
    const fixture = new TestStore();
    for (const key of ["b", "a\0", "\u00ff", "aa", "a"]) fixture.put(key);
    const answer = valueOf(fixture.store.range(range("\0", "\0", { keysOnly: true })));
    expect(answer.kvs.map((kv) => kv.key[kv.key.length - 1])).toEqual([97, 0, 97, 98, 0xbf]);
  });
});

describe("revisions", () => {
  test("each past revision shows what was live then", ({ expect }) => {
    const fixture = new TestStore();
    fixture.put("a", "1");
    fixture.put("b", "2");
    fixture.put("a", "3");
    fixture.delete("b");
    fixture.put("b", "5");
    const seen = [1, 2, 3, 4, 5, 6].map((revision) => fixture.range("a", "z", { revision }));
    expect(seen).toEqual([
      [],
      ["a=1 c2 m2 v1"],
      ["a=1 c2 m2 v1", "b=2 c3 m3 v1"],
      ["a=3 c2 m4 v2", "b=2 c3 m3 v1"],
      ["a=3 c2 m4 v2"],
      ["a=3 c2 m4 v2", "b=5 c6 m6 v1"],
    ]);
  });

  test("0 and below read the latest", ({ expect }) => {
    const fixture = threeKeys();
    fixture.compact(6);
    expect(fixture.range("a", "", { revision: 0 })).toEqual(["a=3 c2 m6 v3"]);
    expect(fixture.range("a", "", { revision: -1 })).toEqual(["a=3 c2 m6 v3"]);
  });

  test("beyond the latest is a future revision, also when only counting", ({ expect }) => {
    const { store } = threeKeys();
    expect(refusalOf(store.range(range("a", "", { revision: 7 })))).toBe("futureRevision");
    const counting = range("a", "", { revision: 7, countOnly: true });
    expect(refusalOf(store.range(counting))).toBe("futureRevision");
  });

  test("below the compacted revision is compacted, at it is not", ({ expect }) => {
    const fixture = threeKeys();
    fixture.compact(5);
    expect(refusalOf(fixture.store.range(range("a", "", { revision: 4 })))).toBe("compacted");
    expect(fixture.range("a", "", { revision: 5 })).toEqual(["a=3 c2 m5 v2"]);
  });
});

describe("limit, more and count", () => {
  test("count is of all keys, whatever limit and filters say", ({ expect }) => {
    const { store } = threeKeys();
    for (const revision of [0, 4]) {
      const limited = valueOf(store.range(range("a", "z", { limit: 1, revision })));
      expect([limited.kvs.length, limited.more, limited.count]).toEqual([1, true, 3]);
      const filtered = valueOf(store.range(range("a", "z", { minModRevision: 100, revision })));
      expect([filtered.kvs.length, filtered.more, filtered.count]).toEqual([0, false, 3]);
    }
  });

  test("count_only returns no kvs and no more", ({ expect }) => {
    const { store } = threeKeys();
    const answer = valueOf(store.range(range("a", "z", { countOnly: true, limit: 1 })));
    expect(answer).toEqual({ kvs: [], more: false, count: 3 });
  });

  test("a limit that is just met leaves nothing more", ({ expect }) => {
    const { store } = threeKeys();
    const answer = valueOf(store.range(range("a", "z", { limit: 3 })));
    expect([answer.kvs.length, answer.more, answer.count]).toEqual([3, false, 3]);
  });

  test("a limit of 0 or less is none", ({ expect }) => {
    const fixture = threeKeys();
    expect(fixture.range("a", "z", { limit: -1 })).toHaveLength(3);
  });

  test("a list in pages counts what is left, at the revision of its first page", ({ expect }) => {
    const fixture = new TestStore();
    for (let i = 0; i < 10; i++) fixture.put(`k${i}`);
    const revision = fixture.store.revision;
    const pages: string[] = [];
    let start = "k";
    for (let more = true; more;) {
      const answer = valueOf(fixture.store.range(range(start, "l", { limit: 4, revision })));
      pages.push(`${answer.kvs.length} of ${answer.count}`);
      more = answer.more;
      start = `${show(answer.kvs.at(-1)).split("=")[0]}\0`;
      fixture.put("k0");
      fixture.delete("k9");
      fixture.put(`k5${pages.length}`);
    }
    expect(pages).toEqual(["4 of 10", "4 of 6", "2 of 2"]);
  });

  test("a count is remembered for its revision only", ({ expect }) => {
    const fixture = threeKeys();
    const counting = range("a", "z", { countOnly: true });
    expect(valueOf(fixture.store.range(counting)).count).toBe(3);
    fixture.put("d");
    expect(valueOf(fixture.store.range(counting)).count).toBe(4);
    expect(valueOf(fixture.store.range({ ...counting, revision: 6 })).count).toBe(3);
  });
});

describe("keys_only", () => {
  test("drops value and, as in 3.7, lease", ({ expect }) => {
    const fixture = new TestStore();
    fixture.leases.add(lease(7));
    fixture.put("a", "x", { lease: lease(7) });
    expect(fixture.range("a", "", { keysOnly: true })).toEqual(["a= c2 m2 v1"]);
    expect(fixture.range("a")).toEqual(["a=x c2 m2 v1 l7"]);
  });

  test("a sort by value still sees the values", ({ expect }) => {
    const fixture = threeKeys();
    const options = { keysOnly: true, sortTarget: "value", sortOrder: "ascend" } as const;
    expect(keysOf(fixture, options)).toBe("cba");
  });
});

describe("sorting", () => {
  // a: create 2, mod 6, version 3, value 3; b: 3, 3, 1, 2; c: 4, 4, 1, 1.
  const table: [RangeRequest["sortTarget"], string, string][] = [
    ["key", "abc", "cba"],
    ["version", "bca", "abc"],
    ["create", "abc", "cba"],
    ["mod", "bca", "acb"],
    ["value", "cba", "abc"],
  ];
  for (const [sortTarget, ascending, descending] of table) {
    test(`by ${sortTarget}; no order means ascending`, ({ expect }) => {
      const fixture = threeKeys();
      expect(keysOf(fixture, { sortTarget, sortOrder: "ascend" })).toBe(ascending);
      expect(keysOf(fixture, { sortTarget, sortOrder: "descend" })).toBe(descending);
      expect(keysOf(fixture, { sortTarget, sortOrder: "none" })).toBe(ascending);
    });

    test(`by ${sortTarget}, then cut by the limit`, ({ expect }) => {
      const fixture = threeKeys();
      for (const revision of [0, 6]) {
        const options = { sortTarget, limit: 1, revision };
        expect(keysOf(fixture, { ...options, sortOrder: "ascend" })).toBe(ascending[0]);
        expect(keysOf(fixture, { ...options, sortOrder: "descend" })).toBe(descending[0]);
      }
      const cut = range("a", "z", { sortTarget, limit: 1, sortOrder: "descend" });
      const { more, count } = valueOf(fixture.store.range(cut));
      expect([more, count]).toEqual([true, 3]);
    });
  }

  test("without an order the limit cuts limit + 1 keys before they are sorted", ({ expect }) => {
    const fixture = threeKeys();
    expect(keysOf(fixture, { sortTarget: "value", limit: 1 })).toBe("b");
    expect(keysOf(fixture, { sortTarget: "value", limit: 2 })).toBe("cb");
  });

  test("the last key by creation, below a revision: what a lock waits for", ({ expect }) => {
    const fixture = threeKeys();
    const options = { sortTarget: "create", sortOrder: "descend", limit: 1 } as const;
    expect(keysOf(fixture, { ...options, maxCreateRevision: 3 })).toBe("b");
  });
});

describe("filters", () => {
  // mod: a 6, b 3, c 4; create: a 2, b 3, c 4.
  const table: [Partial<RangeRequest>, string][] = [
    [{ minModRevision: 4 }, "ac"],
    [{ maxModRevision: 4 }, "bc"],
    [{ minModRevision: 4, maxModRevision: 4 }, "c"],
    [{ minCreateRevision: 3 }, "bc"],
    [{ maxCreateRevision: 3 }, "ab"],
    [{ minModRevision: 0 }, "abc"],
    [{ maxModRevision: -1 }, ""],
  ];
  for (const [filter, expected] of table) {
    test(`${JSON.stringify(filter)} leaves "${expected}", bounds included`, ({ expect }) => {
      expect(keysOf(threeKeys(), filter)).toBe(expected);
    });
  }

  test("filters come before the limit", ({ expect }) => {
    const fixture = threeKeys();
    const answer = valueOf(
      fixture.store.range(range("a", "z", { minCreateRevision: 3, limit: 1 })),
    );
    expect(answer.kvs.map(show)).toEqual(["b=2 c3 m3 v1"]);
    expect([answer.more, answer.count]).toEqual([true, 3]);
    const met = valueOf(fixture.store.range(range("a", "z", { minModRevision: 5, limit: 1 })));
    expect([met.kvs.length, met.more]).toEqual([1, false]);
  });
});

describe("long ranges", () => {
  test("a range of many chunks is whole, in both directions, now and then", ({ expect }) => {
    const fixture = new TestStore();
    const keys = Array.from({ length: 700 }, (_, i) => `k${String(i).padStart(4, "0")}`);
    fixture.write((store) => {
      for (const key of keys) store.put(put(key, "x"), fixture.leasePort);
    });
    const revision = fixture.store.revision;
    fixture.write((store) => {
      for (const key of keys) {
        if (key.endsWith("3")) continue;
        store.put(put(key, "y"), fixture.leasePort);
      }
    });
    fixture.delete("k0100", "k0300");
    for (const sortOrder of ["ascend", "descend"] as const) {
      const expected = sortOrder === "ascend" ? keys : keys.toReversed();
      const then = valueOf(fixture.store.range(range("k0000", "l", { revision, sortOrder })));
      expect(then.kvs.map((kv) => show(kv).split("=")[0])).toEqual(expected);
      expect(then.kvs.every((kv) => kv.version === 1)).toBe(true);
      const now = valueOf(fixture.store.range(range("k0000", "l", { sortOrder })));
      expect(now.count).toBe(500);
      expect(now.kvs).toHaveLength(500);
      const some = valueOf(
        fixture.store.range(range("k0000", "l", { revision, sortOrder, limit: 300 })),
      );
      expect(some.kvs.map((kv) => show(kv).split("=")[0])).toEqual(expected.slice(0, 300));
      expect([some.more, some.count]).toEqual([true, 700]);
    }
  });
});
