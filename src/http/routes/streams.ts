// Owns etcd's streaming calls: watch and keepalive, by streaming POST and by WebSocket. The two
// transports differ in how documents come in and lines go out; the rest is one.

import { Hono, type Context } from "hono";
import { answerLine } from "../../api/answer-json.ts";
import { DocumentSplitter } from "../../api/document-splitter.ts";
import { bodyTooLarge, errorLine, GATEWAY_ERRORS } from "../../api/error.ts";
import { readLeaseKeepAlive } from "../../api/lease-json.ts";
import { assert } from "../../base/assert.ts";
import { converseBySocket, type Conversation } from "../conversation.ts";
import { ResponseLines, SocketLines, type LineSink } from "../line-sink.ts";
import { ObserveStream } from "../observe-stream.ts";
import {
  chunksOf,
  clusterOf,
  JSON_BODY_BYTES_MAX,
  seekerOf,
  toRouterRequest,
  type Services,
} from "../request.ts";
import { ANSWER_HEADERS, RequestError, requireAnswer, STREAM_HEADERS } from "../response.ts";
import { sessionsTo } from "../sessions.ts";
import { atDeadline, streamPatienceOf } from "../time-limits.ts";
import { acceptSocket, isUpgrade } from "../upgrade.ts";
import { WatchStream } from "../watch-stream.ts";

type Begin = (context: Context, sink: LineSink) => Conversation;

/** Calls to which a client may go on speaking. */
const STREAM_PATHS = ["/watch", "/election/observe", "/lease/keepalive"] as const;

/** Whether the path, below `/v3`, is one of a call that both sides stream. */
export const isStreamPath = (path: string): boolean =>
  STREAM_PATHS.some((stream) => path.endsWith(stream));

/** The streaming calls, below `/v3`. */
export function streamRoutes(services: Services): Hono {
  const routes = new Hono();
  const paths: Record<(typeof STREAM_PATHS)[number], Begin> = {
    "/watch": (context, sink) => beginWatch(services, context, sink),
    "/election/observe": (context, sink) => new ObserveStream(services, context, sink),
    "/lease/keepalive": (context, sink) => new KeepAlives(services, context, sink),
  };
  for (const [path, begin] of Object.entries(paths)) {
    routes.post(path, (context) => converseByPost(context, begin));
    routes.get(path, (context) => {
      if (!isUpgrade(context.req.raw)) throw new RequestError(GATEWAY_ERRORS.wrongVerb);
      const { socket, response } = acceptSocket(context.req.raw);
      const sink = new SocketLines(socket);
      converseBySocket(socket, sink, begin(context, sink));
      return response;
    });
    routes.all(path, () => {
      throw new RequestError(GATEWAY_ERRORS.wrongVerb);
    });
  }
  return routes;
}

function beginWatch(services: Services, context: Context, sink: LineSink): WatchStream {
  const client = {
    ...seekerOf(context),
    ...streamPatienceOf(context),
  };
  const stream = new WatchStream({ sink, openSession: sessionsTo(services, client) });
  void atDeadline(services, context, () => {
    stream.close();
    void sink.fail(GATEWAY_ERRORS.deadlineExceeded);
  });
  return stream;
}

/** Answers each keepalive in its order, and ends after the last. */
class KeepAlives implements Conversation {
  readonly #services: Services;
  readonly #context: Context;
  readonly #sink: LineSink;

  constructor(services: Services, context: Context, sink: LineSink) {
    clusterOf(context);
    this.#services = services;
    this.#context = context;
    this.#sink = sink;
  }

  async receive(document: string): Promise<boolean> {
    try {
      const request = readLeaseKeepAlive(document);
      if (!request.ok) throw new RequestError(request.error);
      const routed = toRouterRequest(this.#context, this.#services, request.value);
      const served = await this.#services.router.serve(routed);
      const { header, answer } = requireAnswer(served, request.value);
      assert(answer.kind === "leaseKeepAlive", "an answer is of its request's kind");
      await this.#sink.write(answerLine(header, answer));
      return true;
    } catch (error) {
      const known = error instanceof RequestError ? error.error : GATEWAY_ERRORS.internal;
      await this.#sink.fail(known);
      return false;
    }
  }

  inputEnded(): Promise<void> {
    return this.#sink.end();
  }

  close(): void {}
}

async function converseByPost(context: Context, begin: Begin): Promise<Response> {
  const request = context.req.raw;
  const sink = new ResponseLines({
    onGone: () => conversation.close(),
    headers: { ...ANSWER_HEADERS, ...STREAM_HEADERS },
    printError: errorLine,
  });
  const conversation = begin(context, sink);
  request.signal.addEventListener("abort", () => conversation.close(), { once: true });
  void takeBody(request, conversation, sink);
  return sink.response;
}

async function takeBody(
  request: Request,
  conversation: Conversation,
  sink: LineSink,
): Promise<void> {
  const splitter = new DocumentSplitter(JSON_BODY_BYTES_MAX);
  const decoder = new TextDecoder();
  try {
    for await (const chunk of chunksOf(request)) {
      for (const document of splitter.push(decoder.decode(chunk, { stream: true }))) {
        if (!(await conversation.receive(document))) return;
      }
      if (splitter.isOverlong) return await sink.fail(bodyTooLarge(JSON_BODY_BYTES_MAX));
    }
    const rest = splitter.finish();
    if (rest !== null && !(await conversation.receive(rest))) return;
    await conversation.inputEnded();
  } catch {
    // The client broke off while it was sending; there is nobody to answer.
    conversation.close();
  }
}
