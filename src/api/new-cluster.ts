// Owns the body that a cluster is created with.

import { z } from "zod";
import type { ClusterLimits } from "../base/cluster-limits.ts";
import { JURISDICTIONS, type Jurisdiction } from "../base/membership.ts";
import { accept, type Result } from "../base/result.ts";
import { limitsSchema } from "./cluster-limits.ts";
import { parseBody } from "./plain-body.ts";
import { regionsSchema } from "./regions.ts";

export interface NewCluster {
  /** Null: those that are configured. */
  readonly regions: readonly string[] | null;
  /** Absent: of no matter, and null for a cluster that is new. */
  readonly jurisdiction?: Jurisdiction | null;
  /** Absent: those of a new cluster, or of one that exists its own. */
  readonly limits?: ClusterLimits;
}

const FIELDS = "the body may have regions, jurisdiction and limits; nothing else";

/** The body's schema. */
export const newClusterBody = (configured: readonly string[]) =>
  z.strictObject(
    {
      regions: regionsSchema(configured).nullable().default(null),
      jurisdiction: z
        .enum(JURISDICTIONS, `jurisdiction is one of ${JURISDICTIONS.join(", ")}, or null`)
        .nullable()
        .exactOptional(),
      limits: limitsSchema.exactOptional(),
    },
    FIELDS,
  );

/**
 * Reads `{"regions": [...], "jurisdiction": "eu", "limits": {...}}`, each of which may be absent, as
 * may the body. Refused with a sentence for the person who sent it: a field that is misspelt is not
 * overlooked, for a jurisdiction cannot be added later.
 */
export function parseNewCluster(
  body: string,
  configured: readonly string[],
): Result<NewCluster, string> {
  if (body.trim() === "") return accept({ regions: null });
  return parseBody(newClusterBody(configured), body);
}
