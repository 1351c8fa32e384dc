// Owns the words of the statuses that the gRPC library sends by itself: as etcd's library, Go's, has them,
// for clients match errors by their text.

import type { ServerHttp2Stream } from "node:http2";
import {
  ServerInterceptingCall,
  status,
  type Server,
  type ServerInterceptor,
  type ServerMethodDefinition,
  type StatusObject,
} from "@grpc/grpc-js";
import { assert } from "../base/assert.ts";

type SentStatus = Pick<StatusObject, "code" | "details">;
type Method = Pick<ServerMethodDefinition<unknown, unknown>, "requestStream" | "responseStream">;

/**
 * The library sends its own statuses past all interceptors, from the innermost call, so that call is
 * changed itself.
 */
export const inWordsOfEtcd: ServerInterceptor = (method, call) => {
  const send = call.sendStatus.bind(call);
  call.sendStatus = (sent) => send(reworded(sent, method));
  return new ServerInterceptingCall(call);
};

/** The status with etcd's text, where the library has said it otherwise. */
function reworded<Sent extends SentStatus>(sent: Sent, method: Method): Sent {
  if (sent.code === status.DEADLINE_EXCEEDED && sent.details === "Deadline exceeded") {
    return { ...sent, details: "context deadline exceeded" };
  }
  if (sent.code === status.INTERNAL && sent.details === "Error deserializing request") {
    const isUnary = !method.requestStream && !method.responseStream;
    const doing = isUnary
      ? "error unmarshalling request"
      : "failed to unmarshal the received message";
    const details = `grpc: ${doing}: proto: cannot parse invalid wire-format data`;
    return { ...sent, details };
  }
  const [, encoding] =
    /^Received message compressed with unsupported encoding (".*")$/.exec(sent.details) ?? [];
  if (sent.code === status.UNIMPLEMENTED && encoding !== undefined) {
    const details = `grpc: Decompressor is not installed for grpc-encoding ${encoding}`;
    return { ...sent, details };
  }
  if (sent.code !== status.RESOURCE_EXHAUSTED) return sent;
  const [, size, limit] =
    /^Received message larger than max \((\d+) vs\.? (\d+)\)$/.exec(sent.details) ?? [];
  if (size === undefined) return sent;
  return { ...sent, details: `grpc: received message larger than max (${size} vs. ${limit})` };
}

/** What the library does with a call of a method that it does not have; private to it. */
const REFUSE = "_respondWithError";
type Refuse = (error: SentStatus, stream: ServerHttp2Stream, info: unknown) => void;

/**
 * Words the refusals of methods that are none. The library sends these before there is a call that an
 * interceptor could see, so that the function that sends them is exchanged. `services` are full names.
 */
export function nameUnknownMethods(server: Server, services: ReadonlySet<string>): void {
  const refusing = server as unknown as Record<typeof REFUSE, Refuse>;
  assert(typeof refusing[REFUSE] === "function", "the library refuses as it did");
  const refuse = refusing[REFUSE].bind(server);
  refusing[REFUSE] = (error, stream, info) => {
    const path = /^The server does not implement the method (.*)$/s.exec(error.details)?.[1];
    const details = path === undefined ? error.details : unknownMethod(path, services);
    refuse({ ...error, details: encodeURI(details) }, stream, info);
  };
}

function unknownMethod(path: string, services: ReadonlySet<string>): string {
  const name = path.replace(/^\//, "");
  const slash = name.lastIndexOf("/");
  if (slash < 0) return `malformed method name: ${JSON.stringify(path)}`;
  const service = name.slice(0, slash);
  if (!services.has(service)) return `unknown service ${service}`;
  return `unknown method ${name.slice(slash + 1)} for service ${service}`;
}
