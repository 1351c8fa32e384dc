// What callers call keys, in etcd's words, below a namespace's prefix and without one.

import { describe, test } from "vitest";
import { EMPTY } from "../../src/base/bytes.ts";
import { KeySpace, type Selection } from "../../src/client/keys.ts";

describe("keys below a prefix", () => {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
  test.for<[Selection, string, string]>([
    ["a", "p/a", ""],
    [{ key: "a" }, "p/a", ""],
    [{ prefix: "a" }, "p/a", "p/b"],
    [{ prefix: "" }, "p/\0", "p0"],
    [{ prefix: new Uint8Array([255]) }, "p/\u{ff}", "p0"],
    [{ from: "a", to: "b" }, "p/a", "p/b"],
    [{ from: "a" }, "p/a", "p0"],
    [{ from: "a", to: "\0" }, "p/a", "p0"],
    [{ to: "b" }, "p/\0", "p/b"],
    [{}, "p/\0", "p0"],
  ])("%j are from %j to %j", ([selection, key, rangeEnd], { expect }) => {
    const range = new KeySpace(EMPTY).within("p/").range(selection);
    expect([text(range.key), text(range.rangeEnd)]).toEqual([key, rangeEnd]);
  });

  test.for<[Selection, string, string]>([
    [{ prefix: "" }, "\0", "\0"],
    [{}, "\0", "\0"],
    [{ from: "a" }, "a", "\0"],
    [{ prefix: "a" }, "a", "b"],
  ])("%j of all keys are from %j to %j", ([selection, key, rangeEnd], { expect }) => {
    const range = new KeySpace(EMPTY).range(selection);
    expect([text(range.key), text(range.rangeEnd)]).toEqual([key, rangeEnd]);
  });
});
