// Owns the time of a server in this process: it stands still but when told to go on.

import type { Timer } from "../../../src/http/platform.ts";

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

export class VirtualTime {
  #now = 1_000_000_000;
  #sleepers: Sleeper[] = [];

  get now(): number {
    return this.#now;
  }

  /** When the next sleeper wakes. */
  get nextWake(): number {
    return this.#sleepers.reduce((first, { at }) => Math.min(first, at), Infinity);
  }

  /** Goes on to `at`, waking whom that concerns. */
  reach(at: number): void {
    this.#now = Math.max(this.#now, at);
    const due = this.#sleepers.filter((sleeper) => sleeper.at <= this.#now);
    this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.at > this.#now);
    for (const { wake } of due) wake();
  }

  /** As the platform's: resolves after `ms`, or at once when `signal` aborts. */
  readonly sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (signal?.aborted === true) return Promise.resolve();
    const sleeper = { at: this.#now + ms, wake: resolve };
    this.#sleepers.push(sleeper);
    signal?.addEventListener(
      "abort",
      () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        resolve();
      },
      { once: true },
    );
    return promise;
  };

  /** As the platform's. */
  readonly timer = (ms: number): Timer => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const sleeper = { at: this.#now + ms, wake: resolve };
    this.#sleepers.push(sleeper);
    const stop = (): void => {
      this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
    };
    return { over: promise, stop };
  };
}
