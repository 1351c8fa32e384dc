// Owns what distance between the replicas costs: the latency of a lone put, and the throughput of many,
// under emulated round-trip times.

import { roundTripProfiles } from "../../../src/cli/round-trip-profiles.ts";
import type { Connection } from "../doors/door.ts";
import { runLoad } from "../load.ts";
import { spreadOf, ratioOf, type Spread } from "../statistics.ts";
import { stepsOf } from "../steps.ts";
import { startEdgekeeper, type EdgekeeperSystem } from "../systems/edgekeeper.ts";
import { keyOf, VALUE_BYTES, WORKLOADS } from "../workloads.ts";
import { leaderRegion } from "./counters.ts";
import { folderFor, type StudyContext } from "./study.ts";

/** Puts of one moment, and how that compares with the same without distance, round by round. */
export interface LoadAtDistance {
  readonly inFlight: number;
  readonly perSecond: Spread;
  readonly ofUndelayed: Spread;
  /** Of what so many in flight can be at most, when each takes a round trip and no more. */
  readonly ofBound: Spread;
}

export interface Distance {
  readonly profile: string;
  readonly leader: string;
  /** From the leader to the nearest region with which it is a majority, as the profile has it. */
  readonly roundTripMs: number;
  /**
   * The same as it was: what a get that a majority confirms took longer than one that nobody does. So it
   * is a call of that region, with an answer, that writes nothing.
   */
  readonly emptyCallMs: Spread;
  readonly lonePutMs: Spread;
  readonly loads: readonly LoadAtDistance[];
}

const PROFILES = ["none", "near", "world"] as const;
const REGIONS = ["wnam", "enam", "weur"] as const;
/** The second fills the pipe: more than a second's puts without distance, times a round trip. */
const IN_FLIGHT = [256, 2_048];
/** Sessions that share them: one takes no more than 1,024. */
const SESSIONS = 4;
const PUT = WORKLOADS.find(({ name }) => name === "put")!;

interface Site {
  readonly profile: (typeof PROFILES)[number];
  readonly system: EdgekeeperSystem;
  readonly puts: number[];
  readonly calls: number[];
  /** By the number in flight. */
  readonly throughputs: ReadonlyMap<number, number[]>;
}

export async function studyDistance(context: StudyContext): Promise<Distance[]> {
  const sites: Site[] = [];
  try {
    for (const profile of PROFILES) {
      const folder = folderFor(context, profile);
      const system = await startEdgekeeper({ folder, roundTrips: profile });
      const throughputs = new Map(IN_FLIGHT.map((count): [number, number[]] => [count, []]));
      sites.push({ profile, system, puts: [], calls: [], throughputs });
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
  const { system, throughputs } = site;
  const [door] = system.doors;
  const connections = await Promise.all(
    Array.from({ length: SESSIONS }, () => door!.open(IN_FLIGHT.at(-1)!)),
  );
  const [first] = connections;
  const load = { warmUpMs: 1_000, pids: system.pids };
  for (const [position, clients] of IN_FLIGHT.entries()) {
    // As many as one session takes share one, as the requests of one program do.
    const used = clients <= 1_024 ? [first!] : connections;
    const steps = used.map((one, n) => stepsOf(one, PUT, (round * 2 + position) * SESSIONS + n));
    const step = (client: number): Promise<unknown> => steps[client % steps.length]!(client);
    const measureMs = context.isQuick ? 1_000 : 4_000;
    const { perSecond } = await runLoad({ ...load, step, clients, measureMs });
    throughputs.get(clients)!.push(perSecond);
  }
  await measureLone(site, first!, context);
  await Promise.all(connections.map((connection) => connection.close()));
}

async function measureLone(
  { system, puts, calls }: Site,
  connection: Connection,
  context: StudyContext,
): Promise<void> {
  const key = keyOf(0);
  const value = "v".repeat(VALUE_BYTES);
  let number = 0;
  const p50Of = async (step: () => Promise<unknown>): Promise<number> => {
    const load = { step, clients: 1, warmUpMs: 1_000, pids: system.pids };
    return (await runLoad({ ...load, measureMs: context.isQuick ? 1_000 : 4_000 })).p50Ms;
  };
  await connection.put(key, value);
  // Each a new key, and none of those that went before.
  puts.push(await p50Of(() => connection.put(`l${performance.now()}/${number++}`, value)));
  const confirmed = await p50Of(() => connection.get(key));
  calls.push(confirmed - (await p50Of(() => connection.getSerializable(key))));
}

async function figuresOf(site: Site, undelayed: Site): Promise<Distance> {
  const { profile, system, puts, calls, throughputs } = site;
  const leader = await leaderRegion(system.url);
  const roundTripMs = nearestMajority(profile, leader);
  const loads = [...throughputs].map(([inFlight, perSecond]): LoadAtDistance => ({
    inFlight,
    perSecond: spreadOf(perSecond),
    ofUndelayed: ratioOf(perSecond, undelayed.throughputs.get(inFlight)!),
    ofBound: spreadOf(perSecond.map((found) => found / ((inFlight / roundTripMs) * 1_000))),
  }));
  const [emptyCallMs, lonePutMs] = [spreadOf(calls), spreadOf(puts)];
  return { profile, leader, roundTripMs, emptyCallMs, lonePutMs, loads };
}

/** Of three, one other is enough. */
function nearestMajority(profile: Site["profile"], leader: string): number {
  const pairs = roundTripProfiles[profile]!;
  const others = REGIONS.filter((region) => region !== leader);
  return Math.min(
    ...others.map((other) => pairs[`${leader}-${other}`] ?? pairs[`${other}-${leader}`] ?? 0),
  );
}
