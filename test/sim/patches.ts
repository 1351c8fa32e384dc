// Owns changing source text as it is loaded, with no file changed: planted bugs, and bounds made small
// enough to be met. Patches must be registered before what they change is first imported.

import { registerHooks } from "node:module";
import { SMALL_BOUNDS } from "./small-bounds.ts";

/** One change of one file. `find` must stand in it exactly once. */
export interface Patch {
  /** Relative to the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** The bounds of `small-bounds.ts` in place of the real ones. */
export const SMALL_LIMITS: readonly Patch[] = Object.entries(SMALL_BOUNDS).map(([name, bound]) => ({
  file: "src/base/limits.ts",
  find: `export const ${name} = `,
  replace: `export const ${name} = ${bound}; //`,
}));

/** Has the sources changed from now on. */
export function registerPatches(patches: readonly Patch[]): void {
  const byUrl = Map.groupBy(patches, ({ file }) => new URL(`../../${file}`, import.meta.url).href);
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const own = byUrl.get(url);
      if (own === undefined) return loaded;
      return { ...loaded, source: patched(textOf(loaded.source), own) };
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
