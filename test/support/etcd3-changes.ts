// Owns following what a watcher of npm's etcd3 is told.

import { once } from "node:events";
import type { IKeyValue, Watcher } from "etcd3";

export interface Changes {
  /** Values as they come, deletions as null. */
  readonly seen: readonly (string | null)[];
  /** Resolves once so many have come. */
  readonly reach: (count: number) => Promise<void>;
}

export function changesOf(watcher: Watcher): Changes {
  const seen: (string | null)[] = [];
  watcher.on("put", (kv: IKeyValue) => seen.push(kv.value.toString()));
  watcher.on("delete", () => seen.push(null));
  const reach = async (count: number): Promise<void> => {
    while (seen.length < count) await once(watcher, "data");
  };
  return { seen, reach };
}
