// Owns the regions that a cluster may live in, and the body that names them.

import { z } from "zod";
import { accept, type Result } from "../base/result.ts";
import { parseBody } from "./plain-body.ts";

/** The platform's location hints; for those where it hosts no objects it takes a neighbour. */
export const LOCATION_HINTS: readonly string[] =
  "wnam enam sam weur eeur apac apac-ne apac-se oc afr me".split(" ");

/** Members of a cluster: as in etcd, more only slow each write down. */
const REGIONS_MAX = 7;

/** Whether replicas can live there. `configured` may name regions besides the platform's own. */
export const isRegion = (name: string, configured: readonly string[]): boolean =>
  LOCATION_HINTS.includes(name) || configured.includes(name);

/** One to seven different ones that exist, or a sentence for the person who sent something else. */
export function regionsSchema(configured: readonly string[]): z.ZodType<readonly string[]> {
  const known = new Set([...configured, ...LOCATION_HINTS]);
  const wanted = `regions are 1 to ${REGIONS_MAX} different ones of ${[...known].join(", ")}`;
  return z
    .array(
      z.string(wanted).refine((region) => known.has(region), wanted),
      wanted,
    )
    .min(1, wanted)
    .max(REGIONS_MAX, wanted)
    .refine((regions) => new Set(regions).size === regions.length, wanted);
}

/** The body's schema. */
export const regionsBody = (configured: readonly string[]) =>
  z.object({ regions: regionsSchema(configured).optional() }, 'the body is {"regions": [...]}');

/** Reads `{"regions": [...]}`; null for an empty body, or one without regions. */
export function parseRegions(
  body: string,
  configured: readonly string[],
): Result<readonly string[] | null, string> {
  if (body.trim() === "") return accept(null);
  const parsed = parseBody(regionsBody(configured), body);
  return parsed.ok ? accept(parsed.value.regions ?? null) : parsed;
}
