// Owns one connection of a client's session: frames in order, pings, credit for answers and deliveries,
// and noticing that the other side is gone. What the frames mean is the session's affair.

import { decodeReplicaFrames, receiverMessagesOf } from "../api/session-codec.ts";
import {
  ACKNOWLEDGE_BYTES_MIN,
  ACKNOWLEDGE_PINGS,
  answerWeight,
  SESSION_PING,
  SESSION_PING_MS,
  SESSION_SILENCE_MS,
  type ReceiverFrame,
  type ReplicaFrame,
} from "../api/session.ts";
import type { ClientPlatform, ClientSocket } from "./platform.ts";

export interface ConnectionOwner {
  /** Whether anything waits for the other side: without, nothing is sent, and soon there is an end. */
  isBusy(): boolean;
  heard(frames: readonly ReplicaFrame[]): void;
  /** Once, whoever ended it; null when nobody said why. */
  ended(code: number | null): void;
}

/** Answers that weigh so much are given back at once, lesser ones with what is sent next. */
const TAKEN_BYTES_MIN = 65_536;
const CLOSE_NORMAL = 1000;
/**
 * A connection that nobody has needed for so long is closed. It costs next to nothing where the object
 * sleeps; what it does cost is a socket of the replica's, and under Node a process that does not end.
 */
const IDLE_MS = 20_000;

export class ClientConnection {
  readonly #socket: ClientSocket;
  readonly #platform: ClientPlatform;
  readonly #owner: ConnectionOwner;
  readonly #over = new AbortController();
  #isOpen = false;
  #outbox: ReceiverFrame[] = [];
  #isFlushing = false;
  #taken = 0;
  /** Of the last delivery that was dealt with; 0: nothing is to be acknowledged. */
  #acknowledged = 0;
  #unacknowledgedBytes = 0;
  #lastSequence = 0;
  #pings = 0;
  /** Since when something was sent, and nothing has come; null: nothing is to come. */
  #silentSince: number | null;
  #neededAt: number;

  constructor(socket: ClientSocket, platform: ClientPlatform, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#platform = platform;
    this.#owner = owner;
    this.#silentSince = this.#neededAt = platform.clock();
    // Binary messages come as Blob otherwise, whose bytes can only be awaited.
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => {
      this.#isOpen = true;
      this.#flush();
    });
    socket.addEventListener("message", ({ data }) => this.#heard(data));
    socket.addEventListener("close", ({ code }) => this.#end(code));
    socket.addEventListener("error", () => this.#end(null));
    void this.#ping();
  }

  /** Sends with all else that is sent in the same turn, in one message or a few. */
  send(frame: ReceiverFrame): void {
    this.#outbox.push(frame);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  /** Everything up to that delivery was dealt with. */
  acknowledge(sequence: number): void {
    if (this.#acknowledged === 0) this.#pings = 0;
    this.#acknowledged = sequence;
    if (this.#unacknowledgedBytes >= ACKNOWLEDGE_BYTES_MIN) this.#flushSoon();
  }

  /** Ends the connection. The owner hears of it. */
  close(): void {
    this.#end(null);
  }

  #flush(): void {
    const frames = this.#outbox;
    const sequence = this.#acknowledged;
    if (!this.#isOpen || this.#over.signal.aborted || frames.length + sequence === 0) return;
    this.#neededAt = this.#platform.clock();
    this.#outbox = [];
    if (sequence > 0) frames.push({ kind: "ack", sequence });
    if (sequence === this.#lastSequence) this.#unacknowledgedBytes = 0;
    this.#acknowledged = 0;
    if (this.#taken > 0) frames.push({ kind: "taken", bytes: this.#taken });
    this.#taken = 0;
    for (const message of receiverMessagesOf(frames)) this.#transmit(message);
  }

  #heard(data: unknown): void {
    if (this.#over.signal.aborted) return;
    this.#silentSince = null;
    // Text is the answer to a ping, and says no more than that.
    if (!(data instanceof ArrayBuffer)) return;
    let frames: ReplicaFrame[];
    try {
      frames = decodeReplicaFrames(new Uint8Array(data));
    } catch {
      return this.close();
    }
    for (const frame of frames) {
      if (frame.kind === "answer") this.#taken += answerWeight(frame.body);
      else if (frame.kind === "delivery") {
        this.#unacknowledgedBytes += data.byteLength;
        this.#lastSequence = frame.sequence;
      }
    }
    this.#owner.heard(frames);
    if (this.#taken < TAKEN_BYTES_MIN) return;
    this.send({ kind: "taken", bytes: this.#taken });
    this.#taken = 0;
  }

  #end(code: number | null): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    try {
      this.#socket.close(CLOSE_NORMAL);
    } catch {
      // It was closed from the other side already.
    }
    this.#owner.ended(code);
  }

  #transmit(message: Parameters<ClientSocket["send"]>[0]): void {
    if (this.#over.signal.aborted) return;
    this.#silentSince ??= this.#platform.clock();
    try {
      this.#socket.send(message);
    } catch {
      // The close event may come later than this; either ends the connection.
      this.#end(null);
    }
  }

  async #ping(): Promise<void> {
    const { clock, sleep } = this.#platform;
    for (;;) {
      await sleep(SESSION_PING_MS, this.#over.signal);
      if (this.#over.signal.aborted) return;
      // A socket that does not even open is given up by the same measure.
      const isBusy = this.#owner.isBusy() || !this.#isOpen;
      if (isBusy) this.#neededAt = clock();
      // Who was not asked for anything is not silent.
      else this.#silentSince = null;
      // Timers may be slow, as in pages that nobody looks at: what counts is what has no answer.
      const silentMs = this.#silentSince === null ? 0 : clock() - this.#silentSince;
      if (silentMs >= SESSION_SILENCE_MS || clock() - this.#neededAt >= IDLE_MS)
        return this.close();
      if (isBusy && this.#isOpen) this.#transmit(SESSION_PING);
      if (++this.#pings >= ACKNOWLEDGE_PINGS) this.#flush();
    }
  }
}
