// Owns how far the cluster's version may be lowered: not below what the state needs to be heeded.

import { MUTATION_KEYS_MAX } from "../base/limits.ts";
import type { Store } from "../mvcc/store.ts";
import { KEYED_SINCE, REPLACED_SINCE } from "./command.ts";

/**
 * The lowest version that a cluster of this version may be set to, as far as writes go. Older code would
 * apply one that is remembered by its key again. And what it does not look for in the history moves to
 * where it does, all in one turn: so only so much may be there.
 */
export function versionFloor(state: {
  readonly clusterVersion: number;
  readonly hasKeys: boolean;
  readonly store: Store;
}): number {
  const { revision, compacted } = state.store;
  const isLong = revision - Math.max(compacted, 0) > MUTATION_KEYS_MAX;
  const replaced = isLong && state.clusterVersion >= REPLACED_SINCE ? REPLACED_SINCE : 0;
  return Math.max(replaced, state.hasKeys ? KEYED_SINCE : 0);
}
