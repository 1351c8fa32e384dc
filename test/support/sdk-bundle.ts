// Owns building what the package exports as `edgekeeper/client`, for tests that use it as it is shipped.

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

/**
 * Builds it into a folder of its own, which is returned: `client.js`, and `types` if wanted. They find
 * what they name of other packages, so the folder is within this one.
 */
export async function buildSdk({ types = false } = {}): Promise<string> {
  const cache = join(ROOT, ".cache");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "client-"));
  const options = types ? [] : ["--no-types"];
  await run(process.execPath, ["scripts/build-client.mjs", folder, ...options], { cwd: ROOT });
  return folder;
}
