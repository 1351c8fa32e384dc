// Owns finding the intervals that contain a key: a balanced search tree over intervals.
//
// It is ordered by start, then end, and every branch knows where the last of its intervals ends. Of
//
//                  [c, f)  until z
//                 /               \
//        [a, z)  until z     [d, e)  until e
//
// a key "g" needs the left branch, which reaches up to z, and not the right one, which ends at e.

import { compareBytes } from "../base/bytes.ts";
import type { Interval } from "../base/interval.ts";
import type { Bytes } from "../base/types.ts";

interface Leaf<T> {
  readonly interval: Interval;
  readonly value: T;
}

interface Branch<T> extends Leaf<T> {
  readonly left: IntervalTree<T>;
  readonly right: IntervalTree<T>;
  /** Those of the two sides differ by one at most. */
  readonly height: number;
  /** Where the last of all intervals from here down ends; null: nowhere. */
  readonly furthestEnd: Bytes | null;
}

/** Never changed: a tree with one more interval shares all but a path with the one before. */
export type IntervalTree<T> = Branch<T> | null;

/** What stands at exactly this interval, or null. */
export function valueAt<T>(tree: IntervalTree<T>, interval: Interval): T | null {
  let branch = tree;
  while (branch !== null) {
    const order = compareIntervals(interval, branch.interval);
    if (order === 0) return branch.value;
    branch = order < 0 ? branch.left : branch.right;
  }
  return null;
}

/** Tells `visit` the value of each interval that contains the key, in the order of the tree. */
export function visitAround<T>(tree: IntervalTree<T>, key: Bytes, visit: (value: T) => void): void {
  if (tree === null || endsBefore(tree.furthestEnd, key)) return;
  visitAround(tree.left, key, visit);
  if (compareBytes(tree.interval.start, key) > 0) return;
  if (!endsBefore(tree.interval.end, key)) visit(tree.value);
  visitAround(tree.right, key, visit);
}

/** The tree with this interval, which it does not have yet. */
export function withInterval<T>(tree: IntervalTree<T>, leaf: Leaf<T>): Branch<T> {
  if (tree === null) return join(leaf, null, null);
  return compareIntervals(leaf.interval, tree.interval) < 0
    ? balance(tree, withInterval(tree.left, leaf), tree.right)
    : balance(tree, tree.left, withInterval(tree.right, leaf));
}

/** The tree without this interval, if it has it. */
export function withoutInterval<T>(tree: IntervalTree<T>, interval: Interval): IntervalTree<T> {
  if (tree === null) return null;
  const order = compareIntervals(interval, tree.interval);
  if (order < 0) return balance(tree, withoutInterval(tree.left, interval), tree.right);
  if (order > 0) return balance(tree, tree.left, withoutInterval(tree.right, interval));
  if (tree.right === null) return tree.left;
  const next = firstOf(tree.right);
  return balance(next, tree.left, withoutInterval(tree.right, next.interval));
}

function firstOf<T>(branch: Branch<T>): Branch<T> {
  return branch.left === null ? branch : firstOf(branch.left);
}

/** `leaf` between two sides that are balanced, and differ in height by two at most. */
function balance<T>(leaf: Leaf<T>, left: IntervalTree<T>, right: IntervalTree<T>): Branch<T> {
  const lean = heightOf(left) - heightOf(right);
  if (lean > 1) return raiseLeft(leaf, left!, right);
  return lean < -1 ? raiseRight(leaf, left, right!) : join(leaf, left, right);
}

function raiseLeft<T>(leaf: Leaf<T>, left: Branch<T>, right: IntervalTree<T>): Branch<T> {
  const { left: outer, right: inner } = left;
  if (inner === null || heightOf(outer) >= inner.height) {
    return join(left, outer, join(leaf, inner, right));
  }
  return join(inner, join(left, outer, inner.left), join(leaf, inner.right, right));
}

function raiseRight<T>(leaf: Leaf<T>, left: IntervalTree<T>, right: Branch<T>): Branch<T> {
  const { left: inner, right: outer } = right;
  if (inner === null || heightOf(outer) >= inner.height) {
    return join(right, join(leaf, left, inner), outer);
  }
  return join(inner, join(leaf, left, inner.left), join(right, inner.right, outer));
}

function join<T>(
  { interval, value }: Leaf<T>,
  left: IntervalTree<T>,
  right: IntervalTree<T>,
): Branch<T> {
  const height = Math.max(heightOf(left), heightOf(right)) + 1;
  let furthestEnd = interval.end;
  if (left !== null) furthestEnd = laterEnd(furthestEnd, left.furthestEnd);
  if (right !== null) furthestEnd = laterEnd(furthestEnd, right.furthestEnd);
  return { interval, value, left, right, height, furthestEnd };
}

const heightOf = (tree: IntervalTree<unknown>): number => tree?.height ?? 0;

/** Whether an interval that ends at `end` has nothing at or behind `key`. */
const endsBefore = (end: Bytes | null, key: Bytes): boolean =>
  end !== null && compareBytes(end, key) <= 0;

const laterEnd = (a: Bytes | null, b: Bytes | null): Bytes | null =>
  compareEnds(a, b) < 0 ? b : a;

/** No end comes after every end. */
function compareEnds(a: Bytes | null, b: Bytes | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return compareBytes(a, b);
}

const compareIntervals = (a: Interval, b: Interval): number =>
  compareBytes(a.start, b.start) || compareEnds(a.end, b.end);
