// Owns the upgrade of a client's request to a WebSocket, which only the platform can do.

/** Whether the client asks for a WebSocket. */
export const isUpgrade = (request: Request): boolean =>
  request.headers.get("Upgrade")?.toLowerCase() === "websocket";

/**
 * Accepts the client's socket. One that offered its credential as `Bearer, <token>` is answered
 * with the subprotocol `Bearer`: browsers close a connection whose offer was passed over.
 */
export function acceptSocket(request: Request): {
  readonly socket: WebSocket;
  readonly response: Response;
} {
  const { 0: client, 1: socket } = new WebSocketPair();
  socket.accept();
  const headers = new Headers();
  const [protocol] = (request.headers.get("Sec-WebSocket-Protocol") ?? "").split(",");
  if (protocol?.trim() === "Bearer") headers.set("Sec-WebSocket-Protocol", "Bearer");
  return { socket, response: new Response(null, { status: 101, headers, webSocket: client }) };
}
