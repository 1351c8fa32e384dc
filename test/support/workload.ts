// Owns the load under which a cluster is tested: clients that read and write at a steady rate and
// record everything they were told.

import { setTimeout as sleep } from "node:timers/promises";
import { Random } from "../../src/raft/random.ts";
import { perform as ask } from "./gateway.ts";
import type { Action, Operation } from "./history.ts";

export interface WorkloadOptions {
  readonly url: string;
  /** Every key begins with it. */
  readonly prefix: string;
  readonly seed: number;
  readonly clients: number;
  readonly keys: number;
  /** Each client begins one operation in this time, or the next as soon as the last has ended. */
  readonly intervalMs: number;
}

export interface Workload {
  /** Everything that has ended so far, in order of return. */
  readonly history: readonly Operation[];
  /** Puts one value now, beside the clients, and records it as any other operation. */
  probe(): Promise<Operation>;
  /** Has the clients begin nothing more, and waits until what is under way has ended. */
  pause(): Promise<void>;
  resume(): void;
  /** Lets what is under way end, and begins nothing more. */
  stop(): Promise<void>;
}

/** Client numbers of probes begin here, so that no two operations of one client overlap. */
const FIRST_PROBE = 1_000;

/** Starts the clients; values are unique, so that each can be traced to its write. */
export function startWorkload(options: WorkloadOptions): Workload {
  const history: Operation[] = [];
  const stopping = new AbortController();
  const underWay = new Set<Promise<Operation>>();
  let isPaused = false;
  let probes = 0;

  const perform = async (client: number, key: string, action: Action): Promise<Operation> => {
    const call = performance.now();
    const outcome = await ask(options.url, key, action);
    const returned = outcome.kind === "unknown" ? Infinity : performance.now();
    const operation = { client, key, action, outcome, call, return: returned };
    history.push(operation);
    return operation;
  };
  const run: Run = (client, key, action) => {
    const operation = perform(client, key, action);
    underWay.add(operation);
    return operation.finally(() => underWay.delete(operation));
  };
  const settled = async (): Promise<void> => void (await Promise.all(underWay));

  const clients = Array.from({ length: options.clients }, (_, client) =>
    runClient({ client, options, run, isPaused: () => isPaused, stopping: stopping.signal }),
  );
  return {
    history,
    probe: () => {
      const client = FIRST_PROBE + probes++;
      return run(client, `${options.prefix}probe`, { kind: "put", value: `${client}` });
    },
    pause: () => {
      isPaused = true;
      return settled();
    },
    resume: () => {
      isPaused = false;
    },
    stop: async () => {
      stopping.abort();
      await Promise.all(clients);
      await settled();
    },
  };
}

type Run = (client: number, key: string, action: Action) => Promise<Operation>;

async function runClient(given: {
  readonly client: number;
  readonly options: WorkloadOptions;
  readonly run: Run;
  readonly isPaused: () => boolean;
  readonly stopping: AbortSignal;
}): Promise<void> {
  const { client, options, run, isPaused, stopping } = given;
  const random = new Random(options.seed + client);
  /** The mod revision that this client saw last, by key: what its compareAndSet expects. */
  const seen = new Map<string, number>();
  let due = performance.now() + random.next() * options.intervalMs;
  for (let turn = 0; ; turn++) {
    await sleep(Math.max(0, due - performance.now()), null, { signal: stopping }).catch(() => null);
    if (stopping.aborted) return;
    due = Math.max(due, performance.now() - options.intervalMs) + options.intervalMs;
    if (isPaused()) continue;
    const key = `${options.prefix}key${random.between(0, options.keys)}`;
    const value = `${client}-${turn}`;
    const action = chooseAction(random, { value, expected: seen.get(key) ?? 0 });
    const { outcome } = await run(client, key, action);
    if (outcome.kind !== "ok") continue;
    const isPresent = outcome.wrote && action.kind !== "delete";
    seen.set(key, isPresent ? outcome.revision : (outcome.found?.modRevision ?? 0));
  }
}

/** Of a hundred operations 40 read, 38 put, 16 compare and set, and 6 delete. */
function chooseAction(random: Random, put: { value: string; expected: number }): Action {
  const draw = random.between(0, 100);
  if (draw < 40) return { kind: "get" };
  if (draw < 78) return { kind: "put", value: put.value };
  if (draw < 94) return { kind: "compareAndSet", ...put };
  return { kind: "delete" };
}
