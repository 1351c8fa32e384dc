// Owns what is done to the cluster while clients read, write and watch: what operators do, and what
// goes wrong. Each act begins and ends with a cluster that is whole; what clients saw of it in between
// goes into the figures.

import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../src/raft/random.ts";
import { isAnswered, type Operation } from "../support/history.ts";
import {
  clusterCost,
  clusterStatus,
  type CostReport,
  lab,
  leaderRegion,
  liveIn,
  transferLeadership,
} from "../support/nemesis.ts";
import type { Watcher } from "../support/watcher.ts";
import type { Workload } from "../support/workload.ts";
import type { Figures } from "./figures.ts";

/** What an act has at hand. */
export interface Stage {
  readonly url: string;
  readonly random: Random;
  readonly workload: Workload;
  readonly watchers: readonly Watcher[];
  readonly figures: Figures;
  /** One for each time that all was quiet. */
  readonly nights: Night[];
  /** `kill -9` of the whole server, and a start on the same data. */
  readonly killAndRestart: () => Promise<void>;
}

/** What a cluster without work has cost, and how it woke. */
export interface Night {
  /** A second and a half after the last work, 8 s later, and after the first put on the next day. */
  readonly evening: readonly CostReport[];
  readonly midnight: readonly CostReport[];
  readonly morning: readonly CostReport[];
  /** Terms of the replicas, before and after. */
  readonly terms: readonly number[];
  /** Connections that the watchers had opened before, and after they saw the first put. */
  readonly connections: readonly [before: number, after: number];
}

export type Act = (stage: Stage) => Promise<void>;

/** Regions that a cluster may live in here: more than it has at any time. */
const REGIONS = ["wnam", "enam", "weur", "eeur", "apac", "oc", "me"];
/** Before it sleeps: the second after which all is quiet, and what a loaded machine adds. */
const QUIET_MS = 1_500;
const IDLE_MS = 8_000;
/** The platform takes an object out of memory 10 s after its last event, which was our question. */
const EVICTION_MS = 12_500;
const WATCHED_MS_MAX = 5_000;

/** The leader's object is reset, or it is cut off from everybody. */
const strike =
  (fault: "abort" | "isolate"): Act =>
  async ({ url, random, workload, figures }) => {
    const region = await leaderRegion(url);
    const askedAt = performance.now();
    await lab(url, region, fault);
    figures.note(`service back after ${fault}`, await timeToService(workload, askedAt));
    await sleep(random.between(300, 1_000));
    if (fault === "isolate") await lab(url, region, "heal");
  };

/** Every object is reset at once, as when code is deployed. */
const deploy: Act = async ({ url, workload, figures }) => {
  const regions = await regionsOf(url);
  const askedAt = performance.now();
  await Promise.all(regions.map((region) => lab(url, region, "abort")));
  figures.note("service back after deploy", await timeToService(workload, askedAt));
};

/**
 * From three regions to five, or to three again, by one request. The way back leaves most of the five
 * in one step: two that stay and one that is new are the next cluster.
 */
const resize: Act = async (stage) => {
  const regions = await regionsOf(stage.url);
  const isSmall = regions.length < 5;
  const wanted = isSmall
    ? [...regions, ...pick(stage.random, without(regions), 2)]
    : [...pick(stage.random, regions, 2), ...pick(stage.random, without(regions), 1)];
  await planned(stage, isSmall ? "growth" : "shrinking", () => liveIn(stage.url, wanted));
};

/** One region is exchanged for another. */
const move =
  (which: "follower" | "leader"): Act =>
  async (stage) => {
    const { url, random } = stage;
    const regions = await regionsOf(url);
    const leader = await leaderRegion(url);
    const [region] =
      which === "leader" ? [leader] : pick(random, without([...without(regions), leader]), 1);
    const [other] = pick(random, without(regions), 1);
    const wanted = regions.map((one) => (one === region ? other! : one));
    await planned(stage, `move of the ${which}`, () => liveIn(url, wanted));
  };

const transfer: Act = async (stage) => {
  const { url, random } = stage;
  const leader = await leaderRegion(url);
  const others = (await regionsOf(url)).filter((region) => region !== leader);
  const [heir] = pick(random, others, 1);
  await planned(stage, "transfer", () => transferLeadership(url, heir!));
};

const kill: Act = async ({ url, workload, figures, killAndRestart }) => {
  const before = await regionsOf(url);
  const askedAt = performance.now();
  await killAndRestart();
  figures.note("service back after kill", await timeToService(workload, askedAt));
  const after = await regionsOf(url);
  if (after.join() !== before.join())
    throw new Error(`${before.join()} came back as ${after.join()}`);
};

