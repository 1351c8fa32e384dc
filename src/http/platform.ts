// Owns what the shell takes from the world: time and randomness. Tests hand in their own.

import type { Bytes } from "../base/types.ts";

export interface Timer {
  /** Resolves when the time is over; never, once it was stopped. */
  readonly over: Promise<void>;
  readonly stop: () => void;
}

export interface Platform {
  /** Unix milliseconds; those of another machine may differ by seconds. */
  readonly clock: () => number;
  /** `size` bytes that nobody can guess. */
  readonly random: (size: number) => Bytes;
  /** Resolves after `ms` milliseconds, or at once when `signal` aborts. Never rejects. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** The same for one waiter who may stop it: a signal is an object of the platform, and costs more. */
  readonly timer: (ms: number) => Timer;
  /** Has the platform go on with `work`, which others need too, when its request is over. */
  readonly outlive: (work: Promise<unknown>) => void;
}

/** The platform of the Worker, but for `outlive`: elsewhere nothing ends with a request. */
export const PLATFORM: Platform = {
  clock: () => Date.now(),
  random: (size) => crypto.getRandomValues(new Uint8Array(size)),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        // A long-lived signal would gather one listener for each sleep.
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      signal?.addEventListener("abort", wake);
      if (signal?.aborted === true) wake();
    }),
  timer: (ms) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    return { over: promise, stop: () => clearTimeout(timer) };
  },
  outlive: () => undefined,
};

/** A number in `[0, 1)`, for jitter. */
export function randomFraction(random: Platform["random"]): number {
  const [high, low] = random(2);
  return (high! * 256 + low!) / 65_536;
}
