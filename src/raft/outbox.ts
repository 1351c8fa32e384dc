// Owns the messages and read confirmations that wait for the next `takeReady`.

import type { MemberId } from "../base/types.ts";
import type { Ready, ReadyRead } from "./ready.ts";
import type { Message } from "./types.ts";

/** A message without its sender: `Omit` over each kind apart. */
export type Outgoing = Message extends infer Kind
  ? Kind extends Message
    ? Omit<Kind, "from">
    : never
  : never;

/** Gathers effects in the order in which they came about. */
export class Outbox {
  readonly #from: MemberId;
  #messages: Message[] = [];
  #reads: ReadyRead[] = [];
  #readsLost: number[] = [];

  constructor(from: MemberId) {
    this.#from = from;
  }

  get isEmpty(): boolean {
    return this.#messages.length + this.#reads.length + this.#readsLost.length === 0;
  }

  send(message: Outgoing): void {
    this.#messages.push({ ...message, from: this.#from });
  }

  confirmReads(reads: readonly ReadyRead[]): void {
    this.#reads.push(...reads);
  }

  loseReads(tokens: readonly number[]): void {
    this.#readsLost.push(...tokens);
  }

  /** Everything gathered; the outbox is empty afterwards. */
  take(): Pick<Ready, "messages" | "reads" | "readsLost"> {
    const taken = { messages: this.#messages, reads: this.#reads, readsLost: this.#readsLost };
    this.#messages = [];
    this.#reads = [];
    this.#readsLost = [];
    return taken;
  }
}
