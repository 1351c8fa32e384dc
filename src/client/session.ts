// Owns a session of a client with a cluster, across connections: requests pipelined on one socket to
// the leader, watches that go on where they were, and coming again when the leader has moved. It needs
// nothing but the web's WebSocket. What is spoken: `docs/session-protocol.md`.

import { GRPC } from "../api/grpc-code.ts";
import type { Freshness, Header } from "../api/replica.ts";
import type { SessionRequest } from "../api/session-call.ts";
import { SessionWatches } from "../api/session-watches.ts";
import {
  CLOSE_PROTOCOL,
  SESSION_VERSION,
  type ReceiverFrame,
  type ReplicaFrame,
} from "../api/session.ts";
import { SESSION_TIMEOUT_MS_MAX } from "../base/limits.ts";
import type { Bytes } from "../base/types.ts";
import { ALL_WATCHES, type WatchDelivery, type WatchSpec } from "../base/watch.ts";
import { doorOf, protocolsOf, type Place, type ShownTokens } from "./address.ts";
import { ClientConnection } from "./connection.ts";
import { EdgekeeperError, invalid, isPassing, unavailable } from "./error.ts";
import { checkIdempotencyKey, checkSendable } from "./measure.ts";
import { WEB_PLATFORM, type ClientPlatform, type ClientSocket } from "./platform.ts";
import { Requests, type Answered } from "./requests.ts";

export interface SessionOptions extends Place {
  /** Asked before each connection: a user's token may be another by then. */
  readonly tokens?: (() => ShownTokens | Promise<ShownTokens>) | undefined;
  /** Told when what `tokens` gave was refused as out of date. Present: it gives something else then. */
  readonly renew?: (() => void) | undefined;
  /**
   * Asked when a connection could not be opened, which a WebSocket gives no reason for: why that will
   * not change, or null when it may. It does not reject.
   */
  readonly diagnose?: (() => Promise<EdgekeeperError | null>) | undefined;
  /** Any replica will do, the nearest first: for watches, and reads that need no leader. */
  readonly any?: boolean | undefined;
  readonly platform?: ClientPlatform | undefined;
  /** All watches have had everything up to the header's revision; see `requestProgress`. */
  readonly onProgress?: ((header: Header) => void) | undefined;
  /** The session has given up, and nothing more comes of it. Not called after `close`. */
  readonly onGivenUp?: ((error: EdgekeeperError) => void) | undefined;
}

export interface AskOptions {
  /** How long the caller waits; 7 s unless said, 30 s at most: repeats are known for a minute. */
  readonly timeoutMs?: number | undefined;
  readonly freshness?: Freshness | undefined;
  /** W3C's trace id: 32 hexadecimal digits. */
  readonly trace?: string | undefined;
  /** 16 bytes, for callers that may have to repeat a write themselves; absent: random ones. */
  readonly requestId?: Bytes | undefined;
  /** Names a write for longer than a request id does, and over several callers. */
  readonly idempotencyKey?: string | undefined;
  /** Ends the wait, with its reason; the request may happen all the same. */
  readonly signal?: AbortSignal | undefined;
}

/** What is delivered, in order; the next waits until it resolves, and a rejection ends the session. */
export type Deliver = (delivery: WatchDelivery, header: Header) => void | Promise<void>;

/** Told once, when a watch ends with its session: it hears nothing more. */
export type WatchEnded = (error: EdgekeeperError) => void;

type DeliveryFrame = Extract<ReplicaFrame, { kind: "delivery" }>;
type WelcomeFrame = Extract<ReplicaFrame, { kind: "welcome" }>;

interface Watcher {
  readonly deliver: Deliver;
  readonly ended: WatchEnded | undefined;
  /** It was refused for a token that was out of date, and is begun again with another. */
  isRenewed: boolean;
}

