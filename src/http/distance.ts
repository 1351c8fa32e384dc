// Owns the order in which regions are asked: the nearest first, as far as the continent of the
// client tells. A wrong guess costs latency, never correctness.

/** Regions (the platform's location hints) by continent, the nearest first. */
const NEAREST: Readonly<Record<string, readonly string[]>> = {
  NA: ["enam", "wnam", "weur", "sam", "apac", "eeur"],
  SA: ["sam", "enam", "wnam", "weur"],
  EU: ["weur", "eeur", "enam", "me", "wnam", "apac"],
  AF: ["afr", "weur", "eeur", "me", "enam", "apac"],
  AS: ["apac", "apac-ne", "apac-se", "me", "oc", "wnam", "eeur", "weur"],
  OC: ["oc", "apac-se", "apac", "apac-ne", "wnam", "enam"],
};

/**
 * `places` with the nearest to `continent` (ISO code, as `request.cf` has it) first. Regions that
 * the table does not name keep their order, behind those that it names.
 */
export function byDistance<Place extends { readonly region: string }>(
  places: readonly Place[],
  continent: string | null,
): Place[] {
  const nearest = (continent === null ? undefined : NEAREST[continent]) ?? [];
  const rank = ({ region }: Place): number => {
    const index = nearest.indexOf(region);
    return index < 0 ? nearest.length : index;
  };
  return places.toSorted((a, b) => rank(a) - rank(b));
}
