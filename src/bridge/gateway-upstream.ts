// Owns reaching the store by its JSON gateway: unary calls and answers that stream by POST, calls that
// both sides stream by WebSocket.

import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { present } from "../base/assert.ts";
import { errorOfBody, errorOfLine, unreachableEndpoint } from "./gateway-error.ts";
import { GATEWAY_PATHS } from "./gateway-paths.ts";
import { converseBySocket } from "./gateway-socket.ts";
import { linesOf } from "./lines.ts";
import type { CallContext, Conversation, Message, Upstream } from "./upstream.ts";

export interface GatewayOptions {
  /** Where the router is, with the path of a cluster if it is not the default one. */
  readonly endpoint: URL;
  /** The deployment's token, if it asks for one. */
  readonly token: string | null;
}

export class GatewayUpstream implements Upstream {
  readonly #base: string;
  readonly #token: string | null;
  readonly #agent: HttpAgent;

  constructor({ endpoint, token }: GatewayOptions) {
    this.#base = `${endpoint.origin}${endpoint.pathname.replace(/\/$/, "")}`;
    this.#token = token;
    this.#agent = new (endpoint.protocol === "https:" ? HttpsAgent : HttpAgent)({
      keepAlive: true,
    });
  }

  async call(method: string, request: Message, context: CallContext): Promise<Message> {
    const response = await this.#post(method, request, context);
    const body = await textOf(response);
    if (response.statusCode !== 200) throw errorOfBody(response.statusCode ?? 0, body);
    return JSON.parse(body) as Message;
  }

  async *stream(
    method: string,
    request: Message,
    context: CallContext,
  ): AsyncGenerator<Message, void, void> {
    const response = await this.#post(method, request, context);
    if (response.statusCode !== 200) {
      throw errorOfBody(response.statusCode ?? 0, await textOf(response));
    }
    yield* messagesOf(linesOf(surely(response)));
  }

  converse(method: string, context: CallContext): Conversation {
    const url = this.#urlOf(method).replace(/^http/, "ws");
    const { send, lines } = converseBySocket(url, this.#headersFor(context), context);
    return { send: (message) => send(JSON.stringify(message)), answers: messagesOf(lines) };
  }

  close(): void {
    this.#agent.destroy();
  }

  #urlOf(method: string): string {
    return this.#base + present(GATEWAY_PATHS.get(method), `the gateway has a path for ${method}`);
  }

  #headersFor(context: CallContext): Record<string, string> {
    const { token, authorization, idempotencyKey, needsLeader, timeoutMs } = context;
    return {
      ...(this.#token === null ? {} : { "Edgekeeper-Token": this.#token }),
      ...(token === null ? {} : { "Grpc-Metadata-Token": token }),
      ...(authorization === null ? {} : { "Grpc-Metadata-Authorization": authorization }),
      ...(idempotencyKey === null ? {} : { "Idempotency-Key": idempotencyKey }),
      ...(needsLeader ? { "Grpc-Metadata-hasleader": "true" } : {}),
      ...(timeoutMs === null ? {} : { "Grpc-Timeout": `${Math.ceil(timeoutMs)}m` }),
    };
  }

  /** Resolves with the head of the answer. A call may wait for as long as its client does. */
  #post(method: string, message: Message, context: CallContext): Promise<IncomingMessage> {
    const url = this.#urlOf(method);
    const body = Buffer.from(JSON.stringify(message));
    const options = {
      method: "POST",
      agent: this.#agent,
      signal: context.signal,
      headers: {
        ...this.#headersFor(context),
        "Content-Type": "application/json",
        "Content-Length": body.length,
      },
    };
    return new Promise((resolve, reject) => {
      const request = (url.startsWith("https:") ? httpsRequest : httpRequest)(url, options);
      request.once("response", resolve);
      request.on("error", (error) => reject(unreachableEndpoint(error)));
      request.end(body);
    });
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of surely(response)) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** The body's chunks; a body that is cut off is the endpoint's failure. */
async function* surely(response: IncomingMessage): AsyncGenerator<Buffer, void, void> {
  try {
    for await (const chunk of response) yield chunk as Buffer;
  } catch (error) {
    throw unreachableEndpoint(error);
  }
}

/** What the lines say. @throws UpstreamError at the line that is an error. */
async function* messagesOf(lines: AsyncIterable<string>): AsyncGenerator<Message, void, void> {
  for await (const line of lines) {
    const { result, error } = JSON.parse(line) as { result?: Message; error?: unknown };
    if (error !== undefined) throw errorOfLine(error);
    if (result !== undefined) yield result;
  }
}
