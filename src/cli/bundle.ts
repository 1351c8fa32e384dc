// Owns the Worker as the one module that Miniflare runs: built from its sources, or as the package has
// it.

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const SOURCES = fileURLToPath(new URL("../worker.ts", import.meta.url));
/** Beside this file, where `scripts/build-cli.mjs` puts both. */
const BUILT = fileURLToPath(new URL("worker.mjs", import.meta.url));

/** The Worker as one ES module. */
export const bundledWorker = (): Promise<string> =>
  existsSync(SOURCES) ? bundleWorker(SOURCES) : readFile(BUILT, "utf8");

/** The Worker whose sources begin at `entry`, built as ours is. It takes well under a second. */
export async function bundleWorker(entry: string): Promise<string> {
  const { build } = await import("esbuild");
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    external: ["cloudflare:*"],
    conditions: ["workerd", "worker", "browser"],
    // As `rules` in wrangler.toml: migrations travel as text.
    loader: { ".sql": "text" },
    sourcemap: "inline",
    logLevel: "silent",
  });
  return result.outputFiles[0]!.text;
}
