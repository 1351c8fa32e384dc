// Owns the page that tells what a run has found, and beside every figure what it is not.

import type { Sample } from "../load.ts";
import type { Series } from "../comparison.ts";
import type { Results } from "../results.ts";
import { ratioOf, spreadOf } from "../statistics.ts";
import { judge } from "../targets.ts";
import { WORKLOADS } from "../workloads.ts";
import { figure, mebibytes, spread, table } from "./tables.ts";
import { costTable } from "../costs/cost-table.ts";

const NOT = `**What these figures are not.** All three replicas, the router and the runtime share one thread,
one isolate and one disk here, while etcd's three members have a process each and use all cores; in a deployment each
replica has a machine, a disk and a region of its own. So figures are ratios within one run on one machine: they say
what the code costs, not how fast a region is. One client process, on the same machine, puts all the load on; where it
takes a whole core, the client is what was measured.`;

const HOW = `Every door of every system has its turn in each round, in rotating order; figures are medians of the rounds, with
their quartiles. Systems begin with empty stores for each workload, on the same disk, and history is compacted after each round.
Clients ask one thing after another. By HTTP each has a connection of its own (one HTTP client for all systems); all clients share
one WebSocket by the session door, and one channel by gRPC. etcd is asked at its leader. Edgekeeper's gRPC goes through its bridge.

**Durability.** etcd syncs its log before it answers (\`fdatasync\`, its default). The local runtime's SQLite
has a write-ahead log with \`synchronous\` left at its default, FULL: every commit of an object syncs that log before an answer leaves
the object. So a put was synced by a majority of the replicas, as of etcd's members; and the bare object's by itself. In
production a commit of a Durable Object is replicated to other data centers of its region instead.`;

/** The page; plots are files beside it. */
export function report(results: Results): string {
  const { about } = results;
  const versions = Object.entries(about.versions).map(([name, version]) => `${name} ${version}`);
  return `${[
    "# Benchmarks",
    `Printed by \`npm run bench\` on ${about.date}: ${about.machine}, ${about.platform}; ${versions.join(", ")}. ` +
      `${about.rounds} rounds of ${about.secondsEach} s each.${about.isQuick ? " **A quick run: only to see that it works.**" : ""}`,
    NOT,
    HOW,
    ...targets(results),
    ...WORKLOADS.flatMap(({ name, title }) => comparison(title, seriesOf(results, name))),
    ...floors(results),
    ...fanOut(results),
    ...distance(results),
    ...costs(results),
    ...rest(results),
  ].join("\n\n")}\n`;
}

const seriesOf = ({ series }: Results, workload: string): Series[] =>
  series.filter((one) => one.workload === workload);

/** The name of a workload's plot. */
export const plotOf = (title: string): string =>
  `${title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.svg`;

function targets(results: Results): string[] {
  const rows = judge(results).map(({ target, found, isReached }) => [
    target,
    spread(found),
    isReached ? "reached" : "**missed**",
  ]);
  return rows.length === 0 ? [] : ["## Targets", table(["target", "found", ""], rows)];
}

function comparison(title: string, series: readonly Series[]): string[] {
  if (series.length === 0) return [];
  const bases = [
    ["etcd", "JSON gateway"],
    ["etcd", "gRPC"],
    ["bare object", "plain HTTP"],
  ] as const;
  const head = ["clients, system, door", "per second", "p50 ms", "p99 ms", "server us", "client %"];
  const rows = series.map((one) => {
    const figures = (read: (sample: Sample) => number): number[] => one.samples.map(read);
    const ratios = bases.map(([system, door]) => {
      const base = series.find(
        (other) => other.clients === one.clients && other.system === system && other.door === door,
      );
      if (base === undefined || base === one) return "";
      return spread(
        ratioOf(
          figures((s) => s.perSecond),
          base.samples.map((s) => s.perSecond),
        ),
      );
    });
    const failures = figures((s) => s.failures).reduce((sum, count) => sum + count, 0);
    const failed = failures === 0 ? "" : `, ${failures} failed`;
    return [
      `${one.clients}: ${one.system}, ${one.door}${failed}`,
      spread(spreadOf(figures((s) => s.perSecond))),
      spread(spreadOf(figures((s) => s.p50Ms))),
      spread(spreadOf(figures((s) => s.p99Ms))),
      figure(spreadOf(figures((s) => s.serverMicroseconds)).median),
      figure(spreadOf(figures((s) => s.clientCore)).median * 100),
      ...ratios,
    ];
  });
  const all = [...head, ...bases.map(([system, door]) => `times ${system}, ${door}`)];
  return [`## ${title}`, `![${title}](benchmarks/${plotOf(title)})`, table(all, rows)];
}

function floors({ floors: found }: Results): string[] {
  if (found === undefined) return [];
  const rows = found.floors.map(({ what, clients, perSecond, p50Ms, p99Ms }) => [
    what,
    ...[clients, perSecond, p50Ms, p99Ms].map(figure),
  ]);
  const { p50, p99 } = found.syncMs;
  return [
    "## Floors",
    "What this runtime takes for doing nothing, by plain HTTP. A store by the same door cannot be quicker. " +
      `One write and sync of a page on this disk: p50 ${figure(p50)}, p99 ${figure(p99)} ms.`,
    table(["what", "clients", "per second", "p50 ms", "p99 ms"], rows),
  ];
}

