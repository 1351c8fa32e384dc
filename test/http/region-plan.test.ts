// The way from the members there are to the regions there shall be, as a table; and as a property:
// whatever the beginning, the steps arrive, with few learners and enough voters all the way.

import { describe, expect, test } from "vitest";
import type { MemberStatus } from "../../src/base/membership.ts";
import { asMemberId } from "../../src/base/types.ts";
import { nextStep, type RegionStep } from "../../src/http/region-plan.ts";

/**
 * Members as text: `a` votes, `a2` is the second generation, `a+` is a learner, `a?` was never heard
 * of. Ids are the places in the list, from 1 on.
 */
const members = (text: string): MemberStatus[] =>
  text.split(" ").map((word, index) => ({
    id: asMemberId(BigInt(index + 1)),
    region: word[0]!,
    generation: Number(/[0-9]/.exec(word)?.[0] ?? 1),
    isLearner: word.includes("+"),
    isStarted: !word.includes("?"),
  }));

/** A step as text: `+d` adds, `promote d, remove c` changes. */
function shown(step: RegionStep, among: readonly MemberStatus[]): string {
  if (step.kind === "done") return "done";
  if (step.kind === "add") return `+${step.region}`;
  const named = (ids: readonly unknown[]): string =>
    ids.map((id) => among.find((member) => member.id === id)?.region).join(" ");
  const { promote, remove } = step.change;
  return [
    promote.length > 0 ? `promote ${named(promote)}` : "",
    remove.length > 0 ? `remove ${named(remove)}` : "",
  ]
    .filter((part) => part !== "")
    .join(", ");
}

describe("the next step", () => {
  test.for([
    ["nothing to do", "a b c", "c a b", "done"],
    ["growing: a learner first", "a b c", "a b c d e", "+d"],
    ["growing: it votes before the next one comes", "a b c d+", "a b c d e", "promote d"],
    ["growing: the next one", "a b c d", "a b c d e", "+e"],
    ["replacing: the new one first", "a b c", "a b d", "+d"],
    ["replacing: one votes and one leaves, at once", "a b c d+", "a b d", "promote d, remove c"],
    ["replacing two: one after the other", "a b c d+", "a d e", "promote d, remove b"],
    ["replacing all of them", "a b c d+", "d e f", "promote d, remove a"],
    ["replacing the only one", "a b+", "b", "promote b, remove a"],
    ["shrinking: in one change", "a b c d e", "a b c", "remove d e"],
    ["shrinking and replacing: in one change", "a b c d e f+", "a b f", "promote f, remove c d e"],
    [
      "growing and replacing: voters do not become fewer",
      "a b c d+",
      "d e f g h",
      "promote d, remove a",
    ],
    ["one that was never heard of leaves first", "a b c? d+", "a d e", "promote d, remove c"],
    ["a learner of another region gives way", "a b c x+", "a b d", "remove x"],
    [
      "and leaves with a change that is due anyway",
      "a b c d+ x+",
      "a b d",
      "promote d, remove x c",
    ],
    ["or at the end", "a b c x+", "a b c", "remove x"],
    ["a learner that was added before goes on", "a b c d+?", "a b c d", "promote d"],
    ["of two in one region the voter stays", "a b c c2+", "a b c", "remove c"],
    ["of two voters in one region the newer stays", "a b c c2", "a b c", "remove c"],
  ] as const)("%s: %s to %s", ([, from, wanted, expected]) => {
    const now = members(from);
    expect(shown(nextStep(now, wanted.split(" ")), now)).toBe(expected);
  });
});

/** What a cluster makes of a step: learners have always caught up. */
function take(step: RegionStep, now: readonly MemberStatus[]): MemberStatus[] {
  if (step.kind === "done") return [...now];
  if (step.kind === "add") {
    const id = asMemberId(
      now.reduce((max, member) => (member.id > max ? member.id : max), 0n) + 1n,
    );
    const added = { id, region: step.region, generation: 1, isLearner: true, isStarted: true };
    return [...now, added];
  }
  const { promote, remove } = step.change;
  return now
    .filter(({ id }) => !remove.includes(id))
    .map((member) => (promote.includes(member.id) ? { ...member, isLearner: false } : member));
}

test("from any three regions to any others: it arrives, with one learner and enough voters", () => {
  const regions = "a b c d e f".split(" ");
  for (let bits = 1; bits < 64; bits++) {
    const wanted = regions.filter((_, index) => (bits & (1 << index)) !== 0);
    let now = members("a b c");
    let steps = 0;
    for (let step = nextStep(now, wanted); step.kind !== "done"; step = nextStep(now, wanted)) {
      now = take(step, now);
      const voters = now.filter(({ isLearner }) => !isLearner).length;
      expect(now.length - voters).toBeLessThanOrEqual(1);
      expect(voters).toBeGreaterThanOrEqual(Math.min(3, wanted.length));
      expect(++steps).toBeLessThan(14);
    }
    expect(now.map(({ region }) => region).toSorted()).toEqual(wanted);
  }
});
