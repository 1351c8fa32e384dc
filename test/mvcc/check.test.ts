// Goal: the form of requests is refused as etcd's API layer does, over whole requests. Method:
// total tables; cases marked [observed] were tried on etcd 3.5.16.

import { describe, test } from "vitest";

import { TXN_OPS_MAX } from "../../src/base/limits.ts";
import type { TxnOp, TxnRequest } from "../../src/base/kv.ts";
import {
  checkDeleteRangeForm,
  checkPutForm,
  checkRangeForm,
  checkTxnForm,
} from "../../src/mvcc/check.ts";
import {
  compare,
  deleteOp,
  deletion,
  lease,
  put,
  putOp,
  range,
  rangeOp,
  txn,
  txnOp,
} from "./fixture.ts";

const repeat = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

describe("lone requests", () => {
  test("an empty key is refused everywhere", ({ expect }) => {
    expect(checkRangeForm(range("", "\0"))).toBe("keyNotProvided");
    expect(checkPutForm(put(""))).toBe("keyNotProvided");
    expect(checkDeleteRangeForm(deletion("", "\0"))).toBe("keyNotProvided");
  });

  test("what is ignored must not be given", ({ expect }) => {
    expect(checkPutForm(put("a", "x", { ignoreValue: true }))).toBe("valueProvided");
    expect(checkPutForm(put("a", "x", { ignoreLease: true, lease: lease(1) }))).toBe(
      "leaseProvided",
    );
    expect(checkPutForm(put("a", "", { ignoreValue: true, ignoreLease: true }))).toBeNull();
  });
});

describe("txn form", () => {
  const malformed: [string, TxnOp, string][] = [
    ["range without key", rangeOp(""), "keyNotProvided"],
    ["put without key", putOp(""), "keyNotProvided"],
    ["delete without key", deleteOp(""), "keyNotProvided"],
    ["no member set", { kind: "empty" }, "keyNotFound"],
    ["put with value and ignore_value", putOp("a", "x", { ignoreValue: true }), "valueProvided"],
  ];
  for (const [name, op, refusal] of malformed) {
    test(`${name}: refused in either branch, at any depth [observed]`, ({ expect }) => {
      expect(checkTxnForm(txn({ success: [op] }))).toBe(refusal);
      expect(checkTxnForm(txn({ failure: [op] }))).toBe(refusal);
      expect(checkTxnForm(txn({ failure: [txnOp({ success: [op] })] }))).toBe(refusal);
    });
  }

  test("a compare without key is refused", ({ expect }) => {
    expect(checkTxnForm(txn({ compare: [compare("", "mod", "equal", 0)] }))).toBe("keyNotProvided");
  });
});

describe("how many operations", () => {
  const gets = (count: number): TxnOp[] => repeat(count, () => rangeOp("a"));
  const compares = (count: number) => repeat(count, () => compare("a", "mod", "equal", 0));
  const deep = (depth: number): TxnRequest =>
    depth === 0 ? txn({}) : txn({ success: [txnOp(deep(depth - 1))] });
  const table: [string, TxnRequest, boolean][] = [
    [
      "128 in each list",
      txn({ compare: compares(128), success: gets(128), failure: gets(128) }),
      true,
    ],
    ["129 compares", txn({ compare: compares(129) }), false],
    ["129 in success", txn({ success: gets(129) }), false],
    ["129 in failure", txn({ failure: gets(129) }), false],
    [
      "126 and a nested one of 1",
      txn({ success: [...gets(126), txnOp({ success: gets(1) })] }),
      true,
    ],
    [
      "127 and a nested one of 1",
      txn({ success: [...gets(127), txnOp({ success: gets(1) })] }),
      false,
    ],
    ["127 and a nested one of none", txn({ success: [...gets(127), txnOp({})] }), true],
    [
      "127 compares and a nested one of 2",
      txn({ compare: compares(127), success: [txnOp({ success: gets(2) })] }),
      false,
    ],
    ["nested 128 deep", deep(TXN_OPS_MAX), true],
    ["nested 129 deep", deep(TXN_OPS_MAX + 1), false],
    ["nested 5,000 deep", deep(5_000), false],
  ];
  for (const [name, request, accepted] of table) {
    test(`${name}: ${accepted ? "accepted" : "refused"}`, ({ expect }) => {
      expect(checkTxnForm(request)).toBe(accepted ? null : "tooManyOps");
    });
  }
});

