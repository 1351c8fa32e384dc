// Owns `npm run bench`: what is run, in which order, and what is written of it.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { arch, release, type } from "node:os";
import { resolve } from "node:path";
import { COMPATIBILITY_DATE } from "../../src/cli/dev-server.ts";
import { findEtcd } from "../etcd/etcd-server.ts";
import { compareSystems } from "./comparison.ts";
import { withTable } from "./costs/cost-table.ts";
import { machine } from "./load.ts";
import { BENCH_USAGE, parseBenchOptions, type BenchOptions } from "./options.ts";
import { spread } from "./report/tables.ts";
import { writeReport } from "./report/write.ts";
import type { About, Results } from "./results.ts";
import { studyBatches } from "./studies/batches.ts";
import { studyDistance } from "./studies/distance.ts";
import { studyFanOut } from "./studies/fan-out.ts";
import { studyFloors } from "./studies/floors.ts";
import { IdleCluster } from "./studies/idle.ts";
import { studyKeyCounts } from "./studies/key-counts.ts";
import { studyMemory } from "./studies/memory.ts";
import { studyOperationCosts } from "./studies/operation-costs.ts";
import { countReferences } from "./studies/reference-workloads.ts";
import { studyStartUp } from "./studies/start-up.ts";
import { folderFor, type StudyContext } from "./studies/study.ts";
import { startBare } from "./systems/bare.ts";
import { startEdgekeeper } from "./systems/edgekeeper.ts";
import { startEtcd } from "./systems/etcd.ts";
import type { System } from "./systems/system.ts";
import { judge } from "./targets.ts";

const DOCS = "docs";
const README = "README.md";
/** Where a run that is not for the record leaves what it found. */
const ASIDE = ".cache/benchmarks";
/** Sleepers without watches look after their leader every fifteen minutes. */
const IDLE_SECONDS = 600;
const IDLE_SECONDS_QUICK = 20;
const QUICK_CLIENTS = [64, 256];

const tell = (line: string): void => console.log(line);
const begun = performance.now();
const minutes = (): string => `${((performance.now() - begun) / 60_000).toFixed(1)} minutes`;

type Study = (context: StudyContext) => Promise<Partial<Results>>;

/** By the names of the command line, in the order in which they are run. */
const STUDIES: Readonly<Record<string, Study>> = {
  floors: async (context) => ({ floors: await studyFloors(context) }),
  costs: async (context) => ({
    costs: await studyOperationCosts(context),
    batches: await studyBatches(context),
  }),
  watch: async (context) => ({ fanOut: await studyFanOut(context) }),
  rtt: async (context) => ({ distance: await studyDistance(context) }),
  keys: async (context) => ({ keys: await studyKeyCounts(context) }),
  memory: async (context) => ({ memory: await studyMemory(context) }),
  start: async (context) => ({ start: await studyStartUp(context) }),
  references: async (context) => ({ references: await countReferences(context) }),
};

async function main(): Promise<void> {
  const options = parseBenchOptions(process.argv.slice(2));
  if (options === null) return tell(BENCH_USAGE);
  const folder = resolve(options.folder);
  mkdirSync(folder, { recursive: true });
  try {
    const results = await run({ ...options, folder });
    const isForTheRecord = !options.isQuick && options.only === null && options.clients === null;
    const place = isForTheRecord ? DOCS : ASIDE;
    writeReport(results, place);
    if (isForTheRecord && results.references !== undefined) {
      const page = withTable(readFileSync(README, "utf8"), results.references);
      writeFileSync(README, page);
    }
    for (const { target, found, isReached } of judge(results)) {
      tell(`${isReached ? "reached" : "MISSED "}  ${target}: ${spread(found)}`);
    }
    tell(`\nWritten: ${place}/benchmarks.md, after ${minutes()}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(options: BenchOptions): Promise<Results> {
  const { pace, only, clients, isQuick, folder } = options;
  const etcd = findEtcd();
  tell(etcd === null ? "No etcd was found (ETCD, PATH): it is left out." : `etcd ${etcd.version}`);
  const context: StudyContext = { isQuick, folder, etcd: etcd?.program ?? null, tell };
  const isWanted = (name: string): boolean => only === null || only.includes(name);
  // It is left alone while all else runs.
  const idleSeconds = isQuick ? IDLE_SECONDS_QUICK : IDLE_SECONDS;
  const idle = isWanted("idle") ? await IdleCluster.start(context, idleSeconds) : null;
  const startAll = (): Promise<System[]> => startSystems(context);
  const wanted = clients ?? (isQuick ? QUICK_CLIENTS : null);
  const comparison = { pace, startAll, only, clients: wanted, isShared: isQuick, tell };
  const series = await compareSystems(comparison);
  let results: Results = { about: aboutThis(options, etcd?.version ?? null), series };
  for (const [name, study] of Object.entries(STUDIES)) {
    if (!isWanted(name)) continue;
    tell(`Study: ${name}, after ${minutes()}`);
    results = { ...results, ...(await attempt(name, () => study(context))) };
  }
  if (idle === null) return results;
  return { ...results, ...(await attempt("idle", async () => ({ idle: await idle.found() }))) };
}

/** A study that fails is missing from the page, and said so; the others are not lost with it. */
async function attempt(
  name: string,
  study: () => Promise<Partial<Results>>,
): Promise<Partial<Results>> {
  try {
    return await study();
  } catch (error) {
    console.error(`Study ${name} FAILED, and is left out:`, error);
    process.exitCode = 1;
    return {};
  }
}

async function startSystems(context: StudyContext): Promise<System[]> {
  const systems: System[] = [await startEdgekeeper({ folder: folderFor(context, "edgekeeper") })];
  if (context.etcd !== null) {
    systems.push(await startEtcd(context.etcd, { folder: folderFor(context, "etcd") }));
  }
  return [...systems, await startBare({ folder: folderFor(context, "bare") })];
}

function aboutThis({ pace, isQuick }: BenchOptions, etcd: string | null): About {
  const versionOf = (name: string): string => {
    const manifest = readFileSync(`node_modules/${name}/package.json`, "utf8");
    return (JSON.parse(manifest) as { readonly version: string }).version;
  };
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    platform: `${type()} ${release()} ${arch()}`,
    versions: {
      Node: process.version,
      workerd: versionOf("workerd"),
      Miniflare: versionOf("miniflare"),
      "compatibility date": COMPATIBILITY_DATE,
      etcd: etcd ?? "none",
    },
    rounds: pace.rounds,
    secondsEach: pace.measureMs / 1_000,
    isQuick,
  };
}

// What was started ends with this process, which a signal would otherwise not let it know.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
await main();
// Sockets that are being closed would hold it for seconds.
process.exit();
