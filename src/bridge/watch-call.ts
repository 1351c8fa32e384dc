// Owns one watch stream of a gRPC client: its watches, wherever they sit, and the order of what it is told.
//
// Sessions are shared, so that nothing of this stream may wait in one. Once its client takes too little,
// a watch that has something to say is let go ("parked"): what is delivered is dropped, and when there is
// room again it is begun anew after the last revision that went into the queue.

import { setTimeout as sleep } from "node:timers/promises";
import { GATEWAY_ERRORS, rpcErrorText } from "../api/error.ts";
import { GRPC } from "../api/grpc-code.ts";
import type { Header } from "../api/replica.ts";
import {
  DUPLICATE_ID,
  refusedWatch,
  STREAM_FULL,
  WatchAnswers,
  WatchIds,
} from "../api/watch-answers.ts";
import type { WatchCommand, WatchResponse } from "../api/watch-json.ts";
import { WatchProgress } from "../api/watch-progress.ts";
import type { WatchDelivery } from "../base/watch.ts";
import { AnswerQueue, type Backlog } from "./answer-queue.ts";
import { CREATIONS_MAX, STREAM_WATCHES_MAX } from "./bounds.ts";
import { ProgressQuestion } from "./progress-question.ts";
import { UpstreamError, type CallContext, type Conversation, type Message } from "./upstream.ts";
import { watchCommandOf, watchMessageOf } from "./watch-messages.ts";
import type { Seat, Seats } from "./watch-seats.ts";

type CreateCommand = Extract<WatchCommand, { kind: "create" }>;

interface OpenWatch {
  readonly create: CreateCommand;
  readonly progress: WatchProgress;
  /** Null until the client is told that it exists. */
  answers: WatchAnswers | null;
  /** Null while it is parked. */
  seat: Seat | null;
  /** On this seat, the store has it. */
  isLive: boolean;
  /** The client has canceled it. */
  isUnwanted: boolean;
  /** The store's word on its creation, which waits until all before it are answered. */
  verdict: { readonly delivery: WatchDelivery; readonly header: Header } | null;
}

/** For how long a stream that needs a leader waits for one; as etcd, three election timeouts. */
const LEADER_MS = 3_000;
const LOOK_MS = 250;

export class WatchCall implements Conversation {
  readonly answers: AsyncIterable<Message>;
  readonly #seats: Seats;
  readonly #queue: AnswerQueue;
  readonly #ids = new WatchIds();
  /** Those that the client has been told of. */
  readonly #watches = new Map<bigint, OpenWatch>();
  /** Those that it has asked for, in this order. */
  readonly #creations: OpenWatch[] = [];
  readonly #parked = new Set<OpenWatch>();
  readonly #progress: ProgressQuestion;
  /** Whoever waits for something to have happened. */
  #waiting: (() => void)[] = [];
  #header: Header | null = null;
  #isOver = false;

  constructor(seats: Seats, backlog: Backlog, context: CallContext) {
    this.#seats = seats;
    this.#queue = new AnswerQueue(backlog, () => this.#hasRoom());
    this.#progress = new ProgressQuestion((response) => this.#say(response));
    this.answers = this.#takeAnswers();
    context.signal.addEventListener("abort", () => this.#close(), { once: true });
    if (context.signal.aborted) this.#close();
    if (context.needsLeader) void this.#lookForLeader();
  }

  async send(message: Message): Promise<void> {
    await this.#until(() => !this.#queue.isFull && this.#creations.length < CREATIONS_MAX);
    if (this.#isOver) return;
    const command = watchCommandOf(message);
    // Creations may be on their way together; all else is about what they have brought.
    const isPlain = command.kind === "create" && command.watchId === 0n;
    if (!isPlain) await this.#until(() => this.#creations.length === 0);
    if (!this.#isOver) this.#obey(command);
  }

  #obey(command: WatchCommand): void {
    switch (command.kind) {
      case "create":
        return this.#create(command);
      case "cancel":
        return this.#cancel(command.watchId);
      case "progress":
        return this.#progress.ask(() => this.#watches.values());
      case "none":
        return;
      default:
        command satisfies never;
    }
  }

  #create(create: CreateCommand): void {
    if (create.watchId !== 0n && this.#watches.has(create.watchId)) {
      return this.#say(refusedWatch(this.#header!, DUPLICATE_ID));
    }
    const watch: OpenWatch = {
      create,
      progress: new WatchProgress(create.spec),
      answers: null,
      seat: null,
      isLive: false,
      isUnwanted: false,
      verdict: null,
    };
    const isFull = this.#watches.size + this.#creations.length >= STREAM_WATCHES_MAX;
    if (!isFull && this.#sit(watch)) this.#creations.push(watch);
    else if (this.#header === null) this.#fail(overloaded());
    else this.#say(refusedWatch(this.#header, STREAM_FULL));
  }

  #cancel(id: bigint): void {
    const watch = this.#watches.get(id);
    if (watch === undefined || watch.isUnwanted) return;
    watch.isUnwanted = true;
    if (watch.seat !== null) watch.seat.cancel();
    else this.#concludeUnwanted(watch);
  }

  /** Begins it, or goes on with it. False when there is no room for it anywhere. */
  #sit(watch: OpenWatch): boolean {
    const seat = this.#seats.seat(watch.progress.resumeSpec, {
      hear: (delivery, header) => {
        if (watch.seat === seat) this.#hear(watch, delivery, header);
      },
      // Who has nothing yet shall hear of it; others wait, as they do for a leader.
      unreached: (error) => {
        if (this.#watches.size === 0) this.#fail(error);
      },
      failed: (error) => this.#fail(error),
    });
    watch.seat = seat;
    watch.isLive = false;
    return seat !== null;
  }

