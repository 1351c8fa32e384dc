// Owns reaching the store by sessions: reads, writes, leases and watches. What sessions do not have goes by
// the gateway.

import type { SessionRequest } from "../api/session-call.ts";
import { GRPC } from "../api/grpc-code.ts";
import { Backlog } from "./answer-queue.ts";
import { GatewayUpstream, type GatewayOptions } from "./gateway-upstream.ts";
import { keepAlives } from "./keep-alives.ts";
import { withBase64 } from "./messages.ts";
import { keepAliveOf, messageOf, SESSION_METHODS } from "./session-messages.ts";
import { UpstreamError, type CallContext, type Conversation, type Message } from "./upstream.ts";
import type { Upstream } from "./upstream.ts";
import { Users } from "./users.ts";
import { WatchCall } from "./watch-call.ts";

const WATCH = "/etcdserverpb.Watch/Watch";
const KEEP_ALIVE = "/etcdserverpb.Lease/LeaseKeepAlive";

export class SessionUpstream implements Upstream {
  readonly takesBytes = true;
  readonly #gateway: GatewayUpstream;
  readonly #users: Users;
  readonly #origin: string;
  readonly #backlog = new Backlog();

  constructor(options: GatewayOptions) {
    const { endpoint, token } = options;
    this.#gateway = new GatewayUpstream(options);
    this.#users = new Users({ url: `${endpoint.origin}${endpoint.pathname}`, token });
    this.#origin = endpoint.origin;
  }

  async call(method: string, request: Message, context: CallContext): Promise<Message> {
    const read = SESSION_METHODS.get(method);
    if (read === undefined) return this.#gateway.call(method, withBase64(request), context);
    try {
      return await this.#ask(read(request), context);
    } catch (error) {
      // A replica of older code does not know the request.
      const isUnknown = error instanceof UpstreamError && error.code === GRPC.unimplemented;
      if (!isUnknown) throw error;
      return this.#gateway.call(method, withBase64(request), context);
    }
  }

  stream(method: string, request: Message, context: CallContext): AsyncIterable<Message> {
    return this.#gateway.stream(method, withBase64(request), context);
  }

  converse(method: string, context: CallContext): Conversation {
    switch (method) {
      case WATCH:
        return new WatchCall(this.#users.seatsOf(context), this.#backlog, context);
      case KEEP_ALIVE: {
        // The stream may last longer than one keepalive may take.
        const each = { ...context, timeoutMs: null };
        return keepAlives((message) => this.#ask(keepAliveOf(message), each), context.signal);
      }
      default: {
        const conversation = this.#gateway.converse(method, context);
        const send = (message: Message) => conversation.send(withBase64(message));
        return { send, answers: conversation.answers };
      }
    }
  }

  close(): void {
    this.#users.close();
    this.#gateway.close();
  }

  async #ask(request: SessionRequest, context: CallContext): Promise<Message> {
    const { header, result } = await this.#users.of(context).ask(request, context);
    return messageOf(header, result, this.#origin);
  }
}
