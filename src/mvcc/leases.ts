// Owns what the store asks of the lessor. Which keys hang on a lease is the store's own knowledge:
// it stands in the `lease` column of the live keys.

import type { LeaseId } from "../base/types.ts";

export interface LeasePort {
  /** Whether the lease was granted and neither revoked nor expired, as of the entry applied. */
  has(id: LeaseId): boolean;
}
