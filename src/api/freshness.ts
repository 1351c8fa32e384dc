// Owns how a read says how old its answer may be: two fields of our own besides etcd's.

import { accept, refuse, type Result } from "../base/result.ts";
import { asRevision } from "../base/types.ts";
import { malformed, type ApiError } from "./error.ts";
import type { Freshness } from "./replica.ts";

/** The fields as they were sent: `min_revision`, and `max_staleness` in milliseconds. */
export interface FreshnessFields {
  readonly minRevision: number | null;
  readonly maxStaleness: number | null;
}

/**
 * Null when nothing was asked for. A `min_revision` of 0 asks for nothing; a `max_staleness` of 0
 * does: that the answer be of now.
 */
export function freshnessOf(fields: FreshnessFields): Result<Freshness | null, ApiError> {
  const { minRevision, maxStaleness } = fields;
  if ((minRevision ?? 0) < 0) return refuse(malformed("edgekeeper: min_revision is negative"));
  if ((maxStaleness ?? 0) < 0) return refuse(malformed("edgekeeper: max_staleness is negative"));
  const isAsked = (minRevision ?? 0) > 0;
  if (!isAsked && maxStaleness === null) return accept(null);
  return accept({
    minRevision: isAsked ? asRevision(minRevision!) : null,
    maxStalenessMs: maxStaleness,
  });
}

/** A transaction that may write goes to the leader; how fresh its reads are is no question. */
export const FRESHNESS_OF_WRITE: ApiError = malformed(
  "edgekeeper: min_revision and max_staleness are for reads, and the transaction may write",
);
