// Owns the upgrade of a client's request to a WebSocket, which only the platform can do.

/** Whether the client asks for a WebSocket. */
export const isUpgrade = (request: Request): boolean =>
  request.headers.get("Upgrade")?.toLowerCase() === "websocket";

/**
 * Accepts the client's socket. One that offered a token as `Bearer, <token>` (or `Edgekeeper, ...`) is
 * answered with the subprotocol of that name: browsers close a connection whose offer was passed over.
 */
export function acceptSocket(request: Request): {
  readonly socket: WebSocket;
  readonly response: Response;
} {
  const { 0: client, 1: socket } = new WebSocketPair();
  socket.accept();
  const headers = protocolHeaders(request);
  return { socket, response: new Response(null, { status: 101, headers, webSocket: client }) };
}

/** What the answer to an upgrade says of the subprotocols that were offered. */
export function protocolHeaders(request: Request): Headers {
  const headers = new Headers();
  const taken = TOKEN_PROTOCOLS.find((name) => offeredProtocol(request, name) !== null);
  if (taken !== undefined) headers.set("Sec-WebSocket-Protocol", taken);
  return headers;
}

/** Subprotocols that are no protocols: the one named next is a token. */
const TOKEN_PROTOCOLS = ["Bearer", "Edgekeeper"] as const;

/** What stands after `name` in the list of subprotocols that a socket offers; null for nothing. */
export function offeredProtocol(
  request: Request,
  name: (typeof TOKEN_PROTOCOLS)[number],
): string | null {
  const offers = request.headers.get("Sec-WebSocket-Protocol")?.split(",") ?? [];
  const list = offers.map((part) => part.trim());
  const at = list.indexOf(name);
  return at < 0 ? null : (list[at + 1] ?? null);
}
