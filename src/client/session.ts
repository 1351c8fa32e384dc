// Owns a session of a client with a cluster, across connections: requests pipelined on one socket to
// the leader, watches that go on where they were, and coming again when the leader has moved. It needs
// nothing but the web's WebSocket. What is spoken: `docs/session-protocol.md`.

import { GRPC } from "../api/error.ts";
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
import { ClientConnection } from "./connection.ts";
import { WEB_PLATFORM, type ClientPlatform } from "./platform.ts";
import { Requests, SessionError, type Answered } from "./requests.ts";

export interface SessionOptions {
  /** Of the deployment: `https://kv.example`. */
  readonly url: string;
  /** The cluster's name; absent: `default`. */
  readonly cluster?: string;
  /** Asked before each connection: a user's token may be another by then. */
  readonly tokens?: () => { readonly deployment?: string; readonly user?: string };
  /** Any replica will do, the nearest first: for watches, and reads that need no leader. */
  readonly any?: boolean;
  readonly platform?: ClientPlatform;
  /** All watches have had everything up to the header's revision; see `requestProgress`. */
  readonly onProgress?: (header: Header) => void;
  /** The session has given up, and nothing more comes of it. Not called after `close`. */
  readonly onGivenUp?: (error: SessionError) => void;
}

export interface AskOptions {
  /** How long the caller waits; 7 s unless said, 30 s at most: repeats are known for a minute. */
  readonly timeoutMs?: number;
  readonly freshness?: Freshness;
  /** W3C's trace id: 32 hexadecimal digits. */
  readonly trace?: string;
  /** 16 bytes, for callers that may have to repeat a write themselves; absent: random ones. */
  readonly requestId?: Bytes;
}

/** What is delivered, in order; the next waits until it resolves, and a rejection ends the session. */
export type Deliver = (delivery: WatchDelivery, header: Header) => void | Promise<void>;

type DeliveryFrame = Extract<ReplicaFrame, { kind: "delivery" }>;
type WelcomeFrame = Extract<ReplicaFrame, { kind: "welcome" }>;

const TIMEOUT_MS = 7_000;
/** How exact timeouts are: a request may take so much longer to be told of its end. */
const SWEEP_MS = 100;
const BACK_OFF_MS_MIN = 50;
const BACK_OFF_MS_MAX = 2_000;

