// Owns opening a page in a real browser, where there is one: Chromium as it is installed, with a
// profile of its own and nothing that talks to the outside.

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Page } from "playwright-core";

const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Null where none is installed. */
export const chromiumPath: string | null = PATHS.find((path) => existsSync(path)) ?? null;

export interface Browser {
  readonly page: Page;
  close(): Promise<void>;
}

export async function openBrowser(executablePath: string): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), "edgekeeper-chromium-"));
  const options = { executablePath, headless: true, args: FLAGS };
  const context = await chromium.launchPersistentContext(profile, options);
  return {
    page: context.pages()[0] ?? (await context.newPage()),
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
