// Owns one watch stream of etcd's API: watch ids, the order of its answers, progress and fragments.
// Events come from sessions; lines go to a sink.

import { GATEWAY_ERRORS } from "../api/error.ts";
import type { Header } from "../api/replica.ts";
import {
  readWatchCommand,
  watchLine,
  type WatchCommand,
  type WatchResponse,
} from "../api/watch-json.ts";
import { BODY_BYTES_MAX } from "../base/limits.ts";
import { asRevision } from "../base/types.ts";
import { ALL_WATCHES, type WatchDelivery, type WatchEvent } from "../base/watch.ts";
import type { LineSink } from "./line-sink.ts";
import { RequestError } from "./response.ts";
import type { SessionClient, SessionClientOptions } from "./session-client.ts";
import { SessionPool, type PooledSession } from "./session-pool.ts";

type CreateCommand = Extract<WatchCommand, { kind: "create" }>;
type EventsDelivery = Extract<WatchDelivery, { kind: "events" }>;
type CanceledDelivery = Extract<WatchDelivery, { kind: "canceled" }>;

interface OpenWatch {
  /** As the client knows it. */
  readonly id: bigint;
  /** As its session knows it. */
  readonly number: number;
  readonly session: PooledSession;
  readonly fragment: boolean;
  /** Resolves when the client was told that the watch exists, or that it does not. */
  readonly answered: PromiseWithResolvers<void>;
  isCreated: boolean;
  /** Parts of a revision, for a client that wants it whole. */
  gathered: WatchEvent[];
  gatheredBytes: number;
}

/** What is put together for one response; the Worker's memory must hold it twice. */
const GATHERED_BYTES_MAX = 33_554_432;

/** Beyond this, a client that takes fragments gets them, as in etcd: `--max-request-bytes`, and room. */
const FRAGMENT_BYTES = BODY_BYTES_MAX;

const DUPLICATE_ID = "mvcc: duplicate watch ID provided on the WatchStream";
const STREAM_FULL = "edgekeeper: a stream holds no more watches; open another one";
const TOO_LARGE = "edgekeeper: a revision is too large for one response; set fragment";

/** The watch id of answers that belong to no watch: refusals, and progress of all. */
const NO_WATCH = -1n;

export type OpenSession = (
  owner: Pick<SessionClientOptions, "deliver" | "onGivenUp">,
) => SessionClient;

/**
 * The client's requests are taken one at a time, and a creation is over when its answer was
 * written: answers to creations come in the order of the requests, as clients rely on.
 */
export class WatchStream {
  readonly #sink: LineSink;
  readonly #sessions: SessionPool;
  readonly #watches = new Map<bigint, OpenWatch>();
  readonly #byNumber = new Map<number, OpenWatch>();
  #nextId = 0n;
  #nextNumber = 0;
  #isOver = false;

