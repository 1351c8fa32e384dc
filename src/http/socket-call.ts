// Owns calls over WebSocket that have one request: any path of etcd's API upgrades, as in its proxy.
// The first document is sent to the same path by POST, within the app; each line of the answer, be it
// an error, is a frame. The socket ends with the answer.

import type { MiddlewareHandler } from "hono";
import { converseBySocket, type Conversation } from "./conversation.ts";
import { headersOfCall } from "./credentials.ts";
import { SocketLines, type LineSink } from "./line-sink.ts";
import { acceptSocket, isUpgrade } from "./upgrade.ts";

/** How the app answers a request. */
export type Fetch = (request: Request) => Response | Promise<Response>;

/** Upgrades whatever wants it, but calls that stream both ways, which have a door of their own. */
export function callsBySocket(
  fetch: Fetch,
  isStream: (path: string) => boolean,
): MiddlewareHandler {
  return async (context, next) => {
    const request = context.req.raw;
    if (!isUpgrade(request) || isStream(context.req.path)) return next();
    const { socket, response } = acceptSocket(request);
    const sink = new SocketLines(socket);
    const upgrade = { url: request.url, headers: headersOfCall(context) };
    converseBySocket(socket, sink, new SocketCall(fetch, upgrade, sink));
    return response;
  };
}

/** What belongs to the socket, and not to what is asked through it. */
const SOCKET_HEADERS = ["Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"];

/** One request, one answer, of one line or of many. */
export class SocketCall implements Conversation {
  readonly #fetch: Fetch;
  readonly #upgrade: Pick<Request, "url" | "headers">;
  readonly #sink: LineSink;
  readonly #over = new AbortController();

  constructor(fetch: Fetch, upgrade: Pick<Request, "url" | "headers">, sink: LineSink) {
    this.#fetch = fetch;
    this.#upgrade = upgrade;
    this.#sink = sink;
  }

  async receive(document: string): Promise<boolean> {
    const headers = new Headers(this.#upgrade.headers);
    for (const name of SOCKET_HEADERS) headers.delete(name);
    const { signal } = this.#over;
    const init = { method: "POST", headers, body: document, signal };
    const response = await this.#fetch(new Request(this.#upgrade.url, init));
    await this.#passOn(response);
    await this.#sink.end();
    return false;
  }

  async inputEnded(): Promise<void> {}

  close(): void {
    this.#over.abort();
  }

  async #passOn(response: Response): Promise<void> {
    const body: ReadableStream<Uint8Array> | null = response.body;
    if (body === null) return;
    let unfinished = "";
    for await (const text of textsOf(body)) {
      const lines = `${unfinished}${text}`.split("\n");
      unfinished = lines.pop()!;
      for (const line of lines) if (line !== "") await this.#sink.write(line);
    }
    if (unfinished !== "") await this.#sink.write(unfinished);
  }
}

async function* textsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    // Of an answer that was broken off nothing more is wanted; of a whole one nothing is left.
    void reader.cancel().catch(() => undefined);
  }
}
