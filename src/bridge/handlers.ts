// Owns how each kind of gRPC call is passed on: one request or many, one answer or many.

import {
  status,
  type MethodDefinition,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { contextOf } from "./call-context.ts";
import { brokenStream } from "./gateway-error.ts";
import { UpstreamError, type Conversation, type Message, type Upstream } from "./upstream.ts";

type UnaryCall = ServerUnaryCall<Message, Message>;
export type StreamCall = ServerWritableStream<Message, Message>;
type DuplexCall = ServerDuplexStream<Message, Message>;
type AnyMethod = MethodDefinition<Message, Message>;

/** What is done with an answer before the client gets it. */
export type Finish = (answer: Message, call: UnaryCall) => Message;

/** All methods of a service as the store has them. */
export function passOn(
  service: ServiceDefinition,
  upstream: Upstream,
  finish: Finish = (answer) => answer,
): UntypedServiceImplementation {
  const handlers = Object.entries(service).map(([name, method]) => [
    name,
    handlerOf(method as AnyMethod, upstream, finish),
  ]);
  return Object.fromEntries(handlers) as UntypedServiceImplementation;
}

function handlerOf(method: AnyMethod, upstream: Upstream, finish: Finish): UntypedHandleCall {
  const { path, requestStream, responseStream } = method;
  if (requestStream) return (call: DuplexCall) => void converse(path, call, upstream);
  if (responseStream) {
    return (call: StreamCall) =>
      void sendAll(call, (context) => upstream.stream(path, call.request, context));
  }
  return (call: UnaryCall, respond: sendUnaryData<Message>) => {
    const answered = async (): Promise<Message> =>
      finish(await upstream.call(path, call.request, contextOf(call)), call);
    answered().then(
      (answer) => respond(null, answer),
      (error: unknown) => respond(statusOf(error)),
    );
  };
}

/** Sends what `answers` gives, at the pace of the client. */
export async function sendAll(
  call: StreamCall,
  answers: (context: ReturnType<typeof contextOf>) => AsyncIterable<Message>,
): Promise<void> {
  const context = contextOf(call);
  try {
    for await (const answer of answers(context)) await write(call, answer, context.signal);
    call.end();
  } catch (error) {
    fail(call, error, context.signal);
  }
}

/**
 * The client may say that it sends nothing more before the last answer has come: a stream of keepalives
 * ends with that answer, a watch goes on until the client leaves, as etcd's do.
 */
async function converse(path: string, call: DuplexCall, upstream: Upstream): Promise<void> {
  const context = contextOf(call);
  const over = new AbortController();
  const signal = AbortSignal.any([context.signal, over.signal]);
  let conversation: Conversation;
  try {
    conversation = upstream.converse(path, { ...context, signal });
  } catch (error) {
    return fail(call, error, signal);
  }
  let owed = 0;
  let isInputOver = false;
  const endWhenSettled = (): void => {
    if (path !== KEEP_ALIVE || !isInputOver || owed > 0) return;
    call.end();
    over.abort();
  };
  // Not by an iterator: that would destroy the call, and its status with it, when it fails.
  call.on("data", (request: Message) => {
    owed++;
    call.pause();
    void conversation.send(request).then(() => call.resume());
  });
  call.on("end", () => {
    isInputOver = true;
    endWhenSettled();
  });
  try {
    for await (const answer of conversation.answers) {
      await write(call, answer, signal);
      owed--;
      endWhenSettled();
    }
    throw brokenStream();
  } catch (error) {
    fail(call, error, signal);
  } finally {
    over.abort();
  }
}

const KEEP_ALIVE = "/etcdserverpb.Lease/LeaseKeepAlive";

/**
 * Resolves when the client's connection has taken the answer: one at a time, since the library counts
 * what waits in answers, however large. Rejects when the call is over.
 */
function write(call: StreamCall | DuplexCall, answer: Message, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(new Error("the call is over"));
    if (signal.aborted) giveUp();
    signal.addEventListener("abort", giveUp, { once: true });
    call.write(answer, () => {
      signal.removeEventListener("abort", giveUp);
      resolve();
    });
  });
}

/** Ends a stream with the error's status, unless it is over. */
function fail(call: StreamCall | DuplexCall, error: unknown, signal: AbortSignal): void {
  if (!signal.aborted) call.emit("error", statusOf(error));
}

function statusOf(error: unknown): { readonly code: status; readonly details: string } {
  if (error instanceof UpstreamError) return { code: error.code, details: error.message };
  return { code: status.INTERNAL, details: "edgekeeper: internal error of the bridge" };
}
