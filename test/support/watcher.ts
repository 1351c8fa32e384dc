// Owns a client that watches a prefix over streaming POST, and when the stream ends, for whatever
// reason, comes back with the revision after the last one it has seen.

import { setTimeout as sleep } from "node:timers/promises";
import { Random } from "../../src/raft/random.ts";
import { decodeBase64, type GatewayKeyValue, prefixRange } from "./gateway.ts";

/** A change as a watcher sees it; `value` is null for a deletion. */
export interface SeenEvent {
  readonly revision: number;
  readonly key: string;
  readonly value: string | null;
}

export interface Watcher {
  readonly events: readonly SeenEvent[];
  readonly connections: number;
  /** While set, a connection is kept for as long as it is healthy. */
  isPatient: boolean;
  /** Resolves once an event of `revision` or later was seen; rejects after `withinMs`. */
  reach(revision: number, withinMs: number): Promise<void>;
  stop(): Promise<void>;
}

interface StreamMessage {
  readonly result?: {
    readonly canceled?: boolean;
    readonly cancel_reason?: string;
    readonly compact_revision?: string;
    readonly events?: readonly { readonly type?: "DELETE"; readonly kv: GatewayKeyValue }[];
  };
  readonly error?: unknown;
}

export interface WatcherOptions {
  readonly url: string;
  readonly prefix: string;
  readonly seed: number;
  /** A connection is given up after a random time up to this, even when it is healthy. */
  readonly connectionMsMax: number;
}

/** Starts to watch from revision 1 on. */
export function startWatcher(options: WatcherOptions): Watcher {
  const random = new Random(options.seed);
  const stopping = new AbortController();
  const events: SeenEvent[] = [];
  let connections = 0;
  let isPatient = false;

  const watch = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const patience = new AbortController();
      const giveUp = (): void => void (isPatient || patience.abort());
      const timer = setInterval(giveUp, random.between(200, options.connectionMsMax));
      const signal = AbortSignal.any([stopping.signal, patience.signal]);
      const next = (events.at(-1)?.revision ?? 0) + 1;
      connections++;
      try {
        for await (const event of stream(options, next, signal)) events.push(event);
      } catch {
        // Cut off by a fault, by impatience or at the end: which one makes no difference.
      }
      clearInterval(timer);
      await sleep(random.between(5, 50), null, { signal: stopping.signal }).catch(() => null);
    }
  };
  const done = watch();
  return {
    events,
    get connections() {
      return connections;
    },
    get isPatient() {
      return isPatient;
    },
    set isPatient(wish: boolean) {
      isPatient = wish;
    },
    reach: async (revision, withinMs) => {
      const end = performance.now() + withinMs;
      const latest = (): number => events.at(-1)?.revision ?? 0;
      while (latest() < revision) {
        if (performance.now() > end) throw new Error(`at ${latest()}, not at ${revision} in time`);
        await sleep(20);
      }
    },
    stop: async () => {
      stopping.abort();
      await done;
    },
  };
}

/** The events of one connection. */
async function* stream(
  { url, prefix }: WatcherOptions,
  startRevision: number,
  signal: AbortSignal,
): AsyncGenerator<SeenEvent> {
  const create = { ...prefixRange(prefix), start_revision: `${startRevision}` };
  const body = JSON.stringify({ create_request: create });
  const response = await fetch(`${url}/v3/watch`, {
    method: "POST",
    body,
    signal,
  });
  if (!response.ok || response.body === null) throw new Error(`watch: ${response.status}`);
  for await (const line of lines(response.body)) {
    const { result, error } = JSON.parse(line) as StreamMessage;
    if (error !== undefined) throw new Error(`watch: ${JSON.stringify(error)}`);
    for (const { type, kv } of result?.events ?? []) {
      const value = type === "DELETE" ? null : decodeBase64(kv.value ?? "");
      yield { revision: Number(kv.mod_revision), key: decodeBase64(kv.key), value };
    }
  }
}

async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const whole = (rest + text).split("\n");
    rest = whole.pop()!;
    yield* whole.filter((line) => line !== "");
  }
}
