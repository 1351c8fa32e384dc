// Owns linearizable reads on their way: first a quorum confirms the leadership, then the confirmed
// index is applied (Raft thesis §6.4).

import { READS_WAITING_MAX } from "../base/limits.ts";
import type { LogIndex } from "../base/types.ts";
import type { ReadyRead } from "../raft/ready.ts";

export class Reads {
  readonly #calls = new Map<number, number>();
  #confirmed: ReadyRead[] = [];

  get isFull(): boolean {
    return this.#calls.size >= READS_WAITING_MAX;
  }

  start(call: number, token: number): void {
    this.#calls.set(token, call);
  }

  confirm(reads: readonly ReadyRead[]): void {
    this.#confirmed.push(...reads);
  }

  /** Removes and returns the calls of reads whose index is applied. */
  takeApplied(applied: LogIndex): number[] {
    if (this.#confirmed.length === 0) return [];
    const ready = this.#confirmed.filter((read) => read.index <= applied);
    this.#confirmed = this.#confirmed.filter((read) => read.index > applied);
    return this.take(ready.map((read) => read.token));
  }

  /** Removes and returns the calls of `tokens`. */
  take(tokens: readonly number[]): number[] {
    return tokens.flatMap((token) => {
      const call = this.#calls.get(token);
      this.#calls.delete(token);
      return call === undefined ? [] : [call];
    });
  }
}
