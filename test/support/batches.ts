// Owns taking a few batches of a watch of the SDK, and leaving it then.

import type { WatchBatch } from "../../src/client/watch.ts";

/** As many batches as asked for. */
export async function take(watch: AsyncIterable<WatchBatch>, count: number): Promise<WatchBatch[]> {
  const taken: WatchBatch[] = [];
  for await (const batch of watch) {
    taken.push(batch);
    if (taken.length === count) break;
  }
  return taken;
}
