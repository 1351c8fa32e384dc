// Goal: transactions as etcd's, down to the corners that clients can see. Method: tables of
// compares and of operations; corners marked [observed] were tried on etcd 3.5.16.

import { describe, test } from "vitest";

import type { Compare, TxnOp, TxnRequest } from "../../src/base/kv.ts";
import {
  compare,
  deleteOp,
  lease,
  put,
  putOp,
  rangeOp,
  refusalOf,
  showChanges,
  showResponse,
  TestStore,
  txn,
  txnOp,
  valueOf,
} from "./fixture.ts";

/** a=x c2 m3 v2 l7, b=y c4 m4 v1; revision 4. */
function twoKeys(): TestStore {
  const fixture = new TestStore();
  fixture.leases.add(lease(7));
  fixture.put("a", "w");
  fixture.put("a", "x", { lease: lease(7) });
  fixture.put("b", "y");
  return fixture;
}

const holds = (fixture: TestStore, ...conditions: readonly Compare[]): boolean =>
  valueOf(fixture.store.readTxn(txn({ compare: conditions }))).succeeded;

const responsesOf = (fixture: TestStore, ...success: readonly TxnOp[]): string[] =>
  valueOf(fixture.txn({ success })).responses.map(showResponse);

describe("a put on conditions, in a batch after another put of b", () => {
  const success = [putOp("b", "2")];
  const failure = [rangeOp("b"), rangeOp("a")];
  const rows: [string, Partial<TxnRequest>, readonly string[], string][] = [
    ["that hold", { compare: [compare("b", "mod", "equal", 5)] }, ["@6 put"], "b=2 c4 m6 v3"],
    [
      "of its value",
      { compare: [compare("b", "value", "equal", "1")] },
      ["@6 put"],
      "b=2 c4 m6 v3",
    ],
    ["that do not hold", { compare: [compare("b", "mod", "equal", 4)] }, [], "b=1 c4 m5 v2"],
    [
      "that do not hold, with something else to do",
      { compare: [compare("b", "version", "less", 2)], failure },
      ["@5 [b=1 c4 m5 v2]", "@5 [a=x c2 m3 v2 l7]"],
      "b=1 c4 m5 v2",
    ],
    [
      "on another key",
      { compare: [compare("a", "create", "equal", 2)] },
      ["@6 put"],
      "b=2 c4 m6 v3",
    ],
  ];
  test.for(rows)("%s", ([, request, responses, after], { expect }) => {
    const fixture = twoKeys();
    const answer = fixture.write((store) => {
      store.put(put("b", "1"), fixture.leasePort);
      return valueOf(store.txn(txn({ success, ...request }), fixture.leasePort));
    });
    expect(answer.responses.map(showResponse)).toEqual(responses);
    expect(fixture.range("b")).toEqual([after]);
    expect(fixture.range("b", "", { revision: 4 })).toEqual(["b=y c4 m4 v1"]);
  });
});

describe("compares", () => {
  const fields: [Compare["target"], number | string, number | string, number | string][] = [
    ["version", 1, 2, 3],
    ["create", 1, 2, 3],
    ["mod", 2, 3, 4],
    ["lease", 6, 7, 8],
    ["value", "w", "x", "xx"],
  ];
  for (const [target, below, same, above] of fields) {
    test(`${target}: equal, not equal, greater, less`, ({ expect }) => {
      const fixture = twoKeys();
      const results = (["equal", "notEqual", "greater", "less", "always"] as const).map((result) =>
        [below, same, above].map((operand) =>
          holds(fixture, compare("a", target, result, operand)),
        ),
      );
      expect(results).toEqual([
        [false, true, false],
        [true, false, true],
        [true, false, false],
        [false, false, true],
        [true, true, true],
      ]);
    });
  }

  test("a missing key compares as zeros", ({ expect }) => {
    const fixture = twoKeys();
    for (const target of ["version", "create", "mod", "lease"] as const) {
      expect(holds(fixture, compare("zz", target, "equal", 0))).toBe(true);
      expect(holds(fixture, compare("zz", target, "greater", 0))).toBe(false);
      expect(holds(fixture, compare("zz", target, "less", 1))).toBe(true);
    }
  });

  test("the value of a missing key compares false, whatever is asked [observed]", ({ expect }) => {
    const fixture = twoKeys();
    for (const result of ["equal", "notEqual", "greater", "less", "always"] as const) {
      expect(holds(fixture, compare("zz", "value", result, ""))).toBe(false);
      expect(holds(fixture, compare("zz", "value", result, "", "zzz"))).toBe(false);
    }
  });

  test("a range compares every key in it", ({ expect }) => {
    const fixture = twoKeys();
    expect(holds(fixture, compare("a", "version", "greater", 0, "c"))).toBe(true);
    expect(holds(fixture, compare("a", "version", "equal", 2, "c"))).toBe(false);
    expect(holds(fixture, compare("a", "version", "equal", 1, "c"))).toBe(false);
    expect(holds(fixture, compare("a", "value", "less", "z", "\0"))).toBe(true);
    expect(holds(fixture, compare("a", "value", "less", "y", "\0"))).toBe(false);
  });

  test("an empty range compares as one missing key", ({ expect }) => {
    const fixture = twoKeys();
    expect(holds(fixture, compare("x", "create", "equal", 0, "z"))).toBe(true);
    expect(holds(fixture, compare("x", "create", "greater", 0, "z"))).toBe(false);
    expect(holds(fixture, compare("z", "create", "equal", 0, "x"))).toBe(true);
  });

  test("all must hold; no compare at all holds", ({ expect }) => {
    const fixture = twoKeys();
    const yes = compare("a", "version", "equal", 2);
    const no = compare("a", "version", "equal", 3);
    expect([holds(fixture), holds(fixture, yes, yes), holds(fixture, yes, no)]).toEqual([
      true,
      true,
      false,
    ]);
  });

  test("leases compare as signed 64-bit numbers", ({ expect }) => {
    const fixture = twoKeys();
    expect(holds(fixture, compare("a", "lease", "greater", -1))).toBe(true);
  });
});

