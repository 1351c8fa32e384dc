// Owns how long systems take from nothing: from starting their programs until the first acknowledged put.

import { spreadOf, type Spread } from "../statistics.ts";
import { startBare } from "../systems/bare.ts";
import { startEdgekeeper } from "../systems/edgekeeper.ts";
import { startEtcd } from "../systems/etcd.ts";
import type { System } from "../systems/system.ts";
import { keyOf } from "../workloads.ts";
import { folderFor, withSystem, type StudyContext } from "./study.ts";

export interface StartUp {
  readonly system: string;
  readonly firstPutMs: Spread;
}

export async function studyStartUp(context: StudyContext): Promise<StartUp[]> {
  const { etcd } = context;
  const starts: (() => Promise<System>)[] = [
    () => startEdgekeeper({ folder: folderFor(context, "edgekeeper") }),
    () => startBare({ folder: folderFor(context, "bare") }),
    ...(etcd === null ? [] : [() => startEtcd(etcd, { folder: folderFor(context, "etcd") })]),
  ];
  const took = new Map<string, number[]>();
  for (let round = 0; round < (context.isQuick ? 1 : 5); round++) {
    for (const start of starts) {
      const from = performance.now();
      await withSystem(start(), async ({ name, doors }) => {
        const connection = await doors[0]!.open(1);
        await connection.put(keyOf(0), "first");
        took.set(name, [...(took.get(name) ?? []), performance.now() - from]);
        await connection.close();
      });
    }
  }
  return [...took].map(([system, all]) => ({ system, firstPutMs: spreadOf(all) }));
}
