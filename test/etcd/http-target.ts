// Owns a server that is reached over HTTP: an etcd, or ours on the real runtime.

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { CallRequest, ClientSocket, HistoryHash, SocketEvents, Target } from "./target.ts";

/** etcd looks after watches that lag every 100 ms. */
const QUIET_MS = 160;
const POLL_MS = 10;

export class HttpTarget implements Target {
  readonly url: string;
  readonly #stop: () => Promise<void>;

  /** `url` may have a path, below which the API is. */
  constructor(url: string, stop: () => Promise<void>) {
    this.url = url;
    this.#stop = stop;
  }

  send({ path, ...request }: CallRequest): Promise<Response> {
    const { method, body, headers, signal } = request;
    return fetch(this.url + path, { method, body, headers, signal });
  }

  async connect(
    path: string,
    protocols: readonly string[],
    { onText, onClose }: SocketEvents,
  ): Promise<ClientSocket> {
    const socket = new WebSocket(this.url.replace("http", "ws") + path, [...protocols]);
    socket.addEventListener("message", ({ data }) => onText(data as string));
    const refused = Promise.withResolvers<never>();
    socket.addEventListener("error", () => refused.reject(new Error("the upgrade was refused")));
    await Promise.race([once(socket, "open"), refused.promise]);
    socket.addEventListener("close", ({ code }) => onClose(code));
    refused.promise.catch(() => undefined);
    return { send: (text) => socket.send(text), close: () => socket.close() };
  }

  async pass(ms: number): Promise<void> {
    await sleep(ms);
  }

  async quiet(heard: () => number): Promise<void> {
    let count = heard();
    for (let silentMs = 0; silentMs < QUIET_MS; silentMs += POLL_MS) {
      await sleep(POLL_MS);
      if (heard() === count) continue;
      count = heard();
      silentMs = 0;
    }
  }

  async hash(
    revision: number,
    headers: Readonly<Record<string, string>>,
  ): Promise<HistoryHash | null> {
    const request = { method: "POST", body: JSON.stringify({ revision }), headers };
    const response = await fetch(`${this.url}/v3/maintenance/hashkv`, request);
    if (response.status !== 200) return null;
    const answer = (await response.json()) as { hash?: number; compact_revision?: string };
    return { hash: answer.hash ?? 0, compactRevision: Number(answer.compact_revision ?? 0) };
  }

  stop(): Promise<void> {
    return this.#stop();
  }
}
