// When followers are told of a commit without an append.

import { test } from "vitest";
import { asLogIndex, asMilliseconds } from "../../src/base/types.ts";
import { CommitFlush } from "../../src/replica/commit-flush.ts";

/** When it is due after commits at these times, one entry each. */
function dueAfter(times: readonly number[], isLeader = true): number | null {
  const flush = new CommitFlush(asLogIndex(7));
  for (const [position, at] of times.entries()) {
    flush.follow(asLogIndex(8 + position), isLeader, asMilliseconds(at));
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

test("a follower tells nobody, and what is known is not told", ({ expect }) => {
  expect(dueAfter([100], false)).toBeNull();
  const flush = new CommitFlush(asLogIndex(7));
  flush.follow(asLogIndex(7), true, asMilliseconds(100));
  expect(flush.due).toBeNull();
});

test("it is told once", ({ expect }) => {
  const flush = new CommitFlush(asLogIndex(7));
  flush.follow(asLogIndex(8), true, asMilliseconds(100));
  const taken = [104, 105, 106].map((at) => flush.take(asMilliseconds(at)));
  expect(taken).toEqual([false, true, false]);
});
