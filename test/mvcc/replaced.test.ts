// Goal: facts about what plain puts replace, and where it stands. Method: a store of a few keys.

import { describe, test } from "vitest";
import { put, TestStore } from "./fixture.ts";

describe("what stands in the history", () => {
  test("is not what has a key of megabytes, beside an event of another", ({ expect }) => {
    const fixture = new TestStore();
    const name = "k".repeat(1_400_000);
    fixture.put(name, "1");
    fixture.put(name, "2");
    fixture.write((store) => {
      for (const value of ["3", "4"]) store.put(put(name, value), fixture.leasePort);
    });
    const at = (revision: number) =>
      fixture.range(name, "", { revision }).map((kv) => kv.slice(1_400_000));
    expect([2, 3, 4, 5].map(at)).toEqual([
      ["=1 c2 m2 v1"],
      ["=2 c2 m3 v2"],
      ["=3 c2 m4 v3"],
      ["=4 c2 m5 v4"],
    ]);
  });

  test("is found behind a large version that a batch has made and replaced", ({ expect }) => {
    const large = "v".repeat(5_000);
    const values = ["1", "2", large, "4", "5", large, large, "8"];
    const fixture = new TestStore();
    fixture.put("a", "0");
    fixture.write((store) => {
      for (const value of values) store.put(put("a", value), fixture.leasePort);
    });
    fixture.restart();
    const shown = ["0", ...values].map((value, n) => [`a=${value} c2 m${n + 2} v${n + 1}`]);
    const at = (revision: number): string[] => fixture.range("a", "", { revision });
    expect(shown.map((_, n) => at(n + 2))).toEqual(shown);
    expect(fixture.rows("old")).toBe(3);
  });
});
