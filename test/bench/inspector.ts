// Owns looking into a running Worker through the runtime's inspector: where its time goes, and how much
// memory lives. What is spoken is the DevTools protocol.

import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";

interface Target {
  readonly webSocketDebuggerUrl: string;
  readonly title?: string;
}

interface Told {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** A node of the tree of calls, as the protocol has it. */
interface ProfileNode {
  readonly id: number;
  readonly children?: readonly number[];
  readonly callFrame: {
    readonly functionName: string;
    readonly lineNumber: number;
    readonly url: string;
  };
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** One function's own time, as a share of all samples. */
export interface SelfTime {
  /** With those who called it, the nearest first. */
  readonly name: string;
  readonly share: number;
}

const SAMPLE_MICROSECONDS = 200;
const ATTEMPTS = 50;

export class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (text: Buffer) => this.#heard(JSON.parse(text.toString()) as Told));
  }

  /** Connects to the one Worker that is inspected at that port. */
  static async connect(port: number): Promise<Inspector> {
    const target = await targetAt(port);
    const socket = new WebSocket(target.webSocketDebuggerUrl, { maxPayload: 2 ** 30 });
    await new Promise((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
    });
    return new Inspector(socket);
  }

  ask(method: string, params: object = {}): Promise<unknown> {
    const outcome = Promise.withResolvers<unknown>();
    const id = ++this.#last;
    this.#waiting.set(id, outcome);
    this.#socket.send(JSON.stringify({ id, method, params }));
    return outcome.promise;
  }

  /**
   * Functions by the time that they took themselves while `body` ran, the longest first; told apart by
   * so many of those who called them.
   */
  async profile(body: () => Promise<unknown>, callers: number): Promise<SelfTime[][]> {
    await this.ask("Profiler.enable");
    await this.ask("Profiler.setSamplingInterval", { interval: SAMPLE_MICROSECONDS });
    await this.ask("Profiler.start");
    await body();
    const { profile } = (await this.ask("Profiler.stop")) as { readonly profile: Profile };
    return [selfTimes(profile, 0), selfTimes(profile, callers)];
  }

  /** Bytes of JavaScript's heap that are in use once all garbage is collected. */
  async heapBytes(): Promise<number> {
    await this.ask("HeapProfiler.enable");
    await this.ask("HeapProfiler.collectGarbage");
    const { usedSize } = (await this.ask("Runtime.getHeapUsage")) as { readonly usedSize: number };
    return usedSize;
  }

  close(): void {
    this.#socket.close();
  }

  #heard({ id, result, error }: Told): void {
    if (id === undefined) return;
    const outcome = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) outcome?.resolve(result);
    else outcome?.reject(new Error(error.message));
  }
}

async function targetAt(port: number): Promise<Target> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const answer = await fetch(`http://127.0.0.1:${port}/json`).catch(() => null);
    const [target] = answer === null ? [] : ((await answer.json()) as Target[]);
    if (target !== undefined) return target;
    await sleep(100);
  }
  throw new Error(`nothing can be inspected at port ${port}`);
}

function selfTimes({ nodes, samples, timeDeltas }: Profile, callers: number): SelfTime[] {
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((c) => [c, id])));
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const pathOf = (id: number, left: number): string => {
    const parent = parents.get(id);
    const name = names.get(id)!;
    return left === 0 || parent === undefined ? name : `${name} < ${pathOf(parent, left - 1)}`;
  };
  const times = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const path = pathOf(id, callers);
    times.set(path, (times.get(path) ?? 0) + (timeDeltas[index] ?? 0));
  }
  const total = timeDeltas.reduce((sum, one) => sum + one, 0);
  return [...times]
    .map(([name, time]) => ({ name, share: time / total }))
    .toSorted((a, b) => b.share - a.share);
}

/** Of native functions there is no line; the line of others is that of the bundle. */
function nameOf({ functionName, lineNumber }: ProfileNode["callFrame"]): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  return lineNumber <= 0 ? name : `${name}:${lineNumber + 1}`;
}
