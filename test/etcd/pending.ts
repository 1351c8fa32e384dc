// Owns the list of topics whose doors are still being built: their sequences are recorded, and replayed
// from the day their line goes. A topic that answers as etcd does must leave the list.

export const PENDING: readonly string[] = ["snapshot"];
