// Owns the order in which everything is typed into etcdctl to compare two servers: both begin empty, so
// revisions are the same.

import type { Invocation } from "./invocation.ts";
import { KEYS } from "./script/keys.ts";
import { MAINTENANCE } from "./script/maintenance.ts";
import { LEASES, LOCKS, MIRRORS } from "./script/recipes.ts";
import { USERS } from "./script/users.ts";

export const SCRIPT: readonly Invocation[] = [
  ...KEYS,
  ...LEASES,
  ...LOCKS,
  ...MIRRORS,
  ...MAINTENANCE,
  ...USERS,
];
