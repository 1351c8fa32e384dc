// Owns the answers of one stream that its client has not taken yet, and their bytes: who does not read must
// not fill the memory that all share.

import { STREAM_BYTES_MAX, STREAM_BYTES_SHARE, STREAMS_BYTES_MAX } from "./bounds.ts";
import type { Message, UpstreamError } from "./upstream.ts";

/** What waits in all queues together. */
export class Backlog {
  bytes = 0;
}

interface Item {
  readonly message: Message;
  readonly bytes: number;
}

export class AnswerQueue {
  readonly #backlog: Backlog;
  readonly #onRoom: () => void;
  #items: Item[] = [];
  #bytes = 0;
  #wake: () => void = () => {};
  #end: UpstreamError | "ended" | null = null;

  /** `onRoom` is called when much was taken, whether or not there was no room before. */
  constructor(backlog: Backlog, onRoom: () => void) {
    this.#backlog = backlog;
    this.#onRoom = onRoom;
  }

  /** Nothing may come that can be left out. */
  get isFull(): boolean {
    if (this.#bytes >= STREAM_BYTES_MAX) return true;
    return this.#backlog.bytes >= STREAMS_BYTES_MAX && this.#bytes >= STREAM_BYTES_SHARE;
  }

  push(message: Message, bytes: number): void {
    if (this.#end !== null) return;
    this.#items.push({ message, bytes });
    this.#count(bytes);
    this.#wake();
  }

  /** Nothing follows, and what waits is forgotten. */
  fail(error: UpstreamError): void {
    this.#finish(error);
  }

  /** The same, and nobody is to be told. */
  end(): void {
    this.#finish("ended");
  }

  /** The answers, in order. Those taken count until the next is asked for. */
  async *answers(): AsyncGenerator<Message, void, void> {
    for (;;) {
      const items = this.#items;
      this.#items = [];
      for (const { message, bytes } of items) {
        if (this.#end !== null) break;
        yield message;
        if (this.#end !== null) break;
        this.#count(-bytes);
        if (this.#bytes <= STREAM_BYTES_MAX / 2 && !this.isFull) this.#onRoom();
      }
      if (this.#end === "ended") return;
      if (this.#end !== null) throw this.#end;
      if (this.#items.length === 0) await this.#somethingHappens();
    }
  }

  #somethingHappens(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    return promise;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#backlog.bytes += bytes;
  }

  #finish(end: UpstreamError | "ended"): void {
    if (this.#end !== null) return;
    this.#end = end;
    this.#items = [];
    this.#count(-this.#bytes);
    this.#wake();
  }
}
