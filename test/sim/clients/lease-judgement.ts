// Owns the judgement of leases: a key went with its lease, not before the last promise was over, and
// what had ended never lived again.

import type { Ledger } from "../ledger.ts";
import { must } from "../world.ts";
import type { LeaseRecord } from "./lease-client.ts";

/** Rounding of clocks to whole milliseconds, on both sides. */
const ROUNDING_MS = 3;

/** `leadMs` is how far clocks may have gone ahead of time in this run. */
export function judgeLeases(options: {
  readonly records: readonly LeaseRecord[];
  readonly ledger: Ledger;
  readonly leadMs: number;
}): void {
  const { records, ledger, leadMs } = options;
  const ends = endsOfKeys(ledger);
  for (const { key, attachedAt } of records) {
    must(attachedAt === null || ends.has(key), `${key} outlives its lease`);
  }
  for (const { key, ttlMs, promises, revokeAsked, attachedAt } of records) {
    const end = ends.get(key);
    if (end === undefined) continue;
    for (const began of promises) {
      must(
        began <= end.at,
        () => `lease of ${key}: ended at ${end.at} (revision ${end.revision}), alive at ${began}`,
      );
      if (revokeAsked) continue;
      const lived = end.at - began;
      must(
        lived >= ttlMs - leadMs - ROUNDING_MS,
        () => `lease of ${key}: promised ${ttlMs} ms at ${began}, ended at ${end.at}`,
      );
    }
    must(attachedAt === null || end.revision > attachedAt, `${key} is put after its lease ended`);
  }
}

/** When and where each lease's key was deleted. */
function endsOfKeys(ledger: Ledger): Map<string, { at: number; revision: number }> {
  const ends = new Map<string, { at: number; revision: number }>();
  for (let revision = 2; revision <= ledger.revision; revision++) {
    const change = ledger.at(revision);
    for (const event of change?.events ?? []) {
      if (event.kind !== "delete" || !event.key.startsWith("l")) continue;
      must(!ends.has(event.key), `${event.key} is deleted twice`);
      ends.set(event.key, { at: change!.at, revision });
    }
  }
  return ends;
}
