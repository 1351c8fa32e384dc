// Owns waiting for a cluster that was born a moment ago: its members have to tell what code they run before
// they can agree on what users and limits mean.

import type { Platform } from "./platform.ts";
import type { Served } from "./router.ts";

const AGREEMENT_MS = 5_000;
const ASK_AGAIN_MS = 100;

/** Asks again while a cluster cannot take the request yet, but not for ever. */
export async function onceAgreed(
  { clock, sleep }: Pick<Platform, "clock" | "sleep">,
  ask: () => Promise<Served>,
): Promise<Served> {
  const deadline = clock() + AGREEMENT_MS;
  for (;;) {
    const served = await ask();
    const isTooSoon = served.kind === "refused" && served.refusal === "changeUnderWay";
    if (!isTooSoon || clock() >= deadline) return served;
    await sleep(ASK_AGAIN_MS);
  }
}
