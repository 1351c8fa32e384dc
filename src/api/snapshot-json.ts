// Owns the words around a snapshot: etcd's request and lines, and the parameters of a restoration.

import { RECOVERY_REVISIONS, RECOVERY_REVISIONS_MAX } from "../base/limits.ts";
import { JURISDICTIONS, type Jurisdiction } from "../base/membership.ts";
import { accept, refuse, type Result } from "../base/result.ts";
import type { ApiError } from "./error.ts";
import { decodeMessage, emptyMessage } from "./proto-json.ts";
import { parseRegions } from "./regions.ts";

/** What etcd calls the version of its storage: that of the API we speak. */
const STORAGE_VERSION = "3.7.0";

/** `POST /v3/maintenance/snapshot`: a message without fields. */
export const readSnapshot = (body: string): Result<unknown, ApiError> =>
  decodeMessage(emptyMessage, body);

/** One line of the stream; like etcd's, which fills no header. The last one has nothing left. */
export const snapshotLine = (blob: string, left: number): string =>
  `${JSON.stringify({
    result: {
      remaining_bytes: left === 0 ? undefined : String(left),
      blob,
      version: STORAGE_VERSION,
    },
  })}\n`;

export interface RestoreParameters {
  readonly bumpRevisions: number;
  /** At least one; the first replica lives in the first of them. */
  readonly regions: readonly string[];
  /** Decided with the cluster, for ever; null: none. The file does not say where it was made. */
  readonly jurisdiction: Jurisdiction | null;
}

/** The parameters of a URL. */
interface Query {
  get(name: string): string | null;
  keys(): Iterable<string>;
}

const NATURAL = /^[0-9]{1,13}$/;

/** Reads `bump_revisions`, `regions` and `jurisdiction`. Refused with a sentence for the person who sent them. */
export function parseRestore(
  query: Query,
  configured: readonly string[],
): Result<RestoreParameters, string> {
  const stranger = [...query.keys()].find((name) => !PARAMETERS.includes(name));
  if (stranger !== undefined) return refuse(`parameters are ${PARAMETERS.join(", ")} only`);
  const bump = query.get("bump_revisions") ?? String(RECOVERY_REVISIONS);
  if (!NATURAL.test(bump) || Number(bump) > RECOVERY_REVISIONS_MAX) {
    return refuse(`bump_revisions is a number from 0 to ${RECOVERY_REVISIONS_MAX}`);
  }
  const named = query.get("regions");
  const body = named === null ? "" : JSON.stringify({ regions: named.split(",") });
  const regions = parseRegions(body, configured);
  if (!regions.ok) return regions;
  const wanted = query.get("jurisdiction");
  const jurisdiction = JURISDICTIONS.find((one) => one === wanted) ?? null;
  if (jurisdiction !== wanted) return refuse(`jurisdiction is one of ${JURISDICTIONS.join(", ")}`);
  const bumpRevisions = Number(bump);
  return accept({ bumpRevisions, regions: regions.value ?? configured, jurisdiction });
}

const PARAMETERS = ["bump_revisions", "regions", "jurisdiction"];
