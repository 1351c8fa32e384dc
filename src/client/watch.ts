// Owns a watch as its caller sees it: batches of events to iterate over, for as long as wanted. It goes
// on over other connections by itself, and is bounded in memory by itself as well.
//
// All watches of a session share its flow control, so one that nobody reads must not hold up the
// others. What comes is kept until it is taken, up to a bound; beyond that the watch is canceled at the
// replica, and begun again after the last that was kept, once all of it was taken. History is kept by
// the store anyway: a reader who is too slow even for that hears that it was compacted.

import type { WatchDelivery, WatchEvent as StoredWatchEvent, WatchSpec } from "../base/watch.ts";
import { GRPC } from "../api/grpc-code.ts";
import { EdgekeeperError, unavailable } from "./error.ts";
import { KeyValue } from "./key-value.ts";
import type { KeySpace } from "./keys.ts";
import type { Deliver, WatchEnded } from "./session.ts";

/** Bytes of keys and values that wait to be taken, before the watch pauses. */
const WAITING_BYTES_MAX = 1_048_576;
/** What an event, or a batch, takes besides. */
const OVERHEAD_BYTES = 128;

export interface WatchOptions {
  /** The first revision wanted; absent: from now on. */
  readonly fromRevision?: number | undefined;
  /** Whether to tell what was there before. */
  readonly previous?: boolean | undefined;
  /** Whether to tell of revisions in which nothing happened here, now and then. */
  readonly progress?: boolean | undefined;
  /** What is not wanted. */
  readonly filters?: readonly ("noPut" | "noDelete")[] | undefined;
  /** Ends the watch, with its reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface WatchEvent {
  readonly type: "put" | "delete";
  readonly kv: KeyValue;
  /** What was there, if that was asked for and is still known. */
  readonly previous: KeyValue | null;
}

/** Whole revisions: all events of each, in their order. */
export interface WatchBatch {
  /** Of the store; everything up to the last event's, and with `progress` up to this one, was told. */
  readonly revision: number;
  readonly events: readonly WatchEvent[];
  /** Nothing has happened up to `revision`, and that is all that is said. */
  readonly progress: boolean;
}

/** Who carries a watch: see `Sessions`. */
export interface WatchCarrier {
  watch(spec: WatchSpec, deliver: Deliver, ended: WatchEnded): () => void;
}

interface Waiting {
  readonly batch: WatchBatch;
  readonly bytes: number;
}

/** Iterate over it, once. It ends with `break`, `cancel`, its signal, or an error. */
export class Watch implements AsyncIterable<WatchBatch> {
  /**
   * Resolves when the watch is there, to the revision after which it hears everything. Rejects if it
   * ends before.
   */
  readonly created: Promise<number>;
  readonly #created = Promise.withResolvers<number>();
  readonly #carrier: WatchCarrier;
  readonly #keys: KeySpace;
  readonly #spec: WatchSpec;
  readonly #signal: AbortSignal | undefined;
  readonly #waiting: Waiting[] = [];
  #bytes = 0;
  /** Of a revision of which more follows. */
  #part: StoredWatchEvent[] = [];
  /** From here on nothing was heard; 0: not known yet. */
  #next: number;
  /** Ends what goes on at the replica; null while paused, and after the end. */
  #stop: (() => void) | null = null;
  #isOver = false;
  #error: unknown = null;
  #wake: () => void = () => undefined;

