// Owns comparing systems: one workload after another, in rounds in which every door of every system has
// its turn, so that what slows the machine for a while slows all.

import type { Connection, Door } from "./doors/door.ts";
import { runLoad, type Sample } from "./load.ts";
import { prepare, stepsOf } from "./steps.ts";
import type { System } from "./systems/system.ts";
import { WORKLOADS, type Workload } from "./workloads.ts";

export interface Pace {
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** All rounds of one door under one workload with so many clients. */
export interface Series {
  readonly workload: string;
  readonly clients: number;
  readonly system: string;
  readonly door: string;
  readonly samples: readonly Sample[];
}

export interface ComparisonOptions {
  readonly pace: Pace;
  /** Starts all systems with empty stores. */
  readonly startAll: () => Promise<readonly System[]>;
  /** Which workloads, by name; null: all. */
  readonly only: readonly string[] | null;
  readonly clients: readonly number[] | null;
  /** Whether all workloads meet the same stores, one after another: quicker, and less fair. */
  readonly isShared: boolean;
  readonly tell: (line: string) => void;
}

export async function compareSystems(options: ComparisonOptions): Promise<Series[]> {
  const { only, clients, isShared, tell } = options;
  const wanted = WORKLOADS.filter(({ name }) => only === null || only.includes(name)).filter(
    (workload) => clientsOf(workload, clients).length > 0,
  );
  // One group begins with the same empty stores.
  const groups = isShared ? [wanted] : wanted.map((workload) => [workload]);
  const series: Series[] = [];
  for (const group of groups.filter(({ length }) => length > 0)) {
    tell(`${group.map(({ title }) => title).join(", ")}: starting all systems anew`);
    const systems = await options.startAll();
    try {
      await fillAll(systems, group);
      for (const workload of group)
        series.push(...(await compareUnder(workload, systems, options)));
    } finally {
      await Promise.all(systems.map((system) => system.stop()));
    }
  }
  return series;
}

/** In how many cases a workload is run: one that has none of the wanted numbers is run with its own. */
const clientsOf = ({ clients }: Workload, wanted: readonly number[] | null): readonly number[] =>
  wanted === null || clients.length === 1
    ? clients
    : clients.filter((count) => wanted.includes(count));

/** Puts into each system what the workloads ask for. */
async function fillAll(systems: readonly System[], group: readonly Workload[]): Promise<void> {
  const operations = new Set(group.flatMap(({ mix }) => mix.map(({ operation }) => operation)));
  for (const { doors } of systems) {
    await withConnection(doors[0]!, FILLING_CLIENTS, (connection) =>
      prepare(connection, { operations, can: doors[0]!.can }),
    );
  }
}

const FILLING_CLIENTS = 64;

interface Contestant {
  readonly system: System;
  readonly door: Door;
}

async function compareUnder(
  workload: Workload,
  systems: readonly System[],
  options: ComparisonOptions,
): Promise<Series[]> {
  const contestants = contestantsOf(workload, systems);
  const series: Series[] = [];
  for (const clients of clientsOf(workload, options.clients)) {
    series.push(...(await compareWith(clients, { workload, contestants, options })));
  }
  return series;
}

function contestantsOf(workload: Workload, systems: readonly System[]): Contestant[] {
  const all = systems.flatMap((system) => system.doors.map((door) => ({ system, door })));
  return all.filter(({ door }) =>
    workload.mix.every(({ operation }) => door.can.includes(operation)),
  );
}

/** Numbers that no two runs share. */
let runs = 0;

async function compareWith(
  clients: number,
  given: {
    readonly workload: Workload;
    readonly contestants: readonly Contestant[];
    readonly options: ComparisonOptions;
  },
): Promise<Series[]> {
  const { workload, contestants, options } = given;
  const { rounds, warmUpMs, measureMs } = options.pace;
  const samples = new Map<Contestant, Sample[]>(contestants.map((one) => [one, []]));
  for (let round = 0; round < rounds; round++) {
    // Who begins changes: what one leaves behind must not always meet the same other.
    for (const contestant of rotated(contestants, round)) {
      const { door, system } = contestant;
      const sample = await withConnection(door, clients, (connection) => {
        const step = stepsOf(connection, workload, runs++);
        return runLoad({ clients, warmUpMs, measureMs, step, pids: system.pids });
      });
      samples.get(contestant)!.push(sample);
      options.tell(lineOf(workload, clients, { contestant, sample }));
    }
    for (const system of new Set(contestants.map((one) => one.system))) await system.compact?.();
  }
  return contestants.map((contestant) => ({
    workload: workload.name,
    clients,
    system: contestant.system.name,
    door: contestant.door.name,
    samples: samples.get(contestant)!,
  }));
}

const rotated = <T>(all: readonly T[], by: number): T[] => {
  const first = by % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
};

async function withConnection<T>(
  door: Door,
  clients: number,
  body: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await door.open(clients);
  try {
    return await body(connection);
  } finally {
    await connection.close();
  }
}

function lineOf(
  workload: Workload,
  clients: number,
  { contestant, sample }: { readonly contestant: Contestant; readonly sample: Sample },
): string {
  const who = `${contestant.system.name}, ${contestant.door.name}`;
  const { perSecond, p50Ms, p99Ms, failures, serverMicroseconds, clientCore } = sample;
  const failed = failures === 0 ? "" : `, ${failures} FAILED`;
  return (
    `  ${workload.name} x ${`${clients}`.padEnd(3)} ${who.padEnd(26)} ` +
    `${perSecond.toFixed(0).padStart(6)}/s  p50 ${p50Ms.toFixed(2)} p99 ${p99Ms.toFixed(2)} ms, ` +
    `server ${serverMicroseconds.toFixed(0)} us/op, client ${(clientCore * 100).toFixed(0)} % of a core${failed}`
  );
}
