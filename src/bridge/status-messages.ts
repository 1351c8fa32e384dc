// Owns the words of the statuses that the gRPC library sends by itself: as etcd's library, Go's, has them,
// for clients match errors by their text.

import {
  ServerInterceptingCall,
  status,
  type ServerInterceptor,
  type StatusObject,
} from "@grpc/grpc-js";

type SentStatus = Pick<StatusObject, "code" | "details">;

/**
 * The library sends its own statuses past all interceptors, from the innermost call, so that call is
 * changed itself.
 */
export const inWordsOfEtcd: ServerInterceptor = (_method, call) => {
  const send = call.sendStatus.bind(call);
  call.sendStatus = (sent) => send(reworded(sent));
  return new ServerInterceptingCall(call);
};

/** The status with etcd's text, where the library has said it otherwise. */
function reworded<Sent extends SentStatus>(sent: Sent): Sent {
  if (sent.code === status.DEADLINE_EXCEEDED && sent.details === "Deadline exceeded") {
    return { ...sent, details: "context deadline exceeded" };
  }
  if (sent.code !== status.RESOURCE_EXHAUSTED) return sent;
  const [, size, limit] =
    /^Received message larger than max \((\d+) vs\.? (\d+)\)$/.exec(sent.details) ?? [];
  if (size === undefined) return sent;
  return { ...sent, details: `grpc: received message larger than max (${size} vs. ${limit})` };
}
