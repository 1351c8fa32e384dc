// Owns whether many keys make a store slow: the same load at a thousand keys, and at a million.

import { Random } from "../../../src/raft/random.ts";
import { fill } from "../filling.ts";
import { runLoad } from "../load.ts";
import { ratioOf, spreadOf, type Spread } from "../statistics.ts";
import { valueOf } from "../steps.ts";
import { startEdgekeeper, type EdgekeeperSystem } from "../systems/edgekeeper.ts";
import { keyOf } from "../workloads.ts";
import { folderFor, type StudyContext } from "./study.ts";

export interface KeyCount {
  readonly keys: number;
  readonly puts: Spread;
  readonly gets: Spread;
  /** Of the throughput with the fewest keys. */
  readonly putsOfFewest: Spread;
  readonly getsOfFewest: Spread;
}

interface Store {
  readonly keys: number;
  readonly system: EdgekeeperSystem;
  readonly puts: number[];
  readonly gets: number[];
}

const IN_FLIGHT = 256;

export async function studyKeyCounts(context: StudyContext): Promise<KeyCount[]> {
  const stores: Store[] = [];
  try {
    // All are there at once, so that rounds take turns.
    for (const keys of context.isQuick ? [1_000, 10_000] : [1_000, 100_000, 1_000_000]) {
      const system = await startEdgekeeper({ folder: folderFor(context, `keys-${keys}`) });
      stores.push({ keys, system, puts: [], gets: [] });
      await fill(system.url, 0, keys);
      await system.compact?.();
    }
    for (let round = 0; round < (context.isQuick ? 1 : 5); round++) {
      for (const store of stores) await measure(store, context);
    }
    return stores.map((store) => figuresOf(store, stores[0]!));
  } finally {
    await Promise.all(stores.map(({ system }) => system.stop()));
  }
}

async function measure({ keys, system, puts, gets }: Store, context: StudyContext): Promise<void> {
  const connection = await system.doors[0]!.open(IN_FLIGHT);
  const random = new Random(1);
  const value = valueOf(random);
  const key = (): string => keyOf(random.between(0, keys));
  const load = { clients: IN_FLIGHT, warmUpMs: 1_000, pids: system.pids };
  const measureMs = context.isQuick ? 1_000 : 4_000;
  const put = await runLoad({ ...load, measureMs, step: () => connection.put(key(), value) });
  const get = await runLoad({ ...load, measureMs, step: () => connection.get(key()) });
  puts.push(put.perSecond);
  gets.push(get.perSecond);
  await connection.close();
  await system.compact?.();
}

const figuresOf = ({ keys, puts, gets }: Store, fewest: Store): KeyCount => ({
  keys,
  puts: spreadOf(puts),
  gets: spreadOf(gets),
  putsOfFewest: ratioOf(puts, fewest.puts),
  getsOfFewest: ratioOf(gets, fewest.gets),
});