  constructor(options: { readonly sink: LineSink; readonly openSession: OpenSession }) {
    this.#sink = options.sink;
    this.#sessions = new SessionPool((session) =>
      options.openSession({
        deliver: (delivery, header) => this.#deliver(session(), delivery, header),
        onGivenUp: (error) => void this.#end(error),
      }),
    );
  }

  /** Takes one request. False when nothing that follows is to be taken. */
  async receive(document: string): Promise<boolean> {
    if (this.#isOver) return false;
    const command = readWatchCommand(document);
    if (!command.ok) {
      // A stream that carries watches goes on with them, as etcd's does.
      if (this.#watches.size === 0) await this.#end(new RequestError(command.error));
      return false;
    }
    try {
      await this.#obey(command.value);
    } catch (error) {
      await this.#end(error);
      return false;
    }
    return !this.#isOver;
  }

  /** The client sends nothing more. A stream without watches has nothing to say then. */
  async inputEnded(): Promise<void> {
    if (this.#watches.size === 0 && this.#sessions.isEmpty) await this.#sink.end();
  }

  /** The client is gone. */
  close(): void {
    this.#isOver = true;
    this.#sessions.close();
    for (const { answered } of this.#watches.values()) answered.resolve();
  }

  async #end(error: unknown): Promise<void> {
    if (this.#isOver) return;
    this.close();
    await this.#sink.fail(error instanceof RequestError ? error.error : GATEWAY_ERRORS.internal);
  }

  async #obey(command: WatchCommand): Promise<void> {
    switch (command.kind) {
      case "create":
        return this.#create(command);
      case "cancel": {
        const watch = this.#watches.get(command.watchId);
        watch?.session.client.cancel(watch.number);
        return;
      }
      case "progress":
        this.#sessions.requestProgress();
        break;
      case "none":
        break;
      default:
        command satisfies never;
    }
  }

  async #create({ watchId, spec, fragment }: CreateCommand): Promise<void> {
    const session = await this.#sessions.withRoomFor(spec);
    if (session === null) return this.#refuse(this.#sessions.header!, STREAM_FULL);
    if (watchId !== 0n && this.#watches.has(watchId)) {
      this.#sessions.release(session);
      return this.#refuse(this.#sessions.header!, DUPLICATE_ID);
    }
    const watch = this.#register({ id: watchId, session, fragment });
    session.client.watch(watch.number, spec);
    await watch.answered.promise;
  }

  #register(options: {
    readonly id: bigint;
    readonly session: PooledSession;
    readonly fragment: boolean;
  }): OpenWatch {
    const watch: OpenWatch = {
      ...options,
      id: options.id === 0n ? this.#freeId() : options.id,
      number: this.#nextNumber++,
      answered: Promise.withResolvers(),
      isCreated: false,
      gathered: [],
      gatheredBytes: 0,
    };
    this.#watches.set(watch.id, watch);
    this.#byNumber.set(watch.number, watch);
    return watch;
  }

  /**
   * Counting from 0; ids that the client has chosen are passed over. One that was given to a watch
   * that is then refused is given again: creations are answered one after another.
   */
  #freeId(): bigint {
    while (this.#watches.has(this.#nextId)) this.#nextId++;
    return this.#nextId;
  }

  async #deliver(session: PooledSession, delivery: WatchDelivery, header: Header): Promise<void> {
    if (delivery.watch === ALL_WATCHES) return this.#reportProgress(session, header);
    const watch = this.#byNumber.get(delivery.watch);
    if (watch === undefined) return;
    switch (delivery.kind) {
      case "created":
        watch.isCreated = true;
        if (watch.id === this.#nextId) this.#nextId++;
        await this.#write({ header, watchId: watch.id, created: true });
        watch.answered.resolve();
        return;
      case "events":
        return this.#passEvents(watch, delivery, header);
      case "progress":
        return this.#write({ header, watchId: watch.id });
      case "canceled":
        return this.#passCanceled(watch, delivery, header);
      default:
        delivery satisfies never;
    }
  }

  async #passEvents(watch: OpenWatch, delivery: EventsDelivery, header: Header): Promise<void> {
    const { events, partial } = delivery;
    const size = events.reduce((total, event) => total + sizeOf(event), 0);
    const isFragment = watch.fragment && watch.gatheredBytes + size > FRAGMENT_BYTES;
    if (isFragment && watch.gathered.length > 0) {
      await this.#write({ header, watchId: watch.id, fragment: true, events: take(watch) });
    }
    if (partial) return this.#gather(watch, { events, size }, header);
    const whole = watch.gathered.length === 0 ? events : [...take(watch), ...events];
    return this.#write({ header, watchId: watch.id, events: whole });
  }

  /** Keeps a part until the rest has come, or ends a watch whose revision is beyond all bounds. */
  async #gather(
    watch: OpenWatch,
    part: { readonly events: readonly WatchEvent[]; readonly size: number },
    header: Header,
  ): Promise<void> {
    watch.gathered.push(...part.events);
    watch.gatheredBytes += part.size;
    if (watch.gatheredBytes <= GATHERED_BYTES_MAX) return;
    this.#forget(watch);
    watch.session.client.cancel(watch.number);
    await this.#write({ header, watchId: watch.id, canceled: true, cancelReason: TOO_LARGE });
  }

  async #passCanceled(
    watch: OpenWatch,
    { cause }: CanceledDelivery,
    header: Header,
  ): Promise<void> {
    this.#forget(watch);
    switch (cause.kind) {
      case "asked":
        await this.#write({ header, watchId: watch.id, canceled: true });
        break;
      case "compacted": {
        // etcd leaves the revision out here, and gives no reason.
        const { compactRevision } = cause;
        const unrevised = { ...header, revision: asRevision(0) };
        await this.#write({
          header: unrevised,
          watchId: watch.id,
          canceled: true,
          compactRevision,
        });
        break;
      }
      case "refused":
        await (watch.isCreated
          ? this.#write({ header, watchId: watch.id, canceled: true, cancelReason: cause.reason })
          : this.#refuse(header, cause.reason));
        break;
      default:
        cause satisfies never;
    }
    watch.answered.resolve();
  }

  /** A watch that is not to be: created and canceled in one, under no id. */
  #refuse(header: Header, cancelReason: string): Promise<void> {
    return this.#write({ header, watchId: NO_WATCH, created: true, canceled: true, cancelReason });
  }

  async #reportProgress(session: PooledSession, header: Header): Promise<void> {
    const revision = this.#sessions.heardProgress(session, header.revision);
    if (revision === null) return;
    await this.#write({ header: { ...header, revision }, watchId: NO_WATCH });
  }

  #forget(watch: OpenWatch): void {
    this.#watches.delete(watch.id);
    this.#byNumber.delete(watch.number);
    this.#sessions.release(watch.session);
  }

  #write(response: WatchResponse): Promise<void> {
    return this.#sink.write(watchLine(response));
  }
}

/** What was gathered, which the watch forgets. */
function take(watch: OpenWatch): readonly WatchEvent[] {
  const { gathered } = watch;
  watch.gathered = [];
  watch.gatheredBytes = 0;
  return gathered;
}

const sizeOf = ({ kv, prevKv }: WatchEvent): number =>
  kv.key.length + kv.value.length + (prevKv?.value.length ?? 0);
