// Owns the word for applied state that has no versions: what a snapshot copies whole, in the turn in
// which it is pinned. Which there is of it stands in one list, `replica/applied-state.ts`.

import type { SqlPort } from "./ports.ts";
import type { Bytes } from "./types.ts";

/** One piece of unversioned applied state, equal on all replicas at the same applied index. */
export interface Unversioned {
  /** Unique, and part of what replicas exchange: never renamed. */
  readonly name: string;
  /** The cluster version that it came with; absent: it was there from the beginning. */
  readonly since?: number;
  /**
   * What the database holds of it. Small enough for memory: leases are the largest. An item that came
   * with a later version of the code is null while it is as at birth, and is not sent then: it leaves
   * that state in a cluster of that version only, whose members all know it.
   */
  readonly copy: (sql: SqlPort) => Bytes | null;
  /**
   * Puts what `copy` returned in place of whatever is there; null is the state at birth.
   *
   * @throws CodecError when damaged.
   * @throws InvariantError when it is missing though it is always sent.
   */
  readonly restore: (sql: SqlPort, body: Bytes | null) => void;
}
