// Owns whether many keys make a store slow: the same load at a thousand keys, and at a million. Beside it
// the same of a bare object, which has nothing but the rows: what the platform's tables take for it.

import { Random } from "../../../src/raft/random.ts";
import { openHttp } from "../doors/http.ts";
import { fill, fillBare } from "../filling.ts";
import { runLoad } from "../load.ts";
import { ratioOf, spreadOf, type Spread } from "../statistics.ts";
import { valueOf } from "../steps.ts";
import { startBare, type BareSystem } from "../systems/bare.ts";
import { startEdgekeeper, type EdgekeeperSystem } from "../systems/edgekeeper.ts";
import { untilQuiet } from "../systems/processes.ts";
import { keyOf } from "../workloads.ts";
import { folderFor, type StudyContext } from "./study.ts";

const KINDS = ["puts", "gets"] as const;

type Kind = (typeof KINDS)[number];

/** Throughput, and the same of that with the fewest keys. */
interface Rate {
  readonly perSecond: Spread;
  readonly ofFewest: Spread;
}

export interface KeyCount {
  readonly keys: number;
  readonly store: Readonly<Record<Kind, Rate>>;
  readonly bare: Readonly<Record<Kind, Rate>>;
  /** How the store's puts and gets change with the keys, times how the bare object's do. */
  readonly ofBare: Readonly<Record<Kind, Spread>>;
}

type Rounds = Readonly<Record<Kind, number[]>>;

interface Case {
  readonly keys: number;
  readonly store: { readonly system: EdgekeeperSystem; readonly rounds: Rounds };
  readonly bare: { readonly system: BareSystem; readonly rounds: Rounds };
}

const IN_FLIGHT = 256;
/** As many requests of the bare object at once, so that it has something to do at all times. */
const BARE_CLIENTS = 2;
const ROUNDS = 4;
const MEASURE_MS = 3_000;
const MEASURE_MS_QUICK = 1_000;

export async function studyKeyCounts(context: StudyContext): Promise<KeyCount[]> {
  const cases: Case[] = [];
  try {
    // All are there at once, so that rounds take turns.
    for (const keys of context.isQuick ? [1_000, 10_000] : [1_000, 100_000, 1_000_000]) {
      cases.push(await filled(keys, context));
      context.tell(`  ${keys.toLocaleString("en")} keys are there`);
    }
    for (let round = 0; round < (context.isQuick ? 1 : ROUNDS); round++) {
      for (const one of cases) await measure(one, context.isQuick ? MEASURE_MS_QUICK : MEASURE_MS);
    }
    return cases.map((one) => figuresOf(one, cases[0]!));
  } finally {
    const systems = cases.flatMap(({ store, bare }) => [store.system, bare.system]);
    await Promise.all(systems.map((system) => system.stop()));
  }
}

async function filled(keys: number, context: StudyContext): Promise<Case> {
  const store = await startEdgekeeper({ folder: folderFor(context, `keys-${keys}`) });
  const bare = await startBare({ folder: folderFor(context, `bare-keys-${keys}`) });
  await fill(store.url, 0, keys);
  await store.compact?.();
  await fillBare(bare.url, keys);
  return {
    keys,
    store: { system: store, rounds: { puts: [], gets: [] } },
    bare: { system: bare, rounds: { puts: [], gets: [] } },
  };
}

async function measure({ keys, store, bare }: Case, measureMs: number): Promise<void> {
  const pids = bare.system.pids;
  const http = openHttp(bare.system.url, BARE_CLIENTS);
  for (const kind of KINDS) {
    const path = `/${kind}?count=${IN_FLIGHT}&keys=${keys}`;
    const step = (): Promise<unknown> => http.ask({ method: "POST", path });
    const load = { clients: BARE_CLIENTS, warmUpMs: 300, measureMs: measureMs / 2, step, pids };
    bare.rounds[kind].push((await runLoad(load)).perSecond * IN_FLIGHT);
  }
  await http.close();
  await measureStore(keys, store, measureMs);
}

async function measureStore(
  keys: number,
  { system, rounds }: Case["store"],
  measureMs: number,
): Promise<void> {
  // What was compacted is swept, and replicas may be comparing what they hold.
  await untilQuiet(system.pids);
  const connection = await system.doors[0]!.open(IN_FLIGHT);
  const random = new Random(rounds.puts.length + 1);
  const value = valueOf(random);
  const key = (): string => keyOf(random.between(0, keys));
  const steps = { puts: () => connection.put(key(), value), gets: () => connection.get(key()) };
  for (const kind of KINDS) {
    const load = { clients: IN_FLIGHT, warmUpMs: 1_000, measureMs, pids: system.pids };
    rounds[kind].push((await runLoad({ ...load, step: steps[kind] })).perSecond);
  }
  await connection.close();
  await system.compact?.();
}

function figuresOf({ keys, store, bare }: Case, fewest: Case): KeyCount {
  const each = <T>(figure: (kind: Kind) => T): Record<Kind, T> => ({
    puts: figure("puts"),
    gets: figure("gets"),
  });
  const rate = (rounds: Rounds, ofFewest: Rounds) => (kind: Kind) => ({
    perSecond: spreadOf(rounds[kind]),
    ofFewest: ratioOf(rounds[kind], ofFewest[kind]),
  });
  const ratios = (rounds: Rounds, ofFewest: Rounds, kind: Kind): number[] =>
    rounds[kind].map((perSecond, round) => perSecond / ofFewest[kind][round]!);
  return {
    keys,
    store: each(rate(store.rounds, fewest.store.rounds)),
    bare: each(rate(bare.rounds, fewest.bare.rounds)),
    ofBare: each((kind) =>
      ratioOf(
        ratios(store.rounds, fewest.store.rounds, kind),
        ratios(bare.rounds, fewest.bare.rounds, kind),
      ),
    ),
  };
}
