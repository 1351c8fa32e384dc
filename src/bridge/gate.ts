// Owns how many requests are on their way in one session, and their bytes: a replica refuses what goes
// beyond, so the others wait here, first come, first served.

import { GATEWAY_ERRORS } from "../api/error.ts";
import {
  REQUEST_BYTES_MAX,
  REQUESTS_MAX,
  REQUESTS_WAITING_BYTES_MAX,
  REQUESTS_WAITING_MAX,
} from "./bounds.ts";
import { UpstreamError } from "./upstream.ts";

interface Waiting {
  readonly bytes: number;
  readonly enter: () => void;
}

export class Gate {
  #inside = { requests: 0, bytes: 0 };
  readonly #waiting = new Set<Waiting>();
  #waitingBytes = 0;

  get isEmpty(): boolean {
    return this.#inside.requests === 0 && this.#waiting.size === 0;
  }

  /**
   * Resolves when it is the request's turn, with what is to be called once it is over; with null when the
   * signal aborts before, which is asked for only if there is to be a wait.
   *
   * @throws UpstreamError when too many wait.
   */
  async enter(bytes: number, signal: () => AbortSignal): Promise<(() => void) | null> {
    if (this.#waiting.size > 0 || !this.#hasRoom(bytes)) {
      if (!(await this.#wait(bytes, signal()))) return null;
    } else this.#admit(bytes);
    return () => {
      this.#inside.requests--;
      this.#inside.bytes -= bytes;
      this.#admitWaiting();
    };
  }

  #wait(bytes: number, signal: AbortSignal): Promise<boolean> {
    const isFull =
      this.#waiting.size >= REQUESTS_WAITING_MAX ||
      this.#waitingBytes + bytes > REQUESTS_WAITING_BYTES_MAX;
    if (isFull) {
      const { code, message } = GATEWAY_ERRORS.overloaded;
      throw new UpstreamError(code, message);
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const leave = (isAdmitted: boolean): void => {
      if (!this.#waiting.delete(waiting)) return;
      this.#waitingBytes -= bytes;
      signal.removeEventListener("abort", giveUp);
      resolve(isAdmitted);
    };
    const giveUp = (): void => leave(false);
    const waiting: Waiting = { bytes, enter: () => leave(true) };
    this.#waiting.add(waiting);
    this.#waitingBytes += bytes;
    signal.addEventListener("abort", giveUp);
    if (signal.aborted) giveUp();
    return promise;
  }

  #admitWaiting(): void {
    for (const waiting of this.#waiting) {
      if (!this.#hasRoom(waiting.bytes)) return;
      this.#admit(waiting.bytes);
      waiting.enter();
    }
  }

  #admit(bytes: number): void {
    this.#inside.requests++;
    this.#inside.bytes += bytes;
  }

  /** One that is larger than the bound goes by itself. */
  #hasRoom(bytes: number): boolean {
    const { requests, bytes: inside } = this.#inside;
    if (requests === 0) return true;
    return requests < REQUESTS_MAX && inside + bytes <= REQUEST_BYTES_MAX;
  }
}