describe("branches", () => {
  test("success is taken when the compares hold, failure otherwise", ({ expect }) => {
    const fixture = twoKeys();
    const request = {
      compare: [compare("a", "version", "equal", 2)],
      success: [putOp("s")],
      failure: [putOp("f")],
    };
    expect(valueOf(fixture.txn(request)).succeeded).toBe(true);
    fixture.put("a");
    expect(valueOf(fixture.txn(request)).succeeded).toBe(false);
    expect(fixture.range("c", "z")).toEqual(["f= c7 m7 v1", "s= c5 m5 v1"]);
  });

  test("nested compares see the state before the txn, not the writes before them", ({ expect }) => {
    const fixture = new TestStore();
    const nested = txnOp({
      compare: [compare("n1", "version", "equal", 0)],
      success: [rangeOp("n1")],
    });
    expect(responsesOf(fixture, putOp("n1", "x"), nested)).toEqual([
      "@2 put",
      "txn(@2 [n1=x c2 m2 v1])",
    ]);
  });
});

describe("operations", () => {
  test("see the writes of those before, and make one revision", ({ expect }) => {
    const fixture = twoKeys();
    const responses = responsesOf(
      fixture,
      rangeOp("c"),
      putOp("c", "1"),
      rangeOp("c"),
      deleteOp("b"),
      rangeOp("a", "z", { limit: 1 }),
      rangeOp("b"),
    );
    expect(responses).toEqual([
      "@4 []",
      "@5 put",
      "@5 [c=1 c5 m5 v1]",
      "@5 deleted 1",
      "@5 [a=x c2 m3 v2 l7]",
      "@5 []",
    ]);
    expect(fixture.store.revision).toBe(5);
  });

  test("a range at the revision before still sees the state before", ({ expect }) => {
    const fixture = twoKeys();
    const responses = responsesOf(
      fixture,
      putOp("a", "new"),
      deleteOp("b"),
      putOp("c"),
      rangeOp("a", "z", { revision: 4 }),
    );
    expect(responses.at(-1)).toBe("@5 [a=x c2 m3 v2 l7, b=y c4 m4 v1]");
  });

  test("headers show the revision before until the first change [observed]", ({ expect }) => {
    const fixture = twoKeys();
    const responses = responsesOf(
      fixture,
      deleteOp("nope"),
      putOp("q"),
      deleteOp("nope"),
      rangeOp("nope"),
    );
    expect(responses).toEqual(["@4 deleted 0", "@5 put", "@5 deleted 0", "@5 []"]);
  });

  test("events stand in the order of the operations, nested ones depth first", ({ expect }) => {
    const fixture = twoKeys();
    const { changes } = fixture.batch((store) =>
      store.txn(
        txn({
          success: [
            putOp("z"),
            txnOp({ success: [putOp("n"), txnOp({ success: [deleteOp("a", "c")] })] }),
            putOp("m"),
          ],
        }),
        fixture.leasePort,
      ),
    );
    expect(showChanges(changes)).toEqual([
      "5: put z= c5 m5 v1",
      "5: put n= c5 m5 v1",
      "5: delete a m5",
      "5: delete b m5",
      "5: put m= c5 m5 v1",
    ]);
  });

  test("overlapping deletions: the second counts 0", ({ expect }) => {
    const fixture = twoKeys();
    expect(responsesOf(fixture, deleteOp("a", "c"), deleteOp("a"))).toEqual([
      "@5 deleted 2",
      "@5 deleted 0",
    ]);
  });

  test("a txn that changes nothing makes no revision", ({ expect }) => {
    const fixture = twoKeys();
    fixture.txn({ success: [rangeOp("a"), deleteOp("nope"), txnOp({})] });
    expect(fixture.store.revision).toBe(4);
  });

  test("a read-only txn reads both present and past, and never writes", ({ expect }) => {
    const fixture = twoKeys();
    const answer = valueOf(
      fixture.store.readTxn(txn({ success: [rangeOp("a", "", { revision: 2 }), rangeOp("a")] })),
    );
    expect(answer.responses.map(showResponse)).toEqual([
      "@4 [a=w c2 m2 v1]",
      "@4 [a=x c2 m3 v2 l7]",
    ]);
    expect(() => fixture.store.readTxn(txn({ success: [txnOp({})] }))).toThrow("through the log");
  });
});