export class Session {
  readonly #options: SessionOptions;
  readonly #platform: ClientPlatform;
  readonly #requests = new Requests();
  readonly #watches = new SessionWatches();
  readonly #delivers = new Map<number, Deliver>();
  readonly #over = new AbortController();
  #connection: ClientConnection | null = null;
  /** Whether the welcome has come: until then all waits. */
  #isLive = false;
  #welcome: WelcomeFrame | null = null;
  #failures = 0;
  #lastWatch = 0;
  /** Deliveries are passed on one after another, across connections. */
  #passing: Promise<void> = Promise.resolve();
  #isSweeping = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#platform = options.platform ?? WEB_PLATFORM;
    const { onProgress } = options;
    if (onProgress !== undefined) {
      this.#delivers.set(ALL_WATCHES, (_delivery, header) => onProgress(header));
    }
    this.#connect();
  }

  /** Asks the cluster. @throws SessionError */
  ask(request: SessionRequest, options: AskOptions = {}): Promise<Answered> {
    if (this.#over.signal.aborted) return Promise.reject(closed());
    const { random, clock } = this.#platform;
    const { requestId = random(16), trace = "", freshness } = options;
    const timeoutMs = Math.min(options.timeoutMs ?? TIMEOUT_MS, SESSION_TIMEOUT_MS_MAX);
    const call = { request, requestId, trace, timeoutMs };
    const fresh = freshness === undefined ? {} : { freshness };
    const answered = this.#requests.add({ ...call, ...fresh }, clock());
    this.#sendRequests();
    void this.#sweep();
    return answered;
  }

  /** Begins a watch; returns what ends it, after which it hears `canceled`. */
  watch(spec: WatchSpec, deliver: Deliver): () => void {
    const watch = ++this.#lastWatch;
    this.#delivers.set(watch, deliver);
    this.#send(this.#watches.add(watch, spec));
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

  #connect(): void {
    if (this.#over.signal.aborted) return;
    const { url, protocols } = addressOf(this.#options);
    const socket = this.#platform.connect(url, protocols);
    const connection: ClientConnection = new ClientConnection(socket, this.#platform, {
      heard: (frames) => this.#heard(connection, frames),
      ended: (code) => void this.#ended(code),
    });
    this.#connection = connection;
    connection.send({ kind: "hello", version: SESSION_VERSION });
  }

  async #ended(code: number | null): Promise<void> {
    this.#connection = null;
    this.#isLive = false;
    this.#requests.disconnected();
    if (this.#over.signal.aborted) return;
    if (code === CLOSE_PROTOCOL) return this.#give(protocolRefused());
    const { random, sleep } = this.#platform;
    const ms = this.#failures === 0 ? 0 : BACK_OFF_MS_MIN * 2 ** (this.#failures - 1);
    this.#failures++;
    const jitter = 0.5 + random(1)[0]! / 256;
    await sleep(Math.min(ms, BACK_OFF_MS_MAX) * jitter, this.#over.signal);
    this.#connect();
  }

  #heard(connection: ClientConnection, frames: readonly ReplicaFrame[]): void {
    let isMoved = false;
    try {
      for (const frame of frames) {
        if (frame.kind === "welcome") this.#heardWelcome(frame);
        else if (frame.kind === "delivery") this.#queue(connection, frame);
        else {
          const next = this.#requests.heard(frame.request, frame.body);
          isMoved ||= next === "reopen";
          if (next !== "reopen") this.#failures = 0;
        }
      }
    } catch {
      // What was sent is of newer code, or damaged: neither can be gone on with here.
      return connection.close();
    }
    // Others may be answered yet by a leader that steps down; they are known by their ids elsewhere.
    if (isMoved) connection.close();
    else this.#sendRequests();
  }

  #heardWelcome(welcome: WelcomeFrame): void {
    const isAnother = this.#welcome !== null && this.#welcome.clusterId !== welcome.clusterId;
    // Its revisions count other changes, and none of its request ids is known there.
    if (isAnother) return this.#give(otherCluster());
    this.#welcome = welcome;
    this.#isLive = true;
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
      await this.#pass(delivery, term);
      this.#failures = 0;
      if (this.#connection === connection) connection.send({ kind: "ack", sequence });
    });
  }

  async #pass(delivery: WatchDelivery, term: Header["term"]): Promise<void> {
    const fresh = this.#over.signal.aborted ? null : this.#watches.take(delivery);
    if (fresh === null) return;
    const { clusterId, memberId } = this.#welcome!;
    const deliver = this.#delivers.get(fresh.watch);
    if (fresh.kind === "canceled") this.#delivers.delete(fresh.watch);
    try {
      await deliver?.(fresh, { clusterId, memberId, revision: fresh.revision, term });
    } catch {
      this.close();
    }
  }

  #send(frame: ReceiverFrame): void {
    if (this.#isLive) this.#connection?.send(frame);
  }

  #sendRequests(): void {
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

  #give(error: SessionError): void {
    if (this.#over.signal.aborted) return;
    this.#end(error);
    this.#options.onGivenUp?.(error);
  }

  #end(error: SessionError): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    this.#requests.fail(error);
    this.#connection?.close();
  }
}

/** Where to connect, and what to show there: pages can set no header of a socket. */
function addressOf({ url, cluster, tokens, any = false }: SessionOptions): {
  readonly url: string;
  readonly protocols: readonly string[];
} {
  const base = url.replace(/^http/, "ws").replace(/\/+$/, "");
  const path = cluster === undefined ? "" : `/c/${cluster}`;
  const { deployment, user } = tokens?.() ?? {};
  const protocols = [
    ...(deployment === undefined ? [] : ["Edgekeeper", deployment]),
    ...(user === undefined ? [] : ["Bearer", user]),
  ];
  return { url: `${base}${path}/v1/session${any ? "?any" : ""}`, protocols };
}

const closed = (): SessionError =>
  new SessionError("edgekeeper: the session is closed", {
    code: GRPC.unavailable,
    isFateUnknown: true,
  });
const otherCluster = (): SessionError =>
  new SessionError("edgekeeper: the cluster was deleted or rebuilt", {
    code: GRPC.unavailable,
    isFateUnknown: true,
  });
const protocolRefused = (): SessionError =>
  new SessionError("edgekeeper: the replica refused the session protocol", {
    code: GRPC.unimplemented,
    isFateUnknown: true,
  });
