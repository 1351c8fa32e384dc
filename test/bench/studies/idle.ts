// Owns what an idle cluster does: nothing, seen from outside. To ask a replica would wake it, so what is
// looked at is its files, which a row would change, and the processor time of its process.

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startEdgekeeper, type EdgekeeperSystem } from "../systems/edgekeeper.ts";
import { cpuSecondsOf, nameOf } from "../systems/processes.ts";
import { keyOf } from "../workloads.ts";
import { readCounters, untilAsleep, type ReplicaCounters } from "./counters.ts";
import { folderFor, type StudyContext } from "./study.ts";

export interface Idle {
  readonly seconds: number;
  /** Files of databases that were written to. A row, or a call to a peer that does anything, is seen. */
  readonly filesChanged: readonly string[];
  /** Of the whole runtime's process. */
  readonly processorSeconds: number;
  /** How often each replica's object was constructed: once, by being asked for this at the end. */
  readonly constructions: readonly number[];
}

/** From falling asleep the platform takes ten seconds to take the objects out of memory. */
const HIBERNATION_MS = 12_000;

/** A cluster that is left alone for a while, in which other things are measured. */
export class IdleCluster {
  readonly #system: EdgekeeperSystem;
  readonly #folder: string;
  readonly #found: Promise<Idle>;
  readonly #evening: readonly ReplicaCounters[];
  readonly #files: ReadonlyMap<string, number>;
  readonly #processor: number;

  private constructor(
    system: EdgekeeperSystem,
    folder: string,
    night: { readonly evening: readonly ReplicaCounters[]; readonly seconds: number },
  ) {
    this.#system = system;
    this.#folder = folder;
    this.#evening = night.evening;
    this.#files = writtenAt(folder);
    this.#processor = this.#processorSeconds();
    this.#found = this.#look(night.seconds);
    // Whoever asks for it is told; until then nobody is.
    this.#found.catch(() => undefined);
  }

  /** It is looked at, and stopped, `seconds` after the platform has taken it out of memory. */
  static async start(context: StudyContext, seconds: number): Promise<IdleCluster> {
    const folder = folderFor(context, "idle");
    const system = await startEdgekeeper({ folder });
    const connection = await system.doors[0]!.open(1);
    await connection.put(keyOf(0), "before the night");
    await connection.close();
    const evening = await untilAsleep(system.url);
    await sleep(HIBERNATION_MS);
    return new IdleCluster(system, folder, { evening, seconds });
  }

  /** What was found, once the time is over. */
  found(): Promise<Idle> {
    return this.#found;
  }

  async #look(seconds: number): Promise<Idle> {
    const begun = performance.now();
    await sleep(seconds * 1_000);
    const passed = (performance.now() - begun) / 1_000;
    const processorSeconds = this.#processorSeconds() - this.#processor;
    const files = writtenAt(this.#folder);
    const filesChanged = [...files.keys()].filter(
      (name) => files.get(name) !== this.#files.get(name),
    );
    const morning = await readCounters(this.#system.url);
    await this.#system.stop();
    const constructions = morning.map(({ region, incarnation }) => {
      const before = this.#evening.find((replica) => replica.region === region);
      return incarnation - (before?.incarnation ?? Number.NaN);
    });
    return { seconds: passed, filesChanged, processorSeconds, constructions };
  }

  #processorSeconds(): number {
    const { pids } = this.#system;
    return cpuSecondsOf(pids.filter((pid) => nameOf(pid).startsWith("workerd")));
  }
}

function writtenAt(folder: string): Map<string, number> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true });
  return new Map(
    files
      .filter((file) => file.isFile() && /\.sqlite(-wal)?$/.test(file.name))
      .map((file): [string, number] => {
        const path = join(file.parentPath, file.name);
        return [path.slice(folder.length + 1), statSync(path).mtimeMs];
      }),
  );
}
