// Owns one WebSocket to the gateway: documents go, lines come, and who does not take the lines holds back
// the socket.

import { once } from "node:events";
import { createWebSocketStream, WebSocket } from "ws";
import { BRIDGE_FRAME_BYTES_MAX, SOCKET_UNHEARD_CHARACTERS_MAX } from "../base/limits.ts";
import { refusalOf, unreachableEndpoint } from "./gateway-error.ts";
import type { UpstreamError } from "./upstream.ts";

/**
 * The router takes a client that is silent while this many characters were sent for one that does not
 * read. A frame of nothing, sent well before, says that what came was taken.
 */
const SAY_SO_CHARACTERS = SOCKET_UNHEARD_CHARACTERS_MAX / 8;

/**
 * A socket whose other end vanished says nothing, and neither does one on which nothing happens: so the
 * other end is asked, and one that has not answered until the next time is taken for gone.
 */
const PING_EVERY_MS = 20_000;

export interface SocketLines {
  /** Resolves when there is room for more. */
  readonly send: (document: string) => Promise<void>;
  readonly lines: AsyncGenerator<string, void, void>;
}

export interface SocketOptions {
  readonly signal: AbortSignal;
  readonly pingEveryMs?: number;
}

/** Opens the socket; `signal` ends it. Failures show in `lines`. */
export function converseBySocket(
  url: string,
  headers: Record<string, string>,
  { signal, pingEveryMs = PING_EVERY_MS }: SocketOptions,
): SocketLines {
  const socket = new WebSocket(url, {
    headers,
    perMessageDeflate: false,
    maxPayload: BRIDGE_FRAME_BYTES_MAX,
  });
  const stream = createWebSocketStream(socket, { readableObjectMode: true, decodeStrings: false });
  endWhenUnheard(socket, pingEveryMs);
  // Kept here: the stream would report how the socket ended, and not why.
  let refusal: UpstreamError | null = null;
  socket.on("unexpected-response", (request, response) => {
    void refusalOf(response).then((error) => {
      refusal = error;
      request.destroy();
      stream.destroy();
    });
  });
  // Heard by whoever reads; without a listener it would end the process.
  stream.on("error", () => {});
  if (signal.aborted) stream.destroy();
  signal.addEventListener("abort", () => stream.destroy(), { once: true });

  const send = async (document: string): Promise<void> => {
    if (stream.destroyed || stream.write(document)) return;
    await once(stream, "drain", { signal }).catch(() => undefined);
  };
  async function* lines(): AsyncGenerator<string, void, void> {
    let unsaid = 0;
    try {
      for await (const frame of stream) {
        const line = String(frame);
        yield line;
        unsaid += line.length;
        if (unsaid < SAY_SO_CHARACTERS) continue;
        unsaid = 0;
        await send("\n");
      }
    } catch (error) {
      throw refusal ?? unreachableEndpoint(error);
    }
  }
  return { send, lines: lines() };
}

function endWhenUnheard(socket: WebSocket, everyMs: number): void {
  let isHeard = true;
  const hear = (): void => void (isHeard = true);
  const timer = setInterval(() => {
    // Held back by a client that does not read, it hears no answer.
    if (socket.isPaused) return;
    if (!isHeard) return socket.terminate();
    isHeard = false;
    if (socket.readyState === WebSocket.OPEN) socket.ping();
  }, everyMs);
  socket.on("pong", hear);
  socket.on("message", hear);
  socket.on("close", () => clearInterval(timer));
}
