// When followers are told of a commit without an append.

import { test } from "vitest";
import { asLogIndex, asMilliseconds } from "../../src/base/types.ts";
import { CommitFlush } from "../../src/replica/commit-flush.ts";

/** When it is due after commits at these times, one entry each. */
function dueAfter(times: readonly number[], isWanted = true): number | null {
  const flush = new CommitFlush(asLogIndex(7));
  for (const [position, at] of times.entries()) {
    flush.follow(asLogIndex(8 + position), isWanted, asMilliseconds(at));
  }
  return flush.due;
}

test.for([
  { name: "a lone commit", times: [100], due: 105 },
  { name: "another long after", times: [100, 121], due: 126 },
  { name: "one of many", times: [100, 104, 110], due: 130 },
])("$name is told at $due unless an append tells it", ({ times, due }, { expect }) => {
  expect(dueAfter(times)).toBe(due);
});

test("what nobody waits for is not told, and no more once an append has told it", ({ expect }) => {
  expect(dueAfter([100], false)).toBeNull();
  const flush = new CommitFlush(asLogIndex(7));
  flush.follow(asLogIndex(8), true, asMilliseconds(100));
  flush.follow(asLogIndex(8), false, asMilliseconds(101));
  expect(flush.due).toBeNull();
});

test("whoever comes after a commit is told at once", ({ expect }) => {
  const flush = new CommitFlush(asLogIndex(7));
  flush.follow(asLogIndex(8), false, asMilliseconds(100));
  flush.follow(asLogIndex(8), true, asMilliseconds(140));
  expect(flush.due).toBe(140);
  flush.follow(asLogIndex(8), true, asMilliseconds(142));
  expect(flush.due).toBe(140);
});

test("it is told once", ({ expect }) => {
  const flush = new CommitFlush(asLogIndex(7));
  flush.follow(asLogIndex(8), true, asMilliseconds(100));
  const taken = [104, 105, 106].map((at) => flush.take(asMilliseconds(at)));
  expect(taken).toEqual([false, true, false]);
});
