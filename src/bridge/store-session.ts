// Owns one session with the store, as the bridge has it: what is shown when it connects, and what it
// means when it cannot.

import { WebSocket, type ClientOptions } from "ws";
import { GATEWAY_ERRORS } from "../api/error.ts";
import { GRPC } from "../api/grpc-code.ts";
import { mayWrite } from "../api/may-write.ts";
import type { Header } from "../api/replica.ts";
import type { SessionRequest } from "../api/session-call.ts";
import { BRIDGE_FRAME_BYTES_MAX } from "../base/limits.ts";
import type { WatchSpec } from "../base/watch.ts";
import { EdgekeeperError } from "../client/error.ts";
import { WEB_PLATFORM, type ClientSocket } from "../client/platform.ts";
import type { Answered } from "../client/requests.ts";
import { Session, type AskOptions, type Deliver } from "../client/session.ts";
import { refusalOf, unreachableEndpoint } from "./gateway-error.ts";
import { UpstreamError } from "./upstream.ts";

/** A replica does not answer that a session is closed: the socket waits no longer for that. */
const FAREWELL_MS = 1_000;

export interface StoreSessionOptions {
  /** Of the router, with the path of a cluster if it is not the default one. */
  readonly url: string;
  /** Who asks; sent with each upgrade. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Whether whoever waits would rather wait until the endpoint is there again, once the session has been
   * with the store.
   */
  readonly isPatient: boolean;
  readonly onProgress?: (header: Header) => void;
  /** The endpoint is not there; it is tried again. */
  readonly onUnreached?: (error: UpstreamError) => void;
  /** The session is over, and not by `close`. */
  readonly onFailed: (error: UpstreamError) => void;
}

export class StoreSession {
  readonly #options: StoreSessionOptions;
  readonly #session: Session;
  #failure: UpstreamError | null = null;
  /** Since when no replica has spoken, in milliseconds; null while one does. */
  #downSince: number | null = Date.now();
  #wasUp = false;
  /** The latest: what becomes of one that it has replaced says nothing of the store. */
  #socket: WebSocket | null = null;

  constructor(options: StoreSessionOptions) {
    this.#options = options;
    const { url, onProgress } = options;
    this.#session = new Session({
      url,
      platform: { ...WEB_PLATFORM, connect: (address) => this.#connect(address) },
      ...(onProgress === undefined ? {} : { onProgress }),
      onGivenUp: ({ message }) => this.#fail(new UpstreamError(GRPC.unavailable, message)),
    });
  }

  get downSince(): number | null {
    return this.#downSince;
  }

  /** @throws UpstreamError with what the client is to be told. */
  async ask(request: SessionRequest, options: AskOptions): Promise<Answered> {
    try {
      return await this.#session.ask(request, options);
    } catch (error) {
      throw this.#failure ?? upstreamErrorOf(error, request);
    }
  }

  /** Begins a watch; returns what ends it. `deliver` must not keep the others waiting. */
  watch(spec: WatchSpec, deliver: Deliver): () => void {
    return this.#session.watch(spec, deliver);
  }

  requestProgress(): void {
    this.#session.requestProgress();
  }

  close(): void {
    this.#session.close();
  }

  #connect(url: string): ClientSocket {
    const options: ClientOptions & { readonly closeTimeout: number } = {
      headers: this.#options.headers,
      perMessageDeflate: false,
      maxPayload: BRIDGE_FRAME_BYTES_MAX,
      closeTimeout: FAREWELL_MS,
    };
    const socket = new WebSocket(url, options);
    this.#socket = socket;
    this.#downSince ??= Date.now();
    socket.once("message", () => {
      if (this.#socket !== socket) return;
      this.#downSince = null;
      this.#wasUp = true;
    });
    socket.once("close", () => {
      if (this.#socket === socket) this.#downSince ??= Date.now();
    });
    socket.on("unexpected-response", (request, response) => {
      void refusalOf(response).then((error) => {
        if (this.#socket === socket) this.#refused(error);
        request.destroy();
        socket.terminate();
      });
    });
    // One that was closed from here has no code.
    socket.on("error", (error) => {
      const isLatest = this.#socket === socket;
      if ("code" in error && isLatest && socket.readyState !== WebSocket.OPEN) {
        this.#unreached(error);
      }
    });
    return socket;
  }

  /** The endpoint has answered, and opens no session. */
  #refused(error: UpstreamError): void {
    // A replica that stops at this moment opens none; the next attempt finds another.
    if (error.message === GATEWAY_ERRORS.noSession.message) return;
    if (error.code !== GRPC.unavailable) this.#fail(error);
    else if (error.message !== GATEWAY_ERRORS.noLeader.message) this.#unreached(error);
    else if (this.#options.isPatient && !this.#wasUp) this.#fail(error);
  }

  #unreached(cause: Error): void {
    const error = cause instanceof UpstreamError ? cause : unreachableEndpoint(cause);
    if (this.#options.isPatient && this.#wasUp) this.#options.onUnreached?.(error);
    else this.#fail(error);
  }

  #fail(error: UpstreamError): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#session.close();
    this.#options.onFailed(error);
  }
}

/**
 * What is told of a request without an answer, as the gateway tells it. "Unimplemented" says that nothing
 * has happened: whoever hears it may ask elsewhere.
 */
function upstreamErrorOf(error: unknown, request: SessionRequest): unknown {
  if (!(error instanceof EdgekeeperError)) return error;
  const { code, message, refusal, isFateUnknown } = error;
  const isUnheard = code === GRPC.unimplemented && isFateUnknown;
  const isTimeout = code === GRPC.deadlineExceeded && refusal === null;
  if (!isTimeout && !isUnheard) return new UpstreamError(code, message);
  const told = isFateUnknown ? withoutOutcome(request) : GATEWAY_ERRORS.noLeader;
  return new UpstreamError(told.code, told.message);
}

const withoutOutcome = (request: SessionRequest) =>
  mayWrite(request) ? GATEWAY_ERRORS.writeTimeout : GATEWAY_ERRORS.readTimeout;
