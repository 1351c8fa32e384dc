// Owns changing source text as it is loaded, with no file changed: planted bugs, and bounds made small
// enough to be met. Patches must be registered before what they change is first imported.

import { registerHooks } from "node:module";

/** One change of one file. `find` must stand in it exactly once. */
export interface Patch {
  /** Relative to the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/**
 * Bounds so small that a run of seconds meets them: appends of an entry or two, history read in bits,
 * sessions without credit, segments of a few rows.
 */
export const SMALL_LIMITS: readonly Patch[] = Object.entries({
  SEGMENT_BYTES: ["4_194_304", "600"],
  APPEND_BYTES_MAX: ["1_048_576", "3"],
  APPENDS_IN_FLIGHT_MAX: ["16", "4"],
  APPLY_BYTES_MAX: ["1_048_576", "100"],
  ANSWER_KEPT_BYTES_MAX: ["65_536", "300"],
  SESSION_CREDIT_BYTES: ["1_048_576", "300"],
  CATCH_UP_BYTES_MAX: ["262_144", "150"],
  DELIVERY_BYTES_MAX: ["262_144", "100"],
  COMPACTION_SLICE_ROWS: ["500", "3"],
  LEASES_PER_PAGE: ["128", "2"],
  SCAN_CHUNK_ROWS: ["256", "2"],
  SCAN_CHUNK_ROWS_FIRST: ["8", "1"],
}).map(([name, [large, small]]) => ({
  file: "src/base/limits.ts",
  find: `export const ${name} = ${large};`,
  replace: `export const ${name} = ${small};`,
}));

/** Has the sources changed from now on. */
export function registerPatches(patches: readonly Patch[]): void {
  const byUrl = Map.groupBy(patches, ({ file }) => new URL(`../../${file}`, import.meta.url).href);
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const own = byUrl.get(url);
      if (own === undefined) return loaded;
      return { ...loaded, source: patched(String(textOf(loaded.source)), own) };
    },
  });
}

const textOf = (source: unknown): string =>
  typeof source === "string" ? source : Buffer.from(source as Uint8Array).toString("utf8");

function patched(source: string, patches: readonly Patch[]): string {
  let text = source;
  for (const { file, find, replace } of patches) {
    const places = text.split(find).length - 1;
    if (places !== 1) throw new Error(`${file}: ${places} places, not one, for: ${find}`);
    text = text.replace(find, () => replace);
  }
  return text;
}
