// Owns the regions that a cluster may live in, and the body that names them.

import { z } from "zod";
import { accept, refuse, type Result } from "../base/result.ts";
import { parseJson } from "./plain-body.ts";

/** The platform's location hints; for those where it hosts no objects it takes a neighbour. */
export const LOCATION_HINTS: readonly string[] =
  "wnam enam sam weur eeur apac apac-ne apac-se oc afr me".split(" ");

/** Members of a cluster: as in etcd, more only slow each write down. */
const REGIONS_MAX = 7;

/** Whether replicas can live there. `configured` may name regions besides the platform's own. */
export const isRegion = (name: string, configured: readonly string[]): boolean =>
  LOCATION_HINTS.includes(name) || configured.includes(name);

const knownRegions = (configured: readonly string[]): ReadonlySet<string> =>
  new Set([...configured, ...LOCATION_HINTS]);

/** The body's schema. */
export function regionsBody(configured: readonly string[]) {
  const known = knownRegions(configured);
  return z.object({
    regions: z
      .array(z.string().refine((region) => known.has(region)))
      .min(1)
      .max(REGIONS_MAX)
      .refine((regions) => new Set(regions).size === regions.length)
      .optional(),
  });
}

/**
 * Reads `{"regions": [...]}`: one to seven different ones that exist; null for an empty body, or one
 * without regions. Refused with a sentence for the person who sent it.
 */
export function parseRegions(
  body: string,
  configured: readonly string[],
): Result<readonly string[] | null, string> {
  if (body.trim() === "") return accept(null);
  const json = parseJson(body);
  if (!json.ok) return json;
  const parsed = regionsBody(configured).safeParse(json.value);
  return parsed.success
    ? accept(parsed.data.regions ?? null)
    : refuse(
        `regions are 1 to ${REGIONS_MAX} different ones of ${[...knownRegions(configured)].join(", ")}`,
      );
}
