// Owns how answers and errors become HTTP responses.

import { errorBody, GATEWAY_ERRORS, refusalError, type ApiError } from "../api/error.ts";
import { mayWrite } from "../api/may-write.ts";
import type { ClientRequest } from "../api/replica.ts";
import type { Failure, Served } from "./router.ts";

/** What etcd's gateway sends with every answer. */
export const ANSWER_HEADERS = {
  "Content-Type": "application/json",
  "Grpc-Metadata-Content-Type": "application/grpc",
} as const;

/**
 * For answers that stream: whoever compresses on the way would hold back each line until its
 * buffer is full, and a watch would look dead.
 */
export const STREAM_HEADERS = {
  "Cache-Control": "no-store, no-transform",
  "Content-Encoding": "identity",
} as const;

/** An error that a handler throws to answer with it. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly error: ApiError;

  constructor(error: ApiError) {
    super(error.message);
    this.error = error;
  }
}

/** An error as a response; `body` is the unary form unless a stream has its own. */
export function errorResponse(error: ApiError, body: string = errorBody(error)): Response {
  const headers = new Headers({ "Content-Type": "application/json" });
  if (error.status === 401) headers.set("WWW-Authenticate", error.message);
  return new Response(body, { status: error.status, headers });
}

/** A JSON answer of the plain API, as a line: people read it in a terminal. */
export const jsonResponse = (body: unknown, init: ResponseInit = {}): Response =>
  new Response(`${JSON.stringify(body)}\n`, {
    ...init,
    headers: { "Content-Type": "application/json", ...(init.headers as Record<string, string>) },
  });

/** What a client is told when its request got no answer. */
export function failureError(failure: Failure, request: ClientRequest): ApiError {
  switch (failure) {
    case "timeout":
      return mayWrite(request) ? GATEWAY_ERRORS.writeTimeout : GATEWAY_ERRORS.readTimeout;
    case "noLeader":
      return GATEWAY_ERRORS.noLeader;
    case "deadline":
      return GATEWAY_ERRORS.deadlineExceeded;
    case "overloaded":
      return GATEWAY_ERRORS.overloaded;
    case "unknownCluster":
      return GATEWAY_ERRORS.unknownCluster;
    default:
      return failure satisfies never;
  }
}

type Answered = Extract<Served, { kind: "answered" }>;

/** @throws RequestError unless the request was answered. */
export function requireAnswer(served: Served, request: ClientRequest): Answered {
  switch (served.kind) {
    case "answered":
      return served;
    case "refused":
      throw new RequestError(refusalError(served.refusal));
    case "failed":
      throw new RequestError(failureError(served.failure, request));
    default:
      return served satisfies never;
  }
}
