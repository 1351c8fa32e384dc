// Owns the way from the members that a cluster has to the regions that it shall live in, as the next
// step alone: whoever repeats "list the members, take the next step" arrives, wherever it began and
// however often it was interrupted. It knows nothing of time, and calls nobody.
//
//   in wnam, enam, weur; wanted wnam, enam, apac      in a, b, c; wanted a, b, c, d, e
//     add apac as a learner                             add d, promote it
//     promote apac and remove weur, at once             add e, promote it
//
// One change puts the new voter in the old one's place: there are three voters before it, three
// after it, and in between (Raft thesis §4.3) a majority of both is needed.

import type { MemberChange, MemberStatus } from "../base/membership.ts";

export type RegionStep =
  | { readonly kind: "done" }
  /** A replica is to be added in `region`, as a learner: it costs no vote while it catches up. */
  | { readonly kind: "add"; readonly region: string }
  /** Promotions are refused until the learner has caught up: then the step is to be repeated. */
  | { readonly kind: "change"; readonly change: MemberChange };

/**
 * What brings `members` nearer to one voter in each of the regions `wanted` (at least one, no two
 * alike) and none elsewhere. There is one learner at a time at most; voters never become fewer than
 * there are or shall be, whichever is less.
 */
export function nextStep(members: readonly MemberStatus[], wanted: readonly string[]): RegionStep {
  const kept = wanted.flatMap((region) => choiceOf(region, members) ?? []);
  const missing = wanted.filter((region) => !kept.some((member) => member.region === region));
  const surplus = byDispensability(members.filter((member) => !kept.includes(member)));
  const learner = kept.find(({ isLearner }) => isLearner);
  const surplusLearners = surplus.filter(({ isLearner }) => isLearner);
  if (learner !== undefined) {
    const voters = members.filter(({ isLearner }) => !isLearner).length;
    const dispensable = voters + 1 - Math.min(voters, wanted.length);
    const leaving = surplus.filter(({ isLearner }) => !isLearner).slice(0, dispensable);
    return change([learner], [...surplusLearners, ...leaving]);
  }
  const [region] = missing;
  // A learner that is not wanted takes the place of the next one.
  if (region !== undefined && surplusLearners.length > 0) return change([], surplusLearners);
  if (region !== undefined) return { kind: "add", region };
  return surplus.length > 0 ? change([], surplus) : { kind: "done" };
}

/** The member that stays in a region that has several: one that votes, else the newest. */
function choiceOf(region: string, members: readonly MemberStatus[]): MemberStatus | undefined {
  const [choice] = members
    .filter((member) => member.region === region)
    .toSorted((a, b) => Number(a.isLearner) - Number(b.isLearner) || b.generation - a.generation);
  return choice;
}

/** Those that were never heard of first: they are of no use to anybody. */
const byDispensability = (members: readonly MemberStatus[]): MemberStatus[] =>
  members.toSorted((a, b) => Number(a.isStarted) - Number(b.isStarted));

const change = (
  promoted: readonly MemberStatus[],
  removed: readonly MemberStatus[],
): RegionStep => ({
  kind: "change",
  change: { promote: promoted.map(({ id }) => id), remove: removed.map(({ id }) => id) },
});
