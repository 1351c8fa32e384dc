// Owns what was aimed at, and whether a run has reached it. Every target is a ratio within one run, or a
// count: nothing depends on how fast the machine is.

import type { Series } from "./comparison.ts";
import type { Results } from "./results.ts";
import { ratioOf, spreadOf, type Spread } from "./statistics.ts";
import { floorMs } from "./studies/floors.ts";

export interface Verdict {
  readonly target: string;
  readonly found: Spread;
  readonly isReached: boolean;
}

type Figure = "perSecond" | "p99Ms";

interface Comparison {
  readonly target: string;
  readonly workload: string;
  readonly clients: number;
  readonly figure: Figure;
  readonly of: readonly [system: string, door: string];
  readonly to: readonly [system: string, door: string];
  /** At least so many times as much; for latencies at most. */
  readonly bound: number;
}

const SESSION = ["Edgekeeper", "session"] as const;
const PLAIN = ["Edgekeeper", "plain HTTP"] as const;
const GATEWAY = ["etcd", "JSON gateway"] as const;
const GRPC = ["etcd", "gRPC"] as const;
const BARE = ["bare object", "plain HTTP"] as const;

const more = (
  target: string,
  [workload, clients]: readonly [string, number],
  [of, to, bound]: readonly [Comparison["of"], Comparison["to"], number],
): Comparison => ({ target, workload, clients, figure: "perSecond", of, to, bound });

const COMPARISONS: readonly Comparison[] = [
  more("session put >= 3x etcd's JSON gateway, 256 in flight", ["put", 256], [SESSION, GATEWAY, 3]),
  more("session put >= 1x etcd's gRPC, 256 in flight", ["put", 256], [SESSION, GRPC, 1]),
  more("session get >= 3x etcd's JSON gateway, 256 in flight", ["get", 256], [SESSION, GATEWAY, 3]),
  more("plain put >= 1x etcd's JSON gateway, 64 clients", ["put", 64], [PLAIN, GATEWAY, 1]),
  more("plain get >= 1x etcd's JSON gateway, 64 clients", ["get", 64], [PLAIN, GATEWAY, 1]),
  {
    ...more("plain put: p99 <= etcd's JSON gateway's", ["put", 64], [PLAIN, GATEWAY, 1]),
    figure: "p99Ms",
  },
  {
    ...more("plain get: p99 <= etcd's JSON gateway's", ["get", 64], [PLAIN, GATEWAY, 1]),
    figure: "p99Ms",
  },
  more("plain put >= 1x the bare object, 64 clients", ["put", 64], [PLAIN, BARE, 1]),
  more("plain put >= 1x the bare object, 256 clients", ["put", 256], [PLAIN, BARE, 1]),
  more("session put >= 1x the bare object, 64 in flight", ["put", 64], [SESSION, BARE, 1]),
  more("session put >= 1x the bare object, 256 in flight", ["put", 256], [SESSION, BARE, 1]),
];

/** The same of puts that overwrite, which cost a row more: a target of puts is one of both kinds. */
const overwriting = (comparison: Comparison): Comparison => ({
  ...comparison,
  workload: "overwrite",
  target: `overwriting: ${comparison.target}`,
});

export const judge = (results: Results): Verdict[] => [
  ...COMPARISONS.flatMap((comparison) => compare(comparison, results.series)),
  ...COMPARISONS.filter(({ workload }) => workload === "put").flatMap((comparison) =>
    compare(overwriting(comparison), results.series),
  ),
  ...distances(results),
  ...costs(results),
  ...others(results),
];

function compare(comparison: Comparison, series: readonly Series[]): Verdict[] {
  const { target, workload, clients, figure, of, to, bound } = comparison;
  const figures = ([system, door]: readonly [string, string]): number[] | undefined =>
    series
      .find(
        (one) =>
          one.workload === workload &&
          one.clients === clients &&
          one.system === system &&
          one.door === door,
      )
      ?.samples.map((sample) => sample[figure]);
  const [mine, theirs] = [figures(of), figures(to)];
  if (mine === undefined || theirs === undefined) return [];
  const found = ratioOf(mine, theirs);
  return [figure === "perSecond" ? atLeast(target, found, bound) : atMost(target, found, bound)];
}

