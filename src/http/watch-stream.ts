// Owns one watch stream of etcd's API: the order of its answers, and progress.
// Events come from sessions; lines go to a sink.

import { GATEWAY_ERRORS } from "../api/error.ts";
import type { Header } from "../api/replica.ts";
import {
  DUPLICATE_ID,
  progressOfAll,
  refusedWatch,
  STREAM_FULL,
  WatchAnswers,
  WatchIds,
} from "../api/watch-answers.ts";
import {
  readWatchCommand,
  watchLine,
  type WatchCommand,
  type WatchResponse,
} from "../api/watch-json.ts";
import { ALL_WATCHES, type WatchDelivery } from "../base/watch.ts";
import type { LineSink } from "./line-sink.ts";
import { RequestError } from "./response.ts";
import type { SessionClient, SessionClientOptions } from "./session-client.ts";
import { SessionPool, type PooledSession } from "./session-pool.ts";

type CreateCommand = Extract<WatchCommand, { kind: "create" }>;
interface OpenWatch {
  /** As the client knows it. */
  readonly answers: WatchAnswers;
  /** As its session knows it. */
  readonly number: number;
  readonly session: PooledSession;
  /** Resolves when the client was told that the watch exists, or that it does not. */
  readonly answered: PromiseWithResolvers<void>;
}

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
  readonly #ids = new WatchIds();
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
    const id = watchId === 0n ? this.#ids.free((taken) => this.#watches.has(taken)) : watchId;
    const watch = this.#register({ answers: new WatchAnswers({ id, fragment }), session });
    session.client.watch(watch.number, spec);
    await watch.answered.promise;
  }

  #register(options: Pick<OpenWatch, "answers" | "session">): OpenWatch {
    const answered = Promise.withResolvers<void>();
    const watch: OpenWatch = { ...options, number: this.#nextNumber++, answered };
    this.#watches.set(watch.answers.id, watch);
    this.#byNumber.set(watch.number, watch);
    return watch;
  }

  async #deliver(session: PooledSession, delivery: WatchDelivery, header: Header): Promise<void> {
    if (delivery.watch === ALL_WATCHES) return this.#reportProgress(session, header);
    const watch = this.#byNumber.get(delivery.watch);
    if (watch === undefined) return;
    const { responses, isOver } = watch.answers.hear(delivery, header);
    if (isOver) this.#forget(watch);
    if (isOver && delivery.kind !== "canceled") watch.session.client.cancel(watch.number);
    if (delivery.kind === "created") this.#ids.created(watch.answers.id);
    for (const response of responses) await this.#write(response);
    if (delivery.kind === "created" || delivery.kind === "canceled") watch.answered.resolve();
  }

  #refuse(header: Header, reason: string): Promise<void> {
    return this.#write(refusedWatch(header, reason));
  }

  async #reportProgress(session: PooledSession, header: Header): Promise<void> {
    const revision = this.#sessions.heardProgress(session, header.revision);
    if (revision !== null) await this.#write(progressOfAll({ ...header, revision }));
  }

  #forget(watch: OpenWatch): void {
    this.#watches.delete(watch.answers.id);
    this.#byNumber.delete(watch.number);
    this.#sessions.release(watch.session);
  }

  #write(response: WatchResponse): Promise<void> {
    return this.#sink.write(watchLine(response));
  }
}
