// Owns the versions of the code, as far as they matter to other replicas. For minutes after a deploy
// two versions form one cluster: the cluster's version is the lowest of its members', and entries
// mean what it says.
//
//   1  keys, leases, compaction
//   2  changes of the membership; the cluster version itself
//   3  users, roles and tokens; alarms; limits of the cluster
//   4  idempotency keys
//   5  replaced versions in the history, and so in snapshots
//
// Whoever adds a kind of entry, or changes what one means, adds a version.

/** What this code can do. A cluster at a higher version halts it. */
export const CODE_VERSION = 5;

/** A cluster begins at this version, which all code can join. */
export const CLUSTER_VERSION_MIN = 1;
