// Owns the bytes of a cluster's limits: in entries, in answers that are kept, in the row of `meta`.

import { present } from "./assert.ts";
import type { ClusterLimits } from "./cluster-limits.ts";
import type { Reader, Writer } from "./codec.ts";

/** Wire order: append only. */
const MODES = ["periodic", "revision"] as const;

export function writeLimits(writer: Writer, limits: ClusterLimits): Writer {
  const { quotaBytes, requestsPerSecond, watches, leases, autoCompaction } = limits;
  writer.uint(quotaBytes).uint(requestsPerSecond).uint(watches).uint(leases);
  writer.flag(autoCompaction !== null);
  if (autoCompaction === null) return writer;
  return writer.byte(MODES.indexOf(autoCompaction.mode)).uint(autoCompaction.retention);
}

/** @throws InvariantError for a mode of compaction that this code does not know. */
export function readLimits(reader: Reader): ClusterLimits {
  const rates = {
    quotaBytes: reader.uint(),
    requestsPerSecond: reader.uint(),
    watches: reader.uint(),
    leases: reader.uint(),
  };
  if (!reader.flag()) return { ...rates, autoCompaction: null };
  const mode = present(MODES[reader.byte()], "the mode of compaction is known to this code");
  return { ...rates, autoCompaction: { mode, retention: reader.uint() } };
}
