// Owns what a replica takes of memory: with many keys, with many watches, and while a long list streams.

import { encodeUtf8 } from "../../../src/base/bytes.ts";
import { SESSION_WATCHES_MAX } from "../../../src/base/limits.ts";
import { Session } from "../../../src/client/session.ts";
import { freePort } from "../../support/server.ts";
import { watchOf } from "../../support/requests.ts";
import { openChannel } from "../doors/grpc.ts";
import { SOCKET_PLATFORM } from "../doors/socket-platform.ts";
import { fill } from "../filling.ts";
import { Inspector } from "../inspector.ts";
import { inParallel } from "../steps.ts";
import { startEdgekeeper, type EdgekeeperSystem } from "../systems/edgekeeper.ts";
import { memoryOf, nameOf } from "../systems/processes.ts";
import { keyOf } from "../workloads.ts";
import { folderFor, withSystem, type StudyContext } from "./study.ts";

/** Of the one process and the one isolate that all three replicas, the router and Genesis share. */
interface Level {
  readonly heapBytes: number;
  readonly residentBytes: number;
}

export interface Memory {
  readonly keys: number;
  readonly watches: number;
  readonly idle: Level;
  readonly filled: Level;
  readonly watched: Level;
  readonly list: {
    readonly keys: number;
    readonly ms: number;
    /** The most while it streamed, above what was there just before. */
    readonly residentBytesAbove: number;
  };
}

const SAMPLE_MS = 10;

export async function studyMemory(context: StudyContext): Promise<Memory> {
  const inspectPort = await freePort();
  const folder = folderFor(context, "memory");
  const starting = startEdgekeeper({ folder, args: ["--inspect-port", `${inspectPort}`] });
  const [keys, watches] = context.isQuick ? [10_000, 1_000] : [100_000, 10_000];
  return withSystem(starting, async (system) => {
    const inspector = await Inspector.connect(inspectPort);
    const read = async (): Promise<Level> => ({
      heapBytes: await inspector.heapBytes(),
      residentBytes: residentBytes(system),
    });
    const idle = await read();
    await fill(system.url, 0, keys);
    const filled = await read();
    const sessions = await openWatches(system.url, watches);
    const watched = await read();
    for (const session of sessions) session.close();
    await read();
    const list = await streamList(system, keys);
    inspector.close();
    return { keys, watches, idle, filled, watched, list };
  });
}

const residentBytes = ({ pids }: EdgekeeperSystem): number =>
  memoryOf(pids.filter((pid) => nameOf(pid).startsWith("workerd"))).residentBytes;

async function openWatches(url: string, watches: number): Promise<Session[]> {
  const sessions: Session[] = [];
  const perSession = Math.min(100, SESSION_WATCHES_MAX);
  await inParallel(watches / perSession, async (number) => {
    const session = new Session({ url, any: true, platform: SOCKET_PLATFORM });
    sessions.push(session);
    const created = Array.from({ length: perSession }, (_, index) => {
      const outcome = Promise.withResolvers<void>();
      const key = encodeUtf8(keyOf(number * perSession + index));
      session.watch(watchOf(key), ({ kind }) => {
        if (kind === "created") outcome.resolve();
      });
      return outcome.promise;
    });
    await Promise.all(created);
  });
  return sessions;
}

async function streamList(system: EdgekeeperSystem, keys: number): Promise<Memory["list"]> {
  const before = residentBytes(system);
  let most = before;
  const sampler = setInterval(() => {
    most = Math.max(most, residentBytes(system));
  }, SAMPLE_MS);
  const from = performance.now();
  const channel = openChannel(system.grpcAddress);
  let heard = 0;
  await new Promise<void>((resolve, reject) => {
    const stream = channel.receive("KV", "RangeStream", {
      key: Buffer.from("k"),
      range_end: Buffer.from("l"),
    });
    stream.on("data", ({ range_response: part }: { range_response?: { kvs?: unknown[] } }) => {
      heard += part?.kvs?.length ?? 0;
    });
    stream.on("end", resolve);
    stream.on("error", reject);
  }).finally(() => {
    clearInterval(sampler);
    channel.close();
  });
  if (heard !== keys) throw new Error(`a list of ${heard} keys instead of ${keys}`);
  return { keys, ms: performance.now() - from, residentBytesAbove: most - before };
}
