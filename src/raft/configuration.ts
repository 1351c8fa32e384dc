// Owns changes of who takes part (Raft §6, thesis chapter 4): which change may follow which
// configuration, and reading one from the head of its entry. An entry takes effect when it is
// applied, as in etcd/raft. What else a change says, where a member lives for instance, is the
// state machine's and follows the head.
//
//   voters a b c  --one voter more or less-->  a b c d                       (simple)
//   voters a b c  --any other change-->        a d e, outgoing a b c  -->  a d e   (joint)

import { assert } from "../base/assert.ts";
import { Reader } from "../base/codec.ts";
import { ENTRY_CONFIGURATION } from "../base/entry-kinds.ts";
import { readConfiguration } from "../base/membership-codec.ts";
import type { MemberId } from "../base/types.ts";
import type { Configuration, Entry } from "./types.ts";

/** The configuration that leads to `voters` and `learners`: by one step, or jointly. */
export function nextConfiguration(
  from: Configuration,
  to: Pick<Configuration, "voters" | "learners">,
): Configuration {
  const outgoing = differences(from.voters, to.voters) > 1 ? from.voters : [];
  return { ...to, outgoing };
}

/** The configuration that ends a joint one. */
export const leaveJoint = (joint: Configuration): Configuration => ({ ...joint, outgoing: [] });

/**
 * Asserts that decisions before and after a change intersect: one voter at a time, or a joint
 * configuration with the old voters, or the end of one (thesis §4.1, §4.3).
 */
export function assertFollows(from: Configuration, to: Configuration): void {
  assert(to.voters.length > 0, "a configuration has voters");
  const all = [...to.voters, ...to.learners];
  assert(new Set(all).size === all.length, "a member is listed once");
  if (from.outgoing.length > 0) {
    const stays = to.outgoing.length === 0 && differences(from.voters, to.voters) === 0;
    assert(stays, "a joint configuration is left before the next change");
  } else if (to.outgoing.length > 0) {
    assert(differences(from.voters, to.outgoing) === 0, "a joint change goes out from the voters");
  } else {
    assert(differences(from.voters, to.voters) <= 1, "a simple change concerns one voter");
  }
}

/** The configuration that an entry brings; null from one of another kind. */
export const configurationOf = (entry: Pick<Entry, "kind" | "data">): Configuration | null =>
  entry.kind === ENTRY_CONFIGURATION ? readConfiguration(new Reader(entry.data)) : null;

function differences(a: readonly MemberId[], b: readonly MemberId[]): number {
  const left = a.filter((id) => !b.includes(id)).length;
  return left + b.filter((id) => !a.includes(id)).length;
}
