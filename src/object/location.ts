// Owns finding out where an object really runs. Regions are wishes: the platform may place an object
// elsewhere, and tells it nothing of that. Its own edge does, to whoever asks from there.

import type { Environment } from "./environment.ts";

const TRACE_URL = "https://cloudflare.com/cdn-cgi/trace";
const TRACE_MS_MAX = 2_000;

/** Of this isolate, which stays where it is; a failure is not kept. */
let found: string | null = null;

/** The code of the data center, such as "AMS"; null on a developer's machine, and when nobody says. */
export async function currentLocation(environment: Environment): Promise<string | null> {
  if (environment.EDGEKEEPER_DEVELOPMENT === "1") return null;
  try {
    found ??= await askForLocation();
  } catch {
    // It is for people's information only.
  }
  return found;
}

async function askForLocation(): Promise<string | null> {
  const response = await fetch(TRACE_URL, { signal: AbortSignal.timeout(TRACE_MS_MAX) });
  return /^colo=([A-Z]{3})$/m.exec(await response.text())?.[1] ?? null;
}
