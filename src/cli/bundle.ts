// Owns turning the Worker's sources into the one module that Miniflare runs.

import { build } from "esbuild";

/** The Worker as one ES module. Takes well under a second. */
export async function bundleWorker(entry: string): Promise<string> {
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
