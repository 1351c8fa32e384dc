// Owns a session from the receiver's side, across connections: it connects, resumes every watch
// after what was passed on, and acknowledges what its owner has taken. The protocol is described in
// `api/session.ts`.

import { CodecError } from "../base/codec.ts";
import type { Credentials } from "../base/auth.ts";
import type { WatchDelivery, WatchSpec } from "../base/watch.ts";
import type { Header } from "../api/replica.ts";
import { GATEWAY_ERRORS } from "../api/error.ts";
import { SessionWatches } from "../api/session-watches.ts";
import {
  SESSION_VERSION_OF_WATCHES,
  type ReceiverFrame,
  type ReplicaFrame,
} from "../api/session.ts";
import { RequestError } from "./response.ts";
import { randomFraction, type Platform } from "./platform.ts";
import { SessionConnection, type SessionSocket } from "./session-connection.ts";

export interface SessionClientOptions extends Platform {
  /** Opens a socket to a replica. @throws RequestError when none serves, or what fetch throws. */
  readonly connect: () => Promise<SessionSocket>;
  /** The owner wants to hear when there is no leader, and not wait for one. */
  readonly needsLeader?: boolean;
  /**
   * Takes a delivery; what it returns resolves when the delivery was passed on, and only then is it
   * acknowledged. A rejection ends the session: the client behind it is gone.
   */
  readonly deliver: (delivery: WatchDelivery, header: Header) => Promise<void>;
  /** Who watches; absent: nobody that is known. */
  readonly credentials?: Credentials;
  /** The session has given up for good: the first connection failed, or its owner did. */
  readonly onGivenUp: (error: unknown) => void;
}

type WelcomeFrame = Extract<ReplicaFrame, { kind: "welcome" }>;

const BACK_OFF_MS_MIN = 50;
const BACK_OFF_MS_MAX = 2_000;
/** Sockets that fail to open before the first welcome, until the client is told so. */
const FIRST_ATTEMPTS_MAX = 4;

/** The cluster was deleted: trying again would not bring it back. */
const isOfNoCluster = (error: unknown): boolean =>
  error instanceof RequestError && error.error === GATEWAY_ERRORS.unknownCluster;

export class SessionClient {
  readonly #options: SessionClientOptions;
  readonly #watches = new SessionWatches();
  readonly #welcomed = Promise.withResolvers<void>();
  readonly #over = new AbortController();
  /** Opened, and perhaps still waiting for its welcome. */
  #connection: SessionConnection | null = null;
  /** Whether the welcome has come: until then watches wait, to be begun all together. */
  #isLive = false;
  #welcome: WelcomeFrame | null = null;
  #failures = 0;

  constructor(options: SessionClientOptions) {
    this.#options = options;
    // Whoever does not wait for the first connection sees nothing of its failure.
    this.#welcomed.promise.catch(() => undefined);
    void this.#run();
  }

  /** Resolves with the first welcome; rejects when the first attempt to connect fails. */
  get welcomed(): Promise<void> {
    return this.#welcomed.promise;
  }

  /** The header of the last welcome; null before the first. */
  get header(): Header | null {
    return this.#welcome;
  }

  /** Begins a watch. Its first delivery is `created`, or `canceled` with the reason. */
  watch(watch: number, spec: WatchSpec): void {
    this.#send([this.#signed(this.#watches.add(watch, spec))]);
  }

  /** Ends a watch, which then hears `canceled`; an unknown one hears nothing. */
  cancel(watch: number): void {
    const frame = this.#watches.cancel(watch);
    if (frame !== null) this.#send([frame]);
  }

  /** Asks for one report on all watches; without a connection nothing comes, as etcd allows. */
  requestProgress(): void {
    this.#send([{ kind: "progress" }]);
  }

  /** Ends the session. Nothing is delivered afterwards. */
  close(): void {
    this.#over.abort();
    this.#connection?.close();
  }

