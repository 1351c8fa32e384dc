// Owns a client's WebSocket as the router holds it, played: frames in, frames out.

import type { HeardSocket } from "../../../src/http/conversation.ts";
import type { LineSocket } from "../../../src/http/line-sink.ts";

export class ClientSocket implements HeardSocket, LineSocket {
  readonly frames: string[] = [];
  /** The code that the router closed it with. */
  closedWith: number | null = null;
  readonly #over = Promise.withResolvers<void>();
  readonly #listeners: Record<string, ((event: { data: unknown }) => void)[]> = {};

  addEventListener(type: string, listener: (event: { data: unknown }) => void): void {
    (this.#listeners[type] ??= []).push(listener);
  }

  send(message: string): void {
    if (this.closedWith !== null) throw new Error("the socket is closed");
    this.frames.push(message);
  }

  close(code?: number): void {
    this.closedWith ??= code ?? 1005;
    this.#over.resolve();
  }

  /** Resolves when the router has closed it. */
  get closed(): Promise<void> {
    return this.#over.promise;
  }

  /** The client sends a frame. */
  say(data: unknown): void {
    for (const listener of this.#listeners["message"] ?? []) listener({ data });
  }

  /** The client goes. */
  leave(): void {
    for (const listener of this.#listeners["close"] ?? []) listener({ data: null });
  }
}