  #hear(watch: OpenWatch, delivery: WatchDelivery, header: Header): void {
    if (this.#isOver) return;
    this.#header = header;
    if (watch.answers === null && watch.verdict === null) {
      watch.verdict = { delivery, header };
      watch.isLive = delivery.kind === "created";
      if (watch.isLive) watch.progress.created(delivery.revision);
      this.#answerCreations();
    } else if (delivery.kind === "created") watch.isLive = true;
    else if (delivery.kind === "events") this.#hearEvents(watch, delivery, header);
    else if (delivery.kind === "canceled") this.#hearCanceled(watch, delivery, header);
    else if (!this.#queue.isFull) {
      watch.progress.progressed(delivery.revision);
      this.#tell(watch, delivery, header);
    }
  }

  /** Tells of creations, in the order in which they were asked for. */
  #answerCreations(): void {
    while (this.#creations[0]?.verdict) {
      const watch = this.#creations.shift()!;
      const { delivery, header } = watch.verdict!;
      const { watchId, fragment } = watch.create;
      const id = watchId === 0n ? this.#ids.free((one) => this.#watches.has(one)) : watchId;
      watch.answers = new WatchAnswers({ id, fragment });
      this.#tell(watch, delivery, header);
      if (delivery.kind !== "created") continue;
      this.#ids.created(id);
      this.#watches.set(id, watch);
      if (watch.seat === null) this.#unpark(watch);
    }
    this.#wake();
  }

  #hearEvents(
    watch: OpenWatch,
    delivery: Extract<WatchDelivery, { kind: "events" }>,
    header: Header,
  ): void {
    if (this.#queue.isFull || watch.answers === null) {
      // Everything before these has been said.
      watch.progress.progressed(delivery.events[0]!.kv.modRevision - 1);
      return this.#park(watch);
    }
    const events = watch.progress.take(delivery);
    if (events !== null) this.#tell(watch, { ...delivery, events }, header);
  }

  #hearCanceled(
    watch: OpenWatch,
    delivery: Extract<WatchDelivery, { kind: "canceled" }>,
    header: Header,
  ): void {
    const { cause } = delivery;
    // Its token has ended since the watch was created, which is nothing to etcd. A client that hears of
    // a failure watches again, with another.
    const isOutOfToken = cause.kind === "refused" && cause.reason === INVALID_TOKEN;
    if (isOutOfToken) return this.#fail(new UpstreamError(GRPC.unavailable, TOKEN_ENDED));
    watch.seat = null;
    this.#tell(watch, delivery, header);
  }

  #tell(watch: OpenWatch, delivery: WatchDelivery, header: Header): void {
    const answers = watch.answers!;
    const { responses, isOver } = answers.hear(delivery, header);
    for (const response of responses) this.#say(response);
    if (!isOver) return;
    if (this.#watches.get(answers.id) === watch) this.#watches.delete(answers.id);
    this.#letGo(watch);
  }

  #park(watch: OpenWatch): void {
    this.#letGo(watch);
    this.#progress.forget();
    if (watch.isUnwanted) this.#concludeUnwanted(watch);
    else if (watch.answers !== null) this.#parked.add(watch);
  }

  /** Whatever is still delivered is not heard any more. */
  #letGo(watch: OpenWatch): void {
    const { seat } = watch;
    watch.seat = null;
    watch.isLive = false;
    this.#parked.delete(watch);
    seat?.cancel();
  }

  #unpark(watch: OpenWatch): void {
    if (!this.#sit(watch)) this.#fail(overloaded());
  }

  #concludeUnwanted(watch: OpenWatch): void {
    const header = this.#header!;
    const { revision } = header;
    this.#tell(watch, { kind: "canceled", watch: 0, revision, cause: { kind: "asked" } }, header);
  }

  #say(response: WatchResponse): void {
    const { message, bytes } = watchMessageOf(response);
    this.#queue.push(message, bytes);
  }

  /** The client has taken much of what waited. */
  #hasRoom(): void {
    // Requests come first: what is delivered next may take all the room again.
    this.#wake();
    const parked = [...this.#parked];
    this.#parked.clear();
    for (const watch of parked) this.#unpark(watch);
  }

  async *#takeAnswers(): AsyncGenerator<Message, void, void> {
    try {
      yield* this.#queue.answers();
    } finally {
      this.#close();
    }
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!this.#isOver && !holds()) {
      await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }

  async #lookForLeader(): Promise<void> {
    while (!this.#isOver) {
      await sleep(LOOK_MS);
      const since = Date.now() - LEADER_MS;
      const isLost = ({ seat }: OpenWatch): boolean =>
        (seat?.session.downSince ?? Infinity) < since;
      if (![...this.#watches.values(), ...this.#creations].some(isLost)) continue;
      const { code, message } = GATEWAY_ERRORS.noLeader;
      this.#fail(new UpstreamError(code, message));
    }
  }

  #fail(error: UpstreamError): void {
    this.#queue.fail(error);
    this.#close();
  }

  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#queue.end();
    this.#progress.forget();
    for (const watch of [...this.#watches.values(), ...this.#creations]) this.#letGo(watch);
    this.#watches.clear();
    this.#wake();
  }
}

const INVALID_TOKEN = rpcErrorText("invalidAuthToken");
const TOKEN_ENDED = "edgekeeper: the watch's token has ended; watch again";

function overloaded(): UpstreamError {
  const { code, message } = GATEWAY_ERRORS.overloaded;
  return new UpstreamError(code, message);
}
