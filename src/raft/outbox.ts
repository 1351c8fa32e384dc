// Owns the messages and read confirmations that wait for the next `takeReady`.

import type { MemberId } from "../base/types.ts";
import type { Ready, ReadyRead } from "./ready.ts";
import type { Message, SnapshotAnswer, SnapshotMessage } from "./types.ts";

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
  #snapshots: (SnapshotMessage | SnapshotAnswer)[] = [];

  constructor(from: MemberId) {
    this.#from = from;
  }

  get isEmpty(): boolean {
    const effects = this.#messages.length + this.#reads.length + this.#readsLost.length;
    return effects + this.#snapshots.length === 0;
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

  /** Passes on to the owner what is not consensus's to understand. */
  passOn(message: SnapshotMessage | SnapshotAnswer): void {
    this.#snapshots.push(message);
  }

  /** The messages alone. */
  takeMessages(): readonly Message[] {
    const taken = this.#messages;
    this.#messages = [];
    return taken;
  }

  /** Everything gathered; the outbox is empty afterwards. */
  take(): Pick<Ready, "messages" | "reads" | "readsLost" | "snapshots"> {
    const taken = {
      messages: this.#messages,
      reads: this.#reads,
      readsLost: this.#readsLost,
      snapshots: this.#snapshots,
    };
    this.#messages = [];
    this.#reads = [];
    this.#readsLost = [];
    this.#snapshots = [];
    return taken;
  }
}