  constructor(
    carrier: WatchCarrier,
    {
      keys,
      spec,
      signal,
    }: {
      readonly keys: KeySpace;
      readonly spec: WatchSpec;
      readonly signal: AbortSignal | undefined;
    },
  ) {
    this.#carrier = carrier;
    this.#keys = keys;
    this.#spec = spec;
    this.#next = spec.startRevision;
    this.#signal = signal;
    this.created = this.#created.promise;
    // Nobody has to look.
    this.created.catch(() => undefined);
    signal?.addEventListener("abort", this.#abort);
    if (signal?.aborted === true) this.#abort();
    else this.#begin();
  }

  /** Ends the watch. Whoever iterates is through with it. */
  cancel(): void {
    this.#end(null);
  }

  /** One event after another. */
  async *events(): AsyncGenerator<WatchEvent, void, void> {
    for await (const { events } of this) yield* events;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchBatch, void, void> {
    try {
      for (;;) {
        const next = this.#waiting.shift();
        if (next !== undefined) {
          this.#bytes -= next.bytes;
          yield next.batch;
        } else if (this.#isOver) {
          // The reason of a signal may be anything.
          // oxlint-disable-next-line typescript/only-throw-error
          if (this.#error !== null) throw this.#error;
          return;
        } else {
          this.#begin();
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      this.cancel();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
  }

  readonly #abort = (): void => {
    this.#waiting.length = 0;
    this.#end(this.#signal?.reason);
  };

  /** Begins at the replica, or goes on after a pause. */
  #begin(): void {
    if (this.#stop !== null || this.#isOver) return;
    // What was on its way when the watch paused comes to nobody: it will be told again.
    let isCurrent = true;
    const spec = { ...this.#spec, startRevision: this.#next };
    const stop = this.#carrier.watch(
      spec,
      (delivery) => {
        if (isCurrent) this.#heard(delivery);
      },
      (error) => {
        if (isCurrent) this.#end(error);
      },
    );
    this.#stop = () => {
      isCurrent = false;
      stop();
    };
  }

  #heard(delivery: WatchDelivery): void {
    const { revision } = delivery;
    switch (delivery.kind) {
      case "created":
        if (this.#next <= 0) this.#next = revision + 1;
        this.#created.resolve(this.#next - 1);
        return;
      case "events":
        this.#part.push(...delivery.events);
        if (!delivery.partial) this.#tell(revision);
        return;
      case "progress":
        this.#next = Math.max(this.#next, revision + 1);
        if (this.#spec.progressNotify) this.#push({ revision, events: [], progress: true }, 0);
        return;
      case "canceled":
        this.#end(errorOf(delivery.cause));
        return;
      default:
        delivery satisfies never;
    }
  }

  #tell(revision: number): void {
    const part = this.#part;
    this.#part = [];
    const last = part.at(-1);
    if (last === undefined) return;
    this.#next = last.kv.modRevision + 1;
    const bytes = part.reduce((sum, event) => sum + sizeOf(event), 0);
    const events = part.map((event) => eventOf(event, this.#keys));
    this.#push({ revision, events, progress: false }, bytes);
  }

  #push(batch: WatchBatch, size: number): void {
    const bytes = size + OVERHEAD_BYTES;
    this.#waiting.push({ batch, bytes });
    this.#bytes += bytes;
    if (this.#bytes > WAITING_BYTES_MAX) {
      this.#stop?.();
      this.#stop = null;
    }
    this.#wake();
  }

  /** What waits is still taken, then `error` is thrown unless it is null. */
  #end(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#error = error;
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#stop?.();
    this.#stop = null;
    this.#created.reject(error ?? unavailable("edgekeeper: the watch was canceled"));
    this.#wake();
  }
}

const sizeOf = ({ kv, prevKv }: StoredWatchEvent): number =>
  OVERHEAD_BYTES +
  kv.key.length +
  kv.value.length +
  (prevKv === null ? 0 : prevKv.key.length + prevKv.value.length);

const eventOf = ({ kind, kv, prevKv }: StoredWatchEvent, keys: KeySpace): WatchEvent => ({
  type: kind,
  kv: new KeyValue(kv, keys),
  previous: prevKv === null ? null : new KeyValue(prevKv, keys),
});

type Cause = Extract<WatchDelivery, { kind: "canceled" }>["cause"];

/** What is thrown; null when it was canceled because somebody asked. */
function errorOf(cause: Cause): EdgekeeperError | null {
  if (cause.kind === "asked") return null;
  if (cause.kind === "refused") return refusalOf(cause.reason);
  return new EdgekeeperError("etcdserver: mvcc: required revision has been compacted", {
    code: GRPC.outOfRange,
    refusal: "compacted",
    compactRevision: cause.compactRevision,
  });
}

/** The code stands within the words where the store has one. */
function refusalOf(reason: string): EdgekeeperError {
  const [, name = "", message = reason] =
    /^rpc error: code = (\w+) desc = (.*)$/s.exec(reason) ?? [];
  const known = Object.entries(GRPC).find(
    ([each]) => each === name[0]?.toLowerCase() + name.slice(1),
  );
  return new EdgekeeperError(message, { code: known?.[1] ?? GRPC.unknown });
}