  /** The frame with who watches, if that is known. */
  #signed(frame: ReceiverFrame): ReceiverFrame {
    const { credentials = { kind: "none" } } = this.#options;
    if (frame.kind !== "watch" || credentials.kind === "none") return frame;
    return { ...frame, credentials };
  }

  #send(frames: readonly ReceiverFrame[]): void {
    if (this.#isLive) this.#connection?.send(frames);
  }

  async #run(): Promise<void> {
    const { sleep, random } = this.#options;
    while (!this.#over.signal.aborted) {
      await this.#converse();
      this.#connection = null;
      this.#isLive = false;
      const ms = Math.min(BACK_OFF_MS_MIN * 2 ** this.#failures, BACK_OFF_MS_MAX);
      this.#failures++;
      await sleep(ms * (0.5 + randomFraction(random)), this.#over.signal);
    }
  }

  /** One connection, from its opening to its end. */
  async #converse(): Promise<void> {
    try {
      const connection = await this.#connect();
      if (connection === null) return;
      for await (const frames of connection.messages()) {
        await this.#hear(connection, frames);
      }
      if (connection.refused) this.#give(new Error("the replica refused the session protocol"));
    } catch (error) {
      if (error instanceof CodecError) this.#connection?.close();
      else this.#give(error);
    }
  }

  /**
   * Null when it failed. Before the first welcome the owner hears of that; afterwards it is tried
   * again for as long as the client stays, as etcd does without a leader, unless the client asked
   * to hear of that.
   */
  async #connect(): Promise<SessionConnection | null> {
    let socket: SessionSocket;
    try {
      socket = await this.#options.connect();
    } catch (error) {
      const isUnled = error instanceof RequestError;
      const isHopeless = isUnled || this.#failures >= FIRST_ATTEMPTS_MAX;
      const mayWait = this.#welcome !== null && !(isUnled && this.#options.needsLeader === true);
      if ((isHopeless && !mayWait) || isOfNoCluster(error)) this.#give(error);
      return null;
    }
    this.#connection = new SessionConnection(socket, this.#options);
    if (this.#over.signal.aborted) this.#connection.close();
    this.#connection.send([{ kind: "hello", version: SESSION_VERSION_OF_WATCHES }]);
    return this.#connection;
  }

  /** Gives up: nothing that is tried again would help. */
  #give(error: unknown): void {
    if (this.#over.signal.aborted) return;
    this.#welcomed.reject(error);
    this.close();
    this.#options.onGivenUp(error);
  }

  async #hear(connection: SessionConnection, frames: readonly ReplicaFrame[]): Promise<void> {
    let sequence: number | null = null;
    for (const frame of frames) {
      if (this.#over.signal.aborted) return;
      if (frame.kind === "welcome") await this.#heardWelcome(connection, frame);
      else if (frame.kind === "delivery") {
        const delivery = this.#watches.take(frame.delivery);
        if (delivery !== null) await this.#pass(delivery, frame.term);
        ({ sequence } = frame);
        // Only now has the connection been of use: one that ends after its welcome is a failure.
        this.#failures = 0;
      }
    }
    if (sequence !== null) connection.acknowledge(sequence);
  }

  /** Begins the watches on this connection: new ones, and known ones after what was passed on. */
  async #heardWelcome(connection: SessionConnection, welcome: WelcomeFrame): Promise<void> {
    const isAnother = this.#welcome !== null && this.#welcome.clusterId !== welcome.clusterId;
    // Its revisions count other changes: to go on after the last one would leave out, or mix up.
    if (isAnother) return this.#give(new RequestError(GATEWAY_ERRORS.otherCluster));
    this.#welcome = welcome;
    const { frames, ended } = this.#watches.resume();
    if (frames.length > 0) connection.send(frames.map((frame) => this.#signed(frame)));
    // From here on new watches are sent by themselves: nothing was awaited since the list was made.
    this.#isLive = true;
    this.#welcomed.resolve();
    const { revision, term } = welcome;
    for (const watch of ended) {
      const delivery = { kind: "canceled", watch, revision, cause: { kind: "asked" } } as const;
      this.#watches.take(delivery);
      await this.#pass(delivery, term);
    }
  }

  async #pass(delivery: WatchDelivery, term: Header["term"]): Promise<void> {
    const { clusterId, memberId } = this.#welcome!;
    await this.#options.deliver(delivery, {
      clusterId,
      memberId,
      revision: delivery.revision,
      term,
    });
  }
}
