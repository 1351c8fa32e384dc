// Owns the statements that must hold of a node's state, and of every step from one state to the
// next. They stay on in production: a replica that breaks one stops before it can mislead others.

import { assert } from "../base/assert.ts";
import type { LogIndex, MemberId, Term } from "../base/types.ts";

/** What the statements are about, taken before and after each input. */
export interface Vitals {
  readonly leads: boolean;
  readonly term: Term;
  readonly vote: MemberId | null;
  readonly commit: LogIndex;
  readonly lastIndex: LogIndex;
}

/** Asserts what must hold after every input, whatever it was (Raft figures 2 and 3). */
export function assertTransition(before: Vitals, after: Vitals): void {
  assert(after.term >= before.term, "the term never falls");
  assert(after.commit >= before.commit, "the commit index never falls");
  assert(after.commit <= after.lastIndex, "what is committed is held");
  if (after.term !== before.term) return;
  assert(before.vote === null || after.vote === before.vote, "one vote in a term (Raft §5.2)");
  const ledAllAlong = before.leads && after.leads;
  assert(!ledAllAlong || after.lastIndex >= before.lastIndex, "a leader only appends (Raft §5.3)");
}

/** Asserts that a truncation from `from` on leaves everything committed in place (Raft §5.4). */
export function assertKeepsCommitted(commit: LogIndex, from: LogIndex): void {
  assert(from > commit, `entry ${from} is not overwritten, since ${commit} is committed`);
}

/** Asserts that a term has one leader (Raft §5.2): `known` is null until one was heard from. */
export function assertOneLeader(known: MemberId | null, from: MemberId, term: Term): void {
  assert(known === null || known === from, `term ${term} has one leader`);
}
