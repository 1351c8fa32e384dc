// Owns a cluster's limits as JSON. What is misspelt is refused, not overlooked: a limit that is not
// there protects nobody.

import { z } from "zod";
import { DEFAULT_LIMITS, type ClusterLimits } from "../base/cluster-limits.ts";
import type { Result } from "../base/result.ts";
import { parseDuration, printDuration } from "./duration.ts";
import { parseBody } from "./plain-body.ts";

const count = (name: string, unit: string): z.ZodType<number> => {
  const wanted = `${name} is a number of ${unit}, from 0 on`;
  return z.int(wanted).min(0, wanted);
};

const RETENTION_SPAN = 'a periodic retention is a span of time such as "10m" or "1h", above 0';
const RETENTION_REVISIONS = "a retention by revisions is their number, above 0";

const FIELDS =
  "limits are quota_bytes, requests_per_second, watches, leases and auto_compaction; nothing else";
const COMPACTION =
  'auto_compaction is {"mode": "periodic" or "revision", "retention": ...}, or null';

const periodic = z.strictObject(
  {
    mode: z.literal("periodic"),
    retention: z
      .union([z.string(), z.number()], RETENTION_SPAN)
      .transform((value) => parseDuration(value) ?? 0)
      .refine((milliseconds) => milliseconds > 0, RETENTION_SPAN),
  },
  COMPACTION,
);
const byRevisions = z.strictObject(
  {
    mode: z.literal("revision"),
    retention: z.int(RETENTION_REVISIONS).min(1, RETENTION_REVISIONS),
  },
  COMPACTION,
);

/** Limits as a body has them. What is absent is as for a cluster that is new. */
export const limitsSchema: z.ZodType<ClusterLimits> = z
  .strictObject(
    {
      quota_bytes: count("quota_bytes", "bytes").default(DEFAULT_LIMITS.quotaBytes),
      requests_per_second: count("requests_per_second", "requests").default(
        DEFAULT_LIMITS.requestsPerSecond,
      ),
      watches: count("watches", "watches").default(DEFAULT_LIMITS.watches),
      leases: count("leases", "leases").default(DEFAULT_LIMITS.leases),
      auto_compaction: z
        .discriminatedUnion("mode", [periodic, byRevisions], COMPACTION)
        .nullable()
        .default(DEFAULT_LIMITS.autoCompaction),
    },
    FIELDS,
  )
  .transform((body) => ({
    quotaBytes: body.quota_bytes,
    requestsPerSecond: body.requests_per_second,
    watches: body.watches,
    leases: body.leases,
    autoCompaction: body.auto_compaction,
  }));

/** Reads a body of limits. Refused with a sentence for the person who sent it. */
export const parseLimits = (body: string): Result<ClusterLimits, string> =>
  parseBody(limitsSchema, body);

/** Limits as they are shown, and can be sent back. */
export const printLimits = (limits: ClusterLimits): object => ({
  quota_bytes: limits.quotaBytes,
  requests_per_second: limits.requestsPerSecond,
  watches: limits.watches,
  leases: limits.leases,
  auto_compaction: printCompaction(limits.autoCompaction),
});

function printCompaction(compaction: ClusterLimits["autoCompaction"]): object | null {
  if (compaction === null) return null;
  const { mode, retention } = compaction;
  return { mode, retention: mode === "periodic" ? printDuration(retention) : retention };
}
