// Owns how long a request waits for Genesis, which is on nobody's path and may be away.

import type { Platform } from "./platform.ts";

/** Genesis may be far away, and creating a cluster calls its replicas. */
const GENESIS_MS = 3_000;

/** @throws Error when `work` takes too long, or beyond the request's deadline. */
export async function genesisInTime<T>(
  { clock, sleep, deadline }: Pick<Platform, "clock" | "sleep"> & { readonly deadline: number },
  work: Promise<T>,
): Promise<T> {
  const timer = new AbortController();
  const over = sleep(Math.min(GENESIS_MS, deadline - clock()), timer.signal).then((): never => {
    throw new Error("genesis does not answer; asking again is safe");
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    over.catch(() => undefined);
    timer.abort();
  }
}
