// Owns gRPC's health service. As etcd's: the server as a whole (the empty name) serves, and no other name is
// known. Whether the cluster has a leader is asked of `/health`.

import {
  status,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { Message } from "./upstream.ts";

const SERVING = { status: "SERVING" };
const SERVICE_UNKNOWN = { status: "SERVICE_UNKNOWN" };

const isWhole = ({ service }: Message): boolean => service === undefined || service === "";

export const HEALTH: UntypedServiceImplementation = {
  Check: (call: ServerUnaryCall<Message, Message>, respond: sendUnaryData<Message>) => {
    if (isWhole(call.request)) respond(null, SERVING);
    else respond({ code: status.NOT_FOUND, details: "unknown service" });
  },
  // The state never changes, so nothing follows; the stream ends with the client.
  Watch: (call: ServerWritableStream<Message, Message>) => {
    call.write(isWhole(call.request) ? SERVING : SERVICE_UNKNOWN);
  },
};
