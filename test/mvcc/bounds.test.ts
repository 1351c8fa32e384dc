// Goal: nothing that a client may ask makes a replica hold more than an isolate can. Method: stores
// filled up to the bound and one beyond.

import { describe, test } from "vitest";
import { MUTATION_KEYS_MAX } from "../../src/base/limits.ts";
import { lease, put, putOp, range, rangeOp, refusalOf, TestStore } from "./fixture.ts";

describe("the most keys that a lease holds", () => {
  test("are as many as one mutation may delete, since it ends in one", ({ expect }) => {
    const fixture = new TestStore();
    fixture.leases.add(lease(1));
    fixture.write((store) => {
      for (let i = 0; i < MUTATION_KEYS_MAX; i++) {
        store.put(put(`k${i}`, "", { lease: lease(1) }), fixture.leasePort);
      }
    });
    expect(refusalOf(fixture.put("one more", "", { lease: lease(1) }))).toBe("tooManyKeys");
    expect(refusalOf(fixture.put("without"))).toBe("accepted");
  }, 120_000);
});

describe("the most bytes that an answer holds", () => {
  const value = "x".repeat(1_000_000);

  function loaded(): TestStore {
    const fixture = new TestStore();
    for (let i = 0; i < 17; i++) fixture.put(`k${i}`, value);
    return fixture;
  }

  test("a list beyond them is refused; with a limit it is not", ({ expect }) => {
    const { store } = loaded();
    expect(refusalOf(store.range(range("k", "l")))).toBe("answerTooLarge");
    expect(refusalOf(store.range(range("k", "l", { limit: 10 })))).toBe("accepted");
    expect(refusalOf(store.range(range("k", "l", { keysOnly: true })))).toBe("accepted");
    expect(refusalOf(store.range(range("k", "l", { countOnly: true })))).toBe("accepted");
  });

  test("a deletion that would answer more is refused before any write", ({ expect }) => {
    const fixture = loaded();
    const { revision } = fixture.store;
    expect(refusalOf(fixture.delete("k", "l", { prevKv: true }))).toBe("answerTooLarge");
    expect(fixture.store.revision).toBe(revision);
    expect(refusalOf(fixture.delete("k", "l"))).toBe("accepted");
  });

  test("a txn's ranges count together, with the puts that they come to see", ({ expect }) => {
    const fixture = new TestStore();
    fixture.put("k", value);
    const { revision } = fixture.store;
    const ranges = (count: number) => Array.from({ length: count }, () => rangeOp("k"));
    expect(refusalOf(fixture.txn({ success: ranges(17) }))).toBe("answerTooLarge");
    const seen = { success: [putOp("k", value), ...ranges(9)] };
    expect(refusalOf(fixture.txn(seen))).toBe("answerTooLarge");
    expect(fixture.store.revision).toBe(revision);
    expect(refusalOf(fixture.txn({ success: [putOp("k", value), ...ranges(1)] }))).toBe("accepted");
  });
});
