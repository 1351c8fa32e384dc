// Owns what distance between the replicas costs: the latency of a lone put, and the throughput of many,
// under emulated round-trip times.

import { roundTripProfiles } from "../../../src/cli/round-trip-profiles.ts";
import { runLoad } from "../load.ts";
import { spreadOf, ratioOf, type Spread } from "../statistics.ts";
import { stepsOf } from "../steps.ts";
import { startEdgekeeper, type EdgekeeperSystem } from "../systems/edgekeeper.ts";
import { WORKLOADS } from "../workloads.ts";
import { leaderRegion } from "./counters.ts";
import { folderFor, type StudyContext } from "./study.ts";

export interface Distance {
  readonly profile: string;
  readonly leader: string;
  /** From the leader to the nearest region with which it is a majority. */
  readonly roundTripMs: number;
  readonly lonePutMs: Spread;
  readonly perSecond: Spread;
  /** Of the throughput without distance, round by round. */
  readonly ofUndelayed: Spread;
}

const PROFILES = ["none", "near", "world"] as const;
const REGIONS = ["wnam", "enam", "weur"] as const;
const IN_FLIGHT = 256;

interface Site {
  readonly profile: (typeof PROFILES)[number];
  readonly system: EdgekeeperSystem;
  readonly latencies: number[];
  readonly throughputs: number[];
}

export async function studyDistance(context: StudyContext): Promise<Distance[]> {
  const sites: Site[] = [];
  try {
    for (const profile of PROFILES) {
      const folder = folderFor(context, profile);
      const system = await startEdgekeeper({ folder, roundTrips: profile });
      sites.push({ profile, system, latencies: [], throughputs: [] });
    }
    for (let round = 0; round < (context.isQuick ? 1 : 3); round++) {
      for (const site of sites) await measure(site, context, round);
    }
    return await Promise.all(sites.map((site) => figuresOf(site, sites[0]!)));
  } finally {
    await Promise.all(sites.map(({ system }) => system.stop()));
  }
}

async function measure(site: Site, context: StudyContext, round: number): Promise<void> {
  const { system, latencies, throughputs } = site;
  const put = WORKLOADS.find(({ name }) => name === "put")!;
  const connection = await system.doors[0]!.open(IN_FLIGHT);
  const step = stepsOf(connection, put, round);
  const load = { step, warmUpMs: 1_000, pids: system.pids };
  const many = await runLoad({
    ...load,
    clients: IN_FLIGHT,
    measureMs: context.isQuick ? 1_000 : 4_000,
  });
  throughputs.push(many.perSecond);
  const lone = await runLoad({ ...load, clients: 1, measureMs: context.isQuick ? 1_000 : 6_000 });
  latencies.push(lone.p50Ms);
  await connection.close();
}

async function figuresOf(site: Site, undelayed: Site): Promise<Distance> {
  const { profile, system, latencies, throughputs } = site;
  const leader = await leaderRegion(system.url);
  return {
    profile,
    leader,
    roundTripMs: nearestMajority(profile, leader),
    lonePutMs: spreadOf(latencies),
    perSecond: spreadOf(throughputs),
    ofUndelayed: ratioOf(throughputs, undelayed.throughputs),
  };
}

/** Of three, one other is enough. */
function nearestMajority(profile: Site["profile"], leader: string): number {
  const pairs = roundTripProfiles[profile]!;
  const others = REGIONS.filter((region) => region !== leader);
  return Math.min(
    ...others.map((other) => pairs[`${leader}-${other}`] ?? pairs[`${other}-${leader}`] ?? 0),
  );
}
