// Owns the list of all planted bugs.

import type { Mutant } from "./mutant.ts";
import { KEYED_MUTANTS } from "./keyed-mutants.ts";
import { LEADER_MUTANTS } from "./leader-mutants.ts";
import { MEMBER_MUTANTS } from "./member-mutants.ts";
import { RAFT_MUTANTS } from "./raft-mutants.ts";
import { RULE_MUTANTS } from "./rule-mutants.ts";
import { STORE_MUTANTS } from "./store-mutants.ts";

export const MUTANTS: readonly Mutant[] = [
  ...RAFT_MUTANTS,
  ...LEADER_MUTANTS,
  ...MEMBER_MUTANTS,
  ...STORE_MUTANTS,
  ...RULE_MUTANTS,
  ...KEYED_MUTANTS,
];
