// Owns one connection of a session: frames in order, pings, when it is told what was taken, and noticing
// that the other side is gone. What the frames mean, and connecting again, is the session client's affair.

import { decodeReplicaFrames, encodeReceiverFrames } from "../api/session-codec.ts";
import {
  ACKNOWLEDGE_BYTES_MIN,
  ACKNOWLEDGE_PINGS,
  CLOSE_PROTOCOL,
  SESSION_PING,
  SESSION_PING_MS,
  SESSION_SILENCE_MS,
  type ReceiverFrame,
  type ReplicaFrame,
} from "../api/session.ts";
import type { Platform } from "./platform.ts";

/** What is used of a WebSocket, so that tests can play one. */
export interface SessionSocket {
  binaryType?: string;
  accept(): void;
  send(message: string | ArrayBuffer | ArrayBufferView): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { code: number }) => void): void;
  addEventListener(type: "error", listener: () => void): void;
}

/** A normal end, as browsers and workers send it. */
const CLOSE_NORMAL = 1000;

export class SessionConnection {
  readonly #socket: SessionSocket;
  readonly #platform: Platform;
  readonly #over = new AbortController();
  #inbox: ArrayBuffer[] = [];
  #wake: () => void = () => undefined;
  #heardAt: number;
  #refused = false;
  /** Of the last delivery that was dealt with; null: nothing is to be acknowledged. */
  #acknowledged: number | null = null;
  /** Of the messages up to that one. */
  #unacknowledgedBytes = 0;
  #pings = 0;

  constructor(socket: SessionSocket, platform: Platform) {
    this.#socket = socket;
    this.#platform = platform;
    this.#heardAt = platform.clock();
    // Binary messages come as Blob otherwise, whose bytes can only be awaited.
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => this.#heard(data));
    socket.addEventListener("close", ({ code }) =>
      this.#lost({ refused: code === CLOSE_PROTOCOL }),
    );
    socket.addEventListener("error", () => this.#lost({ refused: false }));
    socket.accept();
    void this.#ping();
  }

  /** The replica said that we broke the protocol: connecting again would repeat it. */
  get refused(): boolean {
    return this.#refused;
  }

  /** Sends frames in one message; in silence nowhere when the connection is over. */
  send(frames: readonly ReceiverFrame[]): void {
    const sequence = this.#acknowledged;
    const all = sequence === null ? frames : [...frames, { kind: "ack", sequence } as const];
    this.#acknowledged = null;
    this.#unacknowledgedBytes = 0;
    this.#transmit(encodeReceiverFrames(all));
  }

  /** Everything up to that delivery, the last of its message, was dealt with. */
  acknowledge(sequence: number): void {
    if (this.#acknowledged === null) this.#pings = 0;
    this.#acknowledged = sequence;
    if (this.#unacknowledgedBytes >= ACKNOWLEDGE_BYTES_MIN) this.send([]);
  }

  /**
   * What the replica sends, message by message, until the connection is over. Bounded by the
   * session's credit: what was not acknowledged yet.
   *
   * @throws CodecError when a message is malformed.
   */
  async *messages(): AsyncGenerator<ReplicaFrame[], void, void> {
    for (;;) {
      const message = this.#inbox.shift();
      if (message !== undefined) {
        this.#unacknowledgedBytes += message.byteLength;
        yield decodeReplicaFrames(new Uint8Array(message));
      } else if (this.#over.signal.aborted) return;
      else await this.#somethingHappens();
    }
  }

  close(): void {
    if (this.#over.signal.aborted) return;
    this.#lost({ refused: false });
    try {
      this.#socket.close(CLOSE_NORMAL);
    } catch {
      // It was closed from the other side already.
    }
  }

  #somethingHappens(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    return promise;
  }

  #heard(data: unknown): void {
    this.#heardAt = this.#platform.clock();
    // Text is the answer to a ping, and says no more than that.
    if (!(data instanceof ArrayBuffer)) return;
    this.#inbox.push(data);
    this.#wake();
  }

  #lost(end: { readonly refused: boolean }): void {
    this.#refused ||= end.refused;
    this.#over.abort();
    this.#wake();
  }

  #transmit(message: string | ArrayBufferView): void {
    if (this.#over.signal.aborted) return;
    try {
      this.#socket.send(message);
    } catch {
      // The close event may come later than this; either ends the connection.
      this.#lost({ refused: false });
    }
  }

  async #ping(): Promise<void> {
    const { clock, sleep } = this.#platform;
    for (;;) {
      await sleep(SESSION_PING_MS, this.#over.signal);
      if (this.#over.signal.aborted) return;
      if (clock() - this.#heardAt >= SESSION_SILENCE_MS) return this.close();
      this.#transmit(SESSION_PING);
      if (++this.#pings >= ACKNOWLEDGE_PINGS && this.#acknowledged !== null) this.send([]);
    }
  }
}
