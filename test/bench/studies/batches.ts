// Owns what batches cost while many writes are under way: calls to each follower for a batch of the log,
// and rows for a write.

import { runLoad } from "../load.ts";
import { stepsOf } from "../steps.ts";
import { startEdgekeeper } from "../systems/edgekeeper.ts";
import { WORKLOADS } from "../workloads.ts";
import { batchesOf, leaderRegion, readCounters, since } from "./counters.ts";
import { folderFor, withSystem, type StudyContext } from "./study.ts";

export interface Batches {
  readonly inFlight: number;
  readonly putsPerBatch: number;
  readonly callsPerBatch: number;
  readonly rowsPerPut: number;
}

const IN_FLIGHT = 256;
const PUT = WORKLOADS.find(({ name }) => name === "put")!;

export async function studyBatches(context: StudyContext): Promise<Batches> {
  const starting = startEdgekeeper({ folder: folderFor(context, "batches") });
  return withSystem(starting, async ({ url, doors, pids }) => {
    const connection = await doors[0]!.open(IN_FLIGHT);
    const step = stepsOf(connection, PUT, 0);
    let puts = 0;
    const counted = (client: number): Promise<unknown> => {
      puts++;
      return step(client);
    };
    const load = { clients: IN_FLIGHT, step: counted, pids };
    // The keys are all there before what is counted.
    await runLoad({ ...load, warmUpMs: 0, measureMs: 2_000 });
    const leader = await leaderRegion(url);
    const [before, batchesBefore] = [await readCounters(url), await batchesOf(url, leader)];
    puts = 0;
    await runLoad({ ...load, warmUpMs: 0, measureMs: context.isQuick ? 1_000 : 10_000 });
    const batches = (await batchesOf(url, leader)) - batchesBefore;
    const replicas = since(before, await readCounters(url));
    await connection.close();
    const calls = Math.max(...replicas.map((replica) => replica.calls)) / (replicas.length - 1);
    const rows = Math.max(...replicas.map((replica) => replica.rows));
    return {
      inFlight: IN_FLIGHT,
      putsPerBatch: puts / batches,
      callsPerBatch: calls / batches,
      rowsPerPut: rows / puts,
    };
  });
}