describe("duplicate keys", () => {
  const nest = (...success: TxnOp[]): TxnOp => txnOp({ success });
  const orElse = (success: TxnOp[], failure: TxnOp[]): TxnOp => txnOp({ success, failure });
  const table: [string, TxnOp[], boolean][] = [
    ["put + put of another key", [putOp("a"), putOp("b")], true],
    ["put + put", [putOp("a"), putOp("a")], false],
    ["put + nested put", [putOp("a"), nest(putOp("a"))], false],
    ["nested put + put", [nest(putOp("a")), putOp("a")], false],
    ["put + put two levels down", [putOp("a"), nest(nest(putOp("a")))], false],
    ["sibling txns that put the same", [nest(putOp("a")), nest(putOp("a"))], false],
    ["sibling txns, other branches", [orElse([putOp("a")], []), orElse([], [putOp("a")])], false],
    ["both branches of one nested txn", [orElse([putOp("a")], [putOp("a")])], true],
    ["both branches, and outside", [orElse([putOp("a")], [putOp("a")]), putOp("a")], false],
    ["put in a deleted range", [putOp("b"), deleteOp("a", "c")], false],
    ["deleted range around a put", [deleteOp("a", "c"), putOp("b")], false],
    ["put at the end of a deleted range", [deleteOp("a", "c"), putOp("c")], true],
    ["put of the deleted key", [deleteOp("a"), putOp("a")], false],
    ["put after the deleted key", [deleteOp("a"), putOp("a\0")], true],
    ["nested put in a deleted range", [deleteOp("a", "c"), nest(putOp("b"))], false],
    ["nested put, then the range", [nest(putOp("b")), deleteOp("a", "c")], false],
    ["put in a range deleted below", [putOp("b"), nest(deleteOp("a", "c"))], false],
    ["put in a range deleted in a branch", [orElse([], [deleteOp("a", "c")]), putOp("b")], false],
    ["deletion and put in two branches", [orElse([deleteOp("a")], [putOp("a")])], true],
    ["sibling deletes, later one puts", [nest(deleteOp("a")), nest(putOp("a"))], false],
    ["sibling puts, later one deletes", [nest(putOp("a")), nest(deleteOp("a"))], true],
    ["deletions that overlap", [deleteOp("a", "c"), deleteOp("b", "d"), deleteOp("b")], true],
    ["ranges over anything", [rangeOp("a", "c"), putOp("b"), rangeOp("b")], true],
    ['put beyond a deletion "from key on"', [deleteOp("a", "\0"), putOp("b")], true],
    ["put beside an inverted deletion", [deleteOp("z", "a"), putOp("m")], true],
    ["put between two deletions", [deleteOp("a", "b"), deleteOp("c", "d"), putOp("b")], true],
    [
      "put in the middle one of three",
      [deleteOp("e", "f"), deleteOp("a", "b"), deleteOp("c", "d"), putOp("c")],
      false,
    ],
  ];
  for (const [name, ops, accepted] of table) {
    test(`${name}: ${accepted ? "accepted" : "refused"}`, ({ expect }) => {
      const expected = accepted ? null : "duplicateKey";
      expect(checkTxnForm(txn({ success: ops }))).toBe(expected);
      expect(checkTxnForm(txn({ failure: ops }))).toBe(expected);
    });
  }

  test("the two branches of the outermost txn exclude each other", ({ expect }) => {
    expect(checkTxnForm(txn({ success: [putOp("a")], failure: [putOp("a")] }))).toBeNull();
  });

  test("a large txn is checked in little time", ({ expect }) => {
    const wide = repeat(64, (i) =>
      nestAll(
        repeat(60, (j) => deleteOp(`k${i}/${j}`)).concat(repeat(4, (j) => putOp(`p${i}/${j}`))),
      ),
    );
    expect(checkTxnForm(txn({ success: wide }))).toBeNull();
  });
});

const nestAll = (success: TxnOp[]): TxnOp => txnOp({ success });
