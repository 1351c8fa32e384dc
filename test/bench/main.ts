// Owns `npm run bench`: what is run, in which order, and what is written of it.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { findEtcd } from "../etcd/etcd-server.ts";
import { compareSystems } from "./comparison.ts";
import { BENCH_USAGE, parseBenchOptions, type BenchOptions } from "./options.ts";
import { startBare } from "./systems/bare.ts";
import { startEdgekeeper } from "./systems/edgekeeper.ts";
import { startEtcd } from "./systems/etcd.ts";
import type { System } from "./systems/system.ts";

const tell = (line: string): void => console.log(line);

async function main(): Promise<void> {
  const options = parseBenchOptions(process.argv.slice(2));
  if (options === null) return tell(BENCH_USAGE);
  const folder = resolve(options.folder);
  mkdirSync(folder, { recursive: true });
  try {
    await run({ ...options, folder });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(options: BenchOptions): Promise<void> {
  const etcd = findEtcd();
  tell(etcd === null ? "No etcd was found (ETCD, PATH): its columns are left out." : etcd.version);
  const folderFor = (name: string): string => mkdtempSync(join(options.folder, `${name}-`));
  const startAll = async (): Promise<System[]> => {
    const systems: System[] = [await startEdgekeeper({ folder: folderFor("edgekeeper") })];
    if (etcd !== null) systems.push(await startEtcd(etcd.program, { folder: folderFor("etcd") }));
    systems.push(await startBare({ folder: folderFor("bare") }));
    return systems;
  };
  const { pace, only, clients } = options;
  await compareSystems({ pace, startAll, only, clients, tell });
}

// What was started ends with this process, which a signal would otherwise not let it know.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
await main();