/** How a watch is refused for what else would be `STALE_TOKEN`: it hears words, not a name. */
const STALE_TOKEN_TEXT = /etcdserver: (invalid auth token|revision of auth store is old)$/;
const TIMEOUT_MS = 7_000;
/** How exact timeouts are: a request may take so much longer to be told of its end. */
const SWEEP_MS = 100;
/**
 * An object takes the messages of a socket one after another, and what each has to write is one commit.
 * So while requests are under way, others are gathered for so long, and go in one message.
 */
const GATHER_MS = 3;
const BACK_OFF_MS_MIN = 50;
const BACK_OFF_MS_MAX = 2_000;

export class Session {
  readonly #options: SessionOptions;
  readonly #platform: ClientPlatform;
  readonly #requests: Requests;
  #watches = new SessionWatches();
  readonly #watchers = new Map<number, Watcher>();
  readonly #over = new AbortController();
  #connection: ClientConnection | null = null;
  /** There is to be a connection soon. */
  #isConnecting = false;
  /** The connection that was welcomed last. */
  #begunOn: ClientConnection | null = null;
  #welcome: WelcomeFrame | null = null;
  #failures = 0;
  #lastWatch = 0;
  /** Deliveries are passed on one after another, across connections. */
  #passing: Promise<void> = Promise.resolve();
  #isSweeping = false;
  #isGathering = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#platform = options.platform ?? WEB_PLATFORM;
    this.#requests = new Requests({ canRenew: options.renew !== undefined });
    this.#connect();
  }

  /** Whether it was closed, or cannot go on: its cluster is another one now. */
  get isOver(): boolean {
    return this.#over.signal.aborted;
  }

  /** Asks the cluster. @throws EdgekeeperError; the reason of the signal. */
  async ask(request: SessionRequest, options: AskOptions = {}): Promise<Answered> {
    if (this.isOver) throw closed();
    const { random, clock } = this.#platform;
    const { requestId = random(16), trace = "", freshness, idempotencyKey, signal } = options;
    signal?.throwIfAborted();
    const timeoutMs = Math.min(Math.ceil(options.timeoutMs ?? TIMEOUT_MS), SESSION_TIMEOUT_MS_MAX);
    if (idempotencyKey !== undefined) checkIdempotencyKey(idempotencyKey);
    const call = {
      request,
      requestId,
      trace,
      timeoutMs,
      ...(freshness === undefined ? {} : { freshness }),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    };
    checkSendable(call);
    const answered = this.#requests.add(call, clock(), signal);
    this.#connect();
    this.#sendRequests();
    void this.#sweep();
    return answered;
  }

  /** Begins a watch; returns what ends it, after which it hears `canceled`. */
  watch(spec: WatchSpec, deliver: Deliver, ended?: WatchEnded): () => void {
    if (this.isOver) {
      queueMicrotask(() => ended?.(closed()));
      return () => undefined;
    }
    const watch = ++this.#lastWatch;
    this.#watchers.set(watch, { deliver, ended, isRenewed: false });
    this.#send(this.#watches.add(watch, spec));
    this.#connect();
    return () => {
      const frame = this.#watches.cancel(watch);
      if (frame !== null) this.#send(frame);
    };
  }

  /** Asks for one report on all watches. None comes while one is behind, or the connection breaks. */
  requestProgress(): void {
    this.#send({ kind: "progress" });
  }

  /** Ends the session, and all that waits in it. */
  close(): void {
    this.#end(closed());
  }

  /** Whether the welcome has come: until then all waits. */
  get #isLive(): boolean {
    return this.#connection !== null && this.#connection === this.#begunOn;
  }

  /** Sees to it that there is a connection, or will be. */
  #connect(): void {
    if (this.#connection !== null || this.#isConnecting || this.isOver) return;
    this.#isConnecting = true;
    const { tokens } = this.#options;
    if (tokens === undefined) this.#open({});
    else void this.#openWith(tokens);
  }

  async #openWith(tokens: NonNullable<SessionOptions["tokens"]>): Promise<void> {
    try {
      const shown = await tokens();
      if (!this.isOver) this.#open(shown);
    } catch (error) {
      if (error instanceof EdgekeeperError && !isPassing(error)) this.#refuse(error);
      else await this.#comeAgain();
    }
  }

  #open(shown: ShownTokens): void {
    const { any = false } = this.#options;
    const url = doorOf(this.#options, { any });
    let socket: ClientSocket;
    try {
      socket = this.#platform.connect(url, protocolsOf(shown));
    } catch (cause) {
      // Of an address, or a token, that a WebSocket cannot have: the same each time.
      return this.#refuse(invalid(`edgekeeper: no WebSocket to ${url}: ${String(cause)}`));
    }
    const connection: ClientConnection = new ClientConnection(socket, this.#platform, {
      isBusy: () => this.#isBusy,
      heard: (frames) => this.#heard(connection, frames),
      ended: (code) => void this.#ended(code),
    });
    this.#connection = connection;
    this.#isConnecting = false;
    connection.send({ kind: "hello", version: SESSION_VERSION });
  }

  /** Whether anything waits for the other side. */
  get #isBusy(): boolean {
    return !this.#requests.isEmpty || this.#watchers.size > 0;
  }

  async #ended(code: number | null): Promise<void> {
    const wasLive = this.#isLive;
    this.#connection = null;
    this.#requests.disconnected();
    if (this.isOver) return;
    if (code === CLOSE_PROTOCOL) return this.#give(protocolRefused());
    this.#isConnecting = true;
    const cause = wasLive ? null : await this.#options.diagnose?.();
    if (cause === null || cause === undefined) await this.#comeAgain();
    else this.#refuse(cause);
  }

  /** Connects again after a while, if anybody still waits. */
  async #comeAgain(): Promise<void> {
    const { random, sleep } = this.#platform;
    const ms = this.#failures === 0 ? 0 : BACK_OFF_MS_MIN * 2 ** (this.#failures - 1);
    this.#failures++;
    const jitter = 0.5 + random(1)[0]! / 256;
    await sleep(Math.min(ms, BACK_OFF_MS_MAX) * jitter, this.#over.signal);
    this.#isConnecting = false;
    if (this.#isBusy) this.#connect();
  }

  #heard(connection: ClientConnection, frames: readonly ReplicaFrame[]): void {
    let isOver = false;
    try {
      for (const frame of frames) isOver = this.#heardFrame(connection, frame) || isOver;
    } catch {
      // What was sent is of newer code, or damaged: neither can be gone on with here.
      return connection.close();
    }
    // Others may be answered yet by a leader that steps down; they are known by their ids elsewhere.
    if (isOver) connection.close();
    else this.#sendRequests();
  }

  /** Whether the connection is of no more use. */
  #heardFrame(connection: ClientConnection, frame: ReplicaFrame): boolean {
    if (frame.kind === "welcome") this.#heardWelcome(connection, frame);
    else if (frame.kind === "delivery") {
      if (this.#isRenewable(frame.delivery)) return this.#renew();
      this.#queue(connection, frame);
    } else {
      const next = this.#requests.heard(frame.request, frame.body);
      if (next === "renew") return this.#renew();
      if (next === "reopen") return true;
      this.#failures = 0;
    }
    return false;
  }

  /** Whether the watch was refused for a token that can be replaced: once, it is begun again. */
  #isRenewable(delivery: WatchDelivery): boolean {
    const watcher = this.#watchers.get(delivery.watch);
    if (this.#options.renew === undefined || watcher === undefined) return false;
    if (!isStaleToken(delivery) || watcher.isRenewed) return false;
    watcher.isRenewed = true;
    return true;
  }

  #renew(): true {
    this.#options.renew?.();
    return true;
  }

  #heardWelcome(connection: ClientConnection, welcome: WelcomeFrame): void {
    const isAnother = this.#welcome !== null && this.#welcome.clusterId !== welcome.clusterId;
    // Its revisions count other changes, and none of its request ids is known there.
    if (isAnother) return this.#give(otherCluster());
    this.#welcome = welcome;
    this.#begunOn = connection;
    const { frames, ended } = this.#watches.resume();
    for (const frame of frames) this.#send(frame);
    const { revision, term } = welcome;
    for (const watch of ended) {
      const delivery = { kind: "canceled", watch, revision, cause: { kind: "asked" } } as const;
      this.#passing = this.#passing.then(() => this.#pass(delivery, term));
    }
    this.#sendRequests();
  }

  #queue(connection: ClientConnection, { delivery, term, sequence }: DeliveryFrame): void {
    this.#passing = this.#passing.then(async () => {
      // Since then the watches were begun anew after what was passed on, and this comes again.
      if (this.#begunOn !== connection) return;
      await this.#pass(delivery, term);
      this.#failures = 0;
      if (this.#connection === connection) connection.acknowledge(sequence);
    });
  }

  async #pass(delivery: WatchDelivery, term: Header["term"]): Promise<void> {
    const fresh = this.isOver ? null : this.#watches.take(delivery);
    if (fresh === null) return;
    const { clusterId, memberId } = this.#welcome!;
    const header = { clusterId, memberId, revision: fresh.revision, term };
    if (fresh.watch === ALL_WATCHES) return this.#options.onProgress?.(header);
    const watcher = this.#watchers.get(fresh.watch);
    if (fresh.kind === "created" && watcher !== undefined) watcher.isRenewed = false;
    if (fresh.kind === "canceled") this.#watchers.delete(fresh.watch);
    try {
      await watcher?.deliver(fresh, header);
    } catch {
      this.close();
    }
  }

  #send(frame: ReceiverFrame): void {
    if (this.#isLive) this.#connection?.send(frame);
  }

  /** Sends at once, with all that is asked in this turn, unless others are under way. */
  #sendRequests(): void {
    if (!this.#isLive || !this.#requests.isWaiting) return;
    if (!this.#requests.isUnderWay) queueMicrotask(() => this.#depart());
    else if (!this.#isGathering) void this.#gather();
  }

  async #gather(): Promise<void> {
    this.#isGathering = true;
    await this.#platform.sleep(GATHER_MS, this.#over.signal);
    this.#isGathering = false;
    this.#depart();
  }

  #depart(): void {
    if (!this.#isLive) return;
    for (const frame of this.#requests.takeUnsent(this.#platform.clock())) this.#send(frame);
  }

  /** Ends requests whose time is over, for as long as there are any. */
  async #sweep(): Promise<void> {
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    const { sleep, clock } = this.#platform;
    while (!this.#requests.isEmpty) {
      await sleep(SWEEP_MS, this.#over.signal);
      this.#requests.expire(clock());
    }
    this.#isSweeping = false;
  }

  /** Ends all that waits; what is asked later connects again. */
  #refuse(error: EdgekeeperError): void {
    this.#isConnecting = false;
    this.#requests.fail(error);
    this.#watches = new SessionWatches();
    const watchers = [...this.#watchers.values()];
    this.#watchers.clear();
    for (const { ended } of watchers) ended?.(error);
  }

  #give(error: EdgekeeperError): void {
    if (this.isOver) return;
    this.#end(error);
    this.#options.onGivenUp?.(error);
  }

  #end(error: EdgekeeperError): void {
    if (this.isOver) return;
    this.#over.abort();
    this.#refuse(error);
    this.#connection?.close();
  }
}

const closed = (): EdgekeeperError => unavailable("edgekeeper: the session is closed");
const otherCluster = (): EdgekeeperError =>
  unavailable("edgekeeper: the cluster was deleted or rebuilt");
const protocolRefused = (): EdgekeeperError =>
  new EdgekeeperError("edgekeeper: the replica refused the session protocol", {
    code: GRPC.unimplemented,
  });

/** Whether a watch was canceled for the token that its session has shown. */
const isStaleToken = (delivery: WatchDelivery): boolean =>
  delivery.kind === "canceled" &&
  delivery.cause.kind === "refused" &&
  STALE_TOKEN_TEXT.test(delivery.cause.reason);
