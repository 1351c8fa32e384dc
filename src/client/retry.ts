// Owns asking again what may be asked again: reads, and what is known by its key.

import { isPassing } from "./error.ts";
import type { ClientPlatform } from "./platform.ts";

const PAUSE_MS = 250;

/**
 * The answer, asked for until there is one, or a refusal that will stay, or `signal` aborts.
 *
 * @throws EdgekeeperError; the reason of the signal.
 */
export async function insist<T>(
  { sleep }: Pick<ClientPlatform, "sleep">,
  signal: AbortSignal,
  ask: () => Promise<T>,
): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await ask();
    } catch (error) {
      if (!isPassing(error)) throw error;
      await sleep(PAUSE_MS, signal);
    }
  }
}