function fanOut({ fanOut: found }: Results): string[] {
  if (found === undefined) return [];
  const rows = found.map(({ system, sockets, p50Ms, p99Ms, lastMs }) => [
    `${system}, ${sockets} sockets`,
    spread(p50Ms),
    spread(p99Ms),
    spread(lastMs),
  ]);
  return [
    "## Watch fan-out",
    "From sending a put until so many sockets had heard of it, the put's own commit included.",
    table(["system", "half, ms", "99 of 100, ms", "all, ms"], rows),
  ];
}

function distance({ distance: found }: Results): string[] {
  if (found === undefined) return [];
  const lone = found.map(({ profile, leader, roundTripMs, emptyCallMs, lonePutMs }) => [
    `${profile}, leader in ${leader}`,
    figure(roundTripMs),
    spread(emptyCallMs),
    spread(lonePutMs),
  ]);
  const many = found.flatMap(({ profile, roundTripMs, loads }) =>
    loads.map(({ inFlight, perSecond, ofUndelayed, ofBound }) => [
      `${profile}, ${inFlight} in flight`,
      spread(perSecond),
      spread(ofUndelayed),
      roundTripMs > 0 ? figure(inFlight / (roundTripMs / 1_000)) : "",
      roundTripMs > 0 ? spread(ofBound) : "",
    ]),
  );
  return [
    "## Distance",
    "By the session door under emulated round-trip times (`--rtt`). The emulation is a timer for each way, and the " +
      "runtime's timers are late, so that the round trip as it was is shown beside the profile's: what a get that a majority " +
      "confirms took longer than a serializable one.",
    table(
      ["round trips", "to the nearest majority, ms", "an empty call there, ms", "lone put p50, ms"],
      lone,
    ),
    "Who waits for each of N puts in flight cannot have more than N in a round trip, whatever the servers do. Where that bound " +
      "is below 0.8 times the throughput without distance, no code comes within a fifth of it; more in flight fill the pipe.",
    table(
      ["puts in flight", "per second", "times that without", "bound per second", "of the bound"],
      many,
    ),
  ];
}

function costs({ costs: found, batches, references }: Results): string[] {
  const parts: string[] = [];
  if (found !== undefined) {
    const rows = found.map(({ what, atOnce, rows: written, calls }) => [
      `${what}, ${atOnce} at once`,
      figure(written),
      figure(calls),
    ]);
    const head = ["operation", "rows on each replica", "calls to each follower"];
    parts.push("## Rows and calls of one operation", table(head, rows));
  }
  if (batches !== undefined) {
    const { inFlight, putsPerBatch, callsPerBatch, rowsPerPut } = batches;
    parts.push(
      `With ${inFlight} puts in flight: ${figure(putsPerBatch)} puts in a batch, ${figure(callsPerBatch)} calls to each follower ` +
        `for a batch, ${figure(rowsPerPut)} rows on each replica for a put.`,
    );
  }
  if (references !== undefined) {
    parts.push("## What a month costs", costTable(references));
  }
  return parts;
}

function rest({ memory, start, keys, idle }: Results): string[] {
  const parts: string[] = [];
  if (keys !== undefined) {
    const rows = keys.map(({ keys: count, store, bare, ofBare }) => [
      count.toLocaleString("en"),
      ...(["puts", "gets"] as const).flatMap((kind) =>
        [store[kind].perSecond, store[kind].ofFewest, bare[kind].ofFewest, ofBare[kind]].map(
          spread,
        ),
      ),
    ]);
    const head = ["keys"];
    for (const kind of ["puts", "gets"]) {
      head.push(`${kind} per second`, "times the first", "bare object, the same", "times that");
    }
    parts.push(
      "## Many keys",
      "Keys at random, by the session door, 256 in flight, once the store is quiet. The bare object has nothing but the rows: " +
        "it puts, and gets, 256 in a turn, and so tells how much the platform's tables themselves take for more keys.",
      table(head, rows),
    );
  }
  if (memory !== undefined) {
    const { keys: count, watches, idle: before, filled, watched, list } = memory;
    const rows = [
      ["idle", mebibytes(before.heapBytes), mebibytes(before.residentBytes)],
      [`${count} keys`, mebibytes(filled.heapBytes), mebibytes(filled.residentBytes)],
      [`and ${watches} watches`, mebibytes(watched.heapBytes), mebibytes(watched.residentBytes)],
    ];
    parts.push(
      "## Memory",
      "Of the one isolate and the one process that three replicas and the router share: a replica has a third of the " +
        `keys' part. ${list.keys} keys by \`RangeStream\`: ${mebibytes(list.residentBytesAbove)} MiB above what there was, in ${figure(list.ms)} ms.`,
      table(["", "heap in use, MiB", "resident, MiB"], rows),
    );
  }
  if (start !== undefined) {
    const rows = start.map(({ system, firstPutMs }) => [system, spread(firstPutMs)]);
    parts.push("## Start", table(["system", "from nothing to the first put, ms"], rows));
  }
  if (idle !== undefined) {
    const { seconds, filesChanged, processorSeconds, constructions } = idle;
    parts.push(
      "## Idle",
      `${figure(seconds)} s after it fell asleep: ${filesChanged.length} files of databases written to, ${figure(processorSeconds)} s ` +
        `of processor time, objects constructed ${constructions.join(", ")} times (once each, by being asked at the end).`,
    );
  }
  return parts;
}
