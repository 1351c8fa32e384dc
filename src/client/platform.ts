// Owns what the client takes from the world: time, randomness, sockets. Whatever has the web's
// standard globals will do: browsers, Workers, Node. Tests hand in their own.

import type { Bytes } from "../base/types.ts";

/** What is used of a WebSocket. */
export interface ClientSocket {
  binaryType: string;
  send(message: string | Bytes): void;
  close(code?: number): void;
  addEventListener(type: "open" | "error", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { code: number }) => void): void;
}

export interface ClientPlatform {
  /** Milliseconds of a clock that may be compared with itself only. */
  readonly clock: () => number;
  /** `size` bytes that nobody can guess. */
  readonly random: (size: number) => Bytes;
  /** Resolves after `ms` milliseconds, or at once when `signal` aborts. Never rejects. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly connect: (url: string, protocols: readonly string[]) => ClientSocket;
  /** Of passwords, and of why there is no socket. */
  readonly fetch: (url: string, request: RequestInit) => Promise<Response>;
}

export const WEB_PLATFORM: ClientPlatform = {
  clock: () => Date.now(),
  random: (size) => crypto.getRandomValues(new Uint8Array(size)),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      signal.addEventListener("abort", wake);
      if (signal.aborted) wake();
    }),
  connect: (url, protocols) => new WebSocket(url, [...protocols]),
  fetch: (url, request) => fetch(url, request),
};
