// Goal: a range is permitted exactly when every key of it is. Method: all keys of up to three bytes over
// a small alphabet, one by one, against the union.

import * as fc from "fast-check";
import { describe, test } from "vitest";
import { covers, unite } from "../../src/auth/interval-union.ts";
import { compareBytes, EMPTY, encodeUtf8 } from "../../src/base/bytes.ts";
import {
  containsKey,
  intervalOf,
  isEmptyInterval,
  ZERO_BYTE,
  type Interval,
} from "../../src/base/interval.ts";
import type { Bytes } from "../../src/base/types.ts";

const LETTERS = [0, 1, 2];
const grow = (keys: readonly Bytes[]): Bytes[] =>
  keys.flatMap((key) => LETTERS.map((letter) => new Uint8Array([...key, letter])));
const ONE = grow([EMPTY]);
const TWO = grow(ONE);
/** Bounds have up to two bytes; between any two of them there is a key of up to three. */
const KEYS = [...ONE, ...TWO, ...grow(TWO)];

const key = fc.constantFrom(...ONE, ...TWO);
const rangeEnd = fc.oneof(key, fc.constant(EMPTY), fc.constant(ZERO_BYTE));
const interval = fc.tuple(key, rangeEnd).map(([start, end]) => intervalOf(start, end));

const naive = (parts: readonly Interval[], wanted: Interval): boolean =>
  KEYS.filter((each) => containsKey(wanted, each)).every((each) =>
    parts.some((part) => containsKey(part, each)),
  ) &&
  (wanted.end !== null || parts.some((part) => part.end === null));

describe("a union of intervals", () => {
  test("covers a range exactly when it has each of its keys", ({ expect }) => {
    fc.assert(
      fc.property(fc.array(interval, { maxLength: 6 }), interval, (parts, wanted) => {
        fc.pre(!isEmptyInterval(wanted));
        expect(covers(unite(parts), wanted)).toBe(naive(parts, wanted));
      }),
      { numRuns: 3_000 },
    );
  });

  test("has parts in order and apart", ({ expect }) => {
    fc.assert(
      fc.property(fc.array(interval, { maxLength: 6 }), (parts) => {
        const union = unite(parts);
        for (const [index, { start }] of union.slice(1).entries()) {
          const { end } = union[index]!;
          expect(end !== null && compareBytes(end, start) < 0).toBe(true);
        }
      }),
    );
  });

  test.for([
    ["a", "c", true],
    ["a", "e", true],
    ["b", "d", true],
    ["a", "f", false],
    ["a", "\0", false],
    ["x", "\0", true],
    ["y", "z", true],
    ["w", "\0", false],
    ["q", "", true],
    ["q", "q\0", true],
    ["q", "r", false],
  ] as const)(
    "[a, c), [c, e), q and [x, ...) cover [%s, %s): %s",
    ([start, end, is], { expect }) => {
      const of = (from: string, to: string): Interval =>
        intervalOf(encodeUtf8(from), encodeUtf8(to));
      const union = unite([of("x", "\0"), of("c", "e"), of("q", ""), of("a", "c")]);
      expect(covers(union, of(start, end))).toBe(is);
    },
  );
});
