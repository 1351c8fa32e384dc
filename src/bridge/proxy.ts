// Owns passing HTTP/1 on to the router: the JSON gateway, health, metrics, WebSockets. Nothing is
// understood on the way.

import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
  type Server,
  type ServerResponse,
} from "node:http";
import { request as httpsRequest } from "node:https";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream";
import { isMetrics, passMetrics } from "./own-metrics.ts";
import { errorBody } from "../api/error.ts";
import { GRPC } from "../api/grpc-code.ts";

export interface ProxyOptions {
  readonly endpoint: URL;
  readonly token: string | null;
}

/** A server that listens nowhere: connections are given to it. */
export function createProxy(options: ProxyOptions): Server {
  const server = createServer((incoming, outgoing) => passRequest(options, incoming, outgoing));
  server.on("upgrade", (incoming, socket, head) => passUpgrade(options, incoming, socket, head));
  // A watch is a request that does not end.
  server.requestTimeout = 0;
  return server;
}

function passRequest(
  options: ProxyOptions,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): void {
  const request = open(options, incoming);
  request.on("response", (response) => {
    if (isMetrics(incoming) && response.statusCode === 200) {
      passMetrics(response, outgoing, () => request.destroy());
      return;
    }
    outgoing.writeHead(response.statusCode ?? 502, response.rawHeaders);
    pipeline(response, outgoing, () => request.destroy());
  });
  request.on("error", (error) => refuse(outgoing, error));
  outgoing.on("close", () => request.destroy());
  incoming.pipe(request);
}

function refuse(outgoing: ServerResponse, error: Error): void {
  if (outgoing.headersSent) {
    outgoing.destroy();
    return;
  }
  const message = `edgekeeper: no answer from the endpoint: ${error.message}`;
  outgoing.writeHead(503, { "Content-Type": "application/json" });
  outgoing.end(errorBody({ code: GRPC.unavailable, message, status: 503 }));
}

function passUpgrade(
  options: ProxyOptions,
  incoming: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const request = open(options, incoming);
  socket.on("error", () => request.destroy());
  request.on("error", () => socket.destroy());
  request.on("response", (response) => {
    socket.write(headOf(response));
    response.pipe(socket);
  });
  request.on("upgrade", (response, upstream, first) => {
    socket.write(headOf(response));
    socket.write(first);
    upstream.write(head);
    upstream.on("error", () => socket.destroy());
    socket.on("close", () => upstream.destroy());
    upstream.on("close", () => socket.destroy());
    upstream.pipe(socket);
    socket.pipe(upstream);
  });
  request.end();
}

/** The same request to the router; its body is not sent yet. */
function open({ endpoint, token }: ProxyOptions, incoming: IncomingMessage) {
  const path = endpoint.pathname.replace(/\/$/, "") + (incoming.url ?? "/");
  const headers: RequestOptions["headers"] = { ...incoming.headers, host: endpoint.host };
  if (token !== null) headers["edgekeeper-token"] = token;
  if (isMetrics(incoming)) headers["accept-encoding"] = "identity";
  const send = endpoint.protocol === "https:" ? httpsRequest : httpRequest;
  return send(new URL(path, endpoint.origin), { method: incoming.method ?? "GET", headers });
}

function headOf(response: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${response.statusCode} ${response.statusMessage}`];
  for (let index = 0; index < response.rawHeaders.length; index += 2) {
    lines.push(`${response.rawHeaders[index]}: ${response.rawHeaders[index + 1]}`);
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}