/** All work ends until the objects are out of memory; then there is one put. */
const night: Act = async ({ url, workload, watchers, nights, figures }) => {
  const connections = (): number => watchers.reduce((sum, one) => sum + one.connections, 0);
  for (const watcher of watchers) watcher.isPatient = true;
  await workload.pause();
  const last = await workload.probe();
  await caughtUp(watchers, last);
  await sleep(QUIET_MS);
  const evening = await clusterCost(url);
  const before = { terms: await termsOf(url), connections: connections() };
  await sleep(IDLE_MS);
  const midnight = await clusterCost(url);
  await sleep(EVICTION_MS);
  const first = await workload.probe();
  figures.note("first put after hibernation", first.return - first.call);
  await caughtUp(watchers, first);
  nights.push({
    evening,
    midnight,
    morning: await clusterCost(url),
    terms: [...before.terms, ...(await termsOf(url))],
    connections: [before.connections, connections()],
  });
  for (const watcher of watchers) watcher.isPatient = false;
  workload.resume();
};

export const ACTS = {
  abort: strike("abort"),
  isolate: strike("isolate"),
  deploy,
  resize,
  moveFollower: move("follower"),
  moveLeader: move("leader"),
  transfer,
  kill,
  night,
} satisfies Record<string, Act>;

export type ActName = keyof typeof ACTS;

/** Something planned: how long it took, and the longest time without an acknowledged write. */
async function planned(
  { workload, figures }: Stage,
  name: string,
  work: () => Promise<void>,
): Promise<void> {
  const from = performance.now();
  figures.note("longest gap between writes, undisturbed", longestGap(workload.history, from - 500));
  await work();
  figures.note(`${name} done`, performance.now() - from);
  // A gap may begin with the last step of it.
  await sleep(500);
  figures.note(`longest gap between writes, ${name}`, longestGap(workload.history, from));
  figures.note(`slowest answer, ${name}`, slowestAnswer(workload.history, from));
}

/** How long the unluckiest client waited for an answer that came since `from`, in milliseconds. */
function slowestAnswer(history: readonly Operation[], from: number): number {
  const answered = history.filter(isAnswered).filter((operation) => operation.return >= from);
  return Math.max(...answered.map(({ call, return: at }) => at - call));
}

/** The longest time between acknowledgements of writes since `from`, in milliseconds. */
function longestGap(history: readonly Operation[], from: number): number {
  const times = history
    .filter(isAnswered)
    .filter(({ outcome, return: at }) => outcome.wrote && at >= from)
    .map((operation) => operation.return);
  const moments = [from, ...times.toSorted((a, b) => a - b), performance.now()];
  return Math.max(...moments.slice(1).map((moment, i) => moment - moments[i]!));
}

/**
 * How long clients were without service: from the moment the fault was asked for until the first
 * write was acknowledged that had been asked for after the fault was there. Writes are sent
 * steadily and independently, so that one that hangs does not hide that the next is served.
 */
async function timeToService(workload: Workload, faultAskedAt: number): Promise<number> {
  const acknowledged: Operation[] = [];
  for (let probes = 0; acknowledged.length === 0 && probes < 200; probes++) {
    void workload.probe().then((probe) => {
      if (probe.outcome.kind === "ok") acknowledged.push(probe);
    });
    await sleep(probes < 80 ? 25 : 100);
  }
  return (acknowledged[0]?.return ?? Infinity) - faultAskedAt;
}

async function caughtUp(watchers: readonly Watcher[], { outcome }: Operation): Promise<void> {
  if (outcome.kind !== "ok") throw new Error("a put without a fault was not acknowledged");
  const { revision } = outcome;
  await Promise.all(watchers.map((watcher) => watcher.reach(revision, WATCHED_MS_MAX)));
}

async function regionsOf(url: string): Promise<string[]> {
  return (await clusterStatus(url)).map(({ region }) => region);
}

async function termsOf(url: string): Promise<number[]> {
  return (await clusterStatus(url)).map(({ term }) => term);
}

const without = (regions: readonly string[]): string[] =>
  REGIONS.filter((region) => !regions.includes(region));

/** `count` of them, in any order. */
function pick(random: Random, regions: readonly string[], count: number): string[] {
  const left = [...regions];
  return Array.from({ length: count }, () => left.splice(random.between(0, left.length), 1)[0]!);
}
