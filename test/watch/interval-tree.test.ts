// Goal: the tree finds what a list of intervals would, and stays balanced. Method: random intervals
// that come and go, against the list.

import * as fc from "fast-check";
import { describe, test } from "vitest";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { containsKey, type Interval } from "../../src/base/interval.ts";
import {
  valueAt,
  visitAround,
  withInterval,
  withoutInterval,
  type IntervalTree,
} from "../../src/watch/interval-tree.ts";

const bound = fc.nat({ max: 12 }).map((n) => new Uint8Array([n]));
const interval: fc.Arbitrary<Interval> = fc.record({
  start: bound,
  end: fc.option(bound, { freq: 6 }),
});

const nameOf = ({ start, end }: Interval): string => `${start.join()}-${end?.join() ?? ""}`;

function found(tree: IntervalTree<string>, key: Uint8Array<ArrayBuffer>): string[] {
  const names: string[] = [];
  visitAround(tree, key, (name) => names.push(name));
  return names.toSorted();
}

const heightOf = (tree: IntervalTree<string>): number =>
  tree === null ? 0 : 1 + Math.max(heightOf(tree.left), heightOf(tree.right));

describe("an interval tree", () => {
  test("finds exactly the intervals around a key, whatever has come and gone", ({ expect }) => {
    fc.assert(
      fc.property(fc.array(interval, { maxLength: 80, size: "max" }), (intervals) => {
        let tree: IntervalTree<string> = null;
        const held = new Map<string, Interval>();
        for (const each of intervals) {
          const name = nameOf(each);
          // What comes a second time goes.
          tree = held.has(name)
            ? withoutInterval(tree, each)
            : withInterval(tree, { interval: each, value: name });
          if (!held.delete(name)) held.set(name, each);
          expect(valueAt(tree, each)).toBe(held.has(name) ? name : null);
        }
        for (let n = 0; n <= 13; n++) {
          const key = new Uint8Array([n]);
          const around = [...held].filter(([, each]) => containsKey(each, key));
          expect(found(tree, key)).toEqual(around.map(([name]) => name).toSorted());
        }
      }),
      { numRuns: 500 },
    );
  });

  const inOrder = Array.from({ length: 10_000 }, (_, n) => ({
    start: encodeUtf8(`${10_000 + n}`),
    end: encodeUtf8(`${10_000 + n}/`),
  }));

  test.for([
    ["in order", inOrder],
    ["in reverse", inOrder.toReversed()],
  ] as const)("of 10,000 that came %s is 14 high, and lower as they go", ([, all], { expect }) => {
    let tree: IntervalTree<string> = null;
    for (const each of all) tree = withInterval(tree, { interval: each, value: "" });
    expect(heightOf(tree)).toBe(14);
    for (const each of all.slice(0, 9_000)) tree = withoutInterval(tree, each);
    expect(heightOf(tree)).toBeLessThan(13);
    for (const each of all.slice(9_000)) tree = withoutInterval(tree, each);
    expect(tree).toBeNull();
  });
});