function distances({ distance = [], floors }: Results): Verdict[] {
  return distance
    .filter(({ roundTripMs }) => roundTripMs > 0)
    .flatMap(({ profile, roundTripMs, emptyCallMs, lonePutMs, loads }) => {
      const verdicts = loads.map(({ inFlight, ofUndelayed }) => {
        const kept = `${profile}: throughput >= 0.8x that without distance, ${inFlight} in flight`;
        return atLeast(kept, ofUndelayed, 0.8);
      });
      const [few] = loads;
      const bound = `${profile}: throughput >= 0.9x of ${few!.inFlight} in flight by the round trip`;
      verdicts.push(atLeast(bound, few!.ofBound, 0.9));
      if (floors === undefined) return verdicts;
      const paths = [
        ["the profile's round trip", roundTripMs],
        ["an empty call over the same link", emptyCallMs.median],
      ] as const;
      const latencies = paths.map(([what, ms]) => {
        const target = `${profile}: lone put p50 <= 1.05x ${what} and local commits`;
        return atMost(target, scaled(lonePutMs, 1 / (ms + localPathMs(floors))), 1.05);
      });
      return [...verdicts, ...latencies];
    });
}

/**
 * What a lone put takes where it is not waiting for the network, made of floors: the way to an object and
 * one commit there, the call of a follower, and two commits more: the follower's, and that of applying.
 */
function localPathMs(floors: NonNullable<Results["floors"]>): number {
  const call = floorMs(floors, "an empty call of a Durable Object");
  const put = floorMs(floors, "one commit of a Durable Object");
  return put + call + 2 * Math.max(0, put - call);
}

const COST_BOUNDS: readonly (readonly [string, number, "rows" | "calls", number])[] = [
  ["put that creates", 1, "rows", 3],
  ["put that overwrites", 1, "rows", 4],
  ["put that creates", 64, "rows", 1.1],
  ["put that overwrites", 64, "rows", 2.1],
  ["put that overwrites", 1, "calls", 2],
];

function costs({ costs: found = [] }: Results): Verdict[] {
  return COST_BOUNDS.flatMap(([what, atOnce, unit, bound]) => {
    const cost = found.find((one) => one.what === what && one.atOnce === atOnce);
    if (cost === undefined) return [];
    const each = unit === "rows" ? "rows on a replica" : "calls to a follower";
    const target = `${what}, ${atOnce} at once: at most ${bound} ${each}`;
    return [atMost(target, spreadOf([cost[unit]]), bound)];
  });
}

function others({ fanOut = [], keys = [], memory, idle, batches }: Results): Verdict[] {
  const verdicts: Verdict[] = [];
  const [mine, bare] = ["Edgekeeper, session", "bare object"].map((name) =>
    fanOut.find(({ system }) => system === name),
  );
  if (mine !== undefined && bare !== undefined) {
    const found = ratioOf(mine.lasts, bare.lasts);
    verdicts.push(
      atMost(`an event to ${mine.sockets} sockets in < 3x the bare object's time`, found, 3),
    );
  }
  if (batches !== undefined) {
    const calls = spreadOf([batches.callsPerBatch]);
    const load = `${batches.inFlight} puts in flight`;
    verdicts.push(atMost(`${load}: at most 1.1 calls to a follower for each batch`, calls, 1.1));
  }
  const most = keys.at(-1);
  if (most !== undefined) {
    const few = `of that at ${keys[0]!.keys}`;
    for (const kind of ["puts", "gets"] as const) {
      const here = `${kind} at ${most.keys} keys`;
      verdicts.push(atLeast(`${here} >= 0.8x ${few}`, most.store[kind].ofFewest, 0.8));
      const share = `${here} ${few}: >= 0.8x the bare object's share`;
      verdicts.push(atLeast(share, most.ofBare[kind], 0.8));
    }
  }
  if (memory !== undefined) {
    const mebibytes = spreadOf([memory.list.residentBytesAbove / 2 ** 20]);
    verdicts.push(
      atMost(`a list of ${memory.list.keys} keys streams within 64 MiB`, mebibytes, 64),
    );
  }
  if (idle !== undefined) {
    const changes = spreadOf([idle.filesChanged.length]);
    verdicts.push(atMost(`idle for ${Math.round(idle.seconds)} s: files written to`, changes, 0));
  }
  return verdicts;
}

const atLeast = (target: string, found: Spread, bound: number): Verdict => ({
  target,
  found,
  isReached: found.median >= bound,
});

const atMost = (target: string, found: Spread, bound: number): Verdict => ({
  target,
  found,
  isReached: found.median <= bound,
});

const scaled = ({ median, lower, upper }: Spread, by: number): Spread => ({
  median: median * by,
  lower: lower * by,
  upper: upper * by,
});