describe("a key that changes twice in one revision", () => {
  test("a put, then a later sibling's deletion: both events, the key is gone [observed]", ({
    expect,
  }) => {
    const fixture = twoKeys();
    const success = [
      txnOp({ success: [putOp("b", "z")] }),
      txnOp({ success: [deleteOp("b", "", { prevKv: true })] }),
    ];
    const { changes } = fixture.batch((store) => store.txn(txn({ success }), fixture.leasePort));
    expect(showChanges(changes)).toEqual(["5: put b=z c4 m5 v2", "5: delete b m5"]);
    expect(fixture.range("b")).toEqual([]);
    expect(fixture.range("b", "", { revision: 4 })).toEqual(["b=y c4 m4 v1"]);
    expect(fixture.range("b", "", { revision: 5 })).toEqual([]);
  });

  test('a deletion "from key on", then a put: the key is born anew [observed]', ({ expect }) => {
    const fixture = twoKeys();
    expect(responsesOf(fixture, deleteOp("a", "\0"), putOp("b", "z"))).toEqual([
      "@5 deleted 2",
      "@5 put",
    ]);
    expect(fixture.range("\0", "\0")).toEqual(["b=z c5 m5 v1"]);
    expect(fixture.range("b", "", { revision: 4 })).toEqual(["b=y c4 m4 v1"]);
  });

  test("what a put is to keep of a key deleted before it in the txn is empty", ({ expect }) => {
    const fixture = twoKeys();
    responsesOf(fixture, deleteOp("a", "\0"), putOp("b", "", { ignoreValue: true }));
    expect(fixture.range("b")).toEqual(["b= c5 m5 v1"]);
  });
});

describe("refusals come before any write, for the branch taken only", () => {
  const table: [string, TxnOp, string][] = [
    ["a future revision", rangeOp("a", "", { revision: 6 }), "futureRevision"],
    ["the revision in the making", rangeOp("a", "", { revision: 5 }), "futureRevision"],
    ["a compacted revision", rangeOp("a", "", { revision: 2 }), "compacted"],
    ["a negative revision, compacted here", rangeOp("a", "", { revision: -1 }), "compacted"],
    ["an unknown lease", putOp("a", "", { lease: lease(9) }), "leaseNotFound"],
    ["ignore_value on a missing key", putOp("m", "", { ignoreValue: true }), "keyNotFound"],
    ["ignore_lease on a missing key", putOp("m", "", { ignoreLease: true }), "keyNotFound"],
    [
      "ignore_value on a missing key, with an unknown lease",
      putOp("m", "", { ignoreValue: true, lease: lease(9) }),
      "keyNotFound",
    ],
  ];
  for (const [name, op, refusal] of table) {
    test(`refused: ${name}`, ({ expect }) => {
      const fixture = twoKeys();
      fixture.compact(3);
      for (const each of [op, txnOp({ success: [op] })]) {
        expect(refusalOf(fixture.txn({ success: [putOp("k"), each] }))).toBe(refusal);
        expect(fixture.range("\0", "\0")).toHaveLength(2);
        expect(fixture.store.revision).toBe(4);
      }
      const other = { compare: [compare("a", "version", "equal", 2)], failure: [op] };
      expect(refusalOf(fixture.txn(other))).toBe("accepted");
    });
  }

  test("revision -1 is the latest while nothing is compacted, -2 is not [observed]", ({
    expect,
  }) => {
    const fixture = twoKeys();
    const read = (revision: number) =>
      refusalOf(fixture.store.readTxn(txn({ success: [rangeOp("a", "", { revision })] })));
    expect([read(-1), read(-2)]).toEqual(["accepted", "compacted"]);
  });

  test("the compacted revision itself can be read", ({ expect }) => {
    const fixture = twoKeys();
    fixture.compact(3);
    expect(responsesOf(fixture, rangeOp("a", "", { revision: 3 }))).toEqual([
      "@4 [a=x c2 m3 v2 l7]",
    ]);
  });

  test("the form of both branches is checked, the state of one", ({ expect }) => {
    const fixture = twoKeys();
    const failure: TxnOp[] = [{ kind: "empty" }];
    expect(refusalOf(fixture.txn({ success: [putOp("k")], failure }))).toBe("keyNotFound");
  });
});
