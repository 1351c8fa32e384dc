// Owns building what the package ships of the command line: `dist/cli`, because Node strips no types
// below node_modules. The Worker that `edgekeeper dev` runs is built too, so that whoever installs the
// package needs no bundler. `node scripts/build-cli.mjs [folder]`, the folder being `dist/cli`.

import { cpSync, rmSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const out = at(process.argv[2] ?? "dist/cli");

rmSync(out, { recursive: true, force: true });
await build({
  entryPoints: [at("src/cli/main.ts"), at("src/cli/watchdog.ts")],
  outdir: out,
  bundle: true,
  // Each command is a chunk of its own, loaded when it runs; libraries are the package's dependencies.
  splitting: true,
  packages: "external",
  platform: "node",
  format: "esm",
  target: "node22",
  chunkNames: "[name]-[hash]",
  logLevel: "warning",
});
await build({
  entryPoints: [at("src/worker.ts")],
  outfile: `${out}/worker.mjs`,
  bundle: true,
  format: "esm",
  target: "es2024",
  external: ["cloudflare:*"],
  conditions: ["workerd", "worker", "browser"],
  loader: { ".sql": "text" },
  logLevel: "warning",
});
cpSync(at("src/bridge/proto"), `${out}/proto`, { recursive: true });
