// Owns which services the bridge offers, and what each is made of.

import { Server } from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import { BODY_BYTES_MAX } from "../base/limits.ts";
import { dialledUrl } from "./authority.ts";
import { asSaid } from "./authority-rewriting.ts";
import { STREAMS_PER_CONNECTION_MAX } from "./bounds.ts";
import { loadDefinitions, serviceOf } from "./definitions.ts";
import { passOn, sendAll, type Finish, type StreamCall } from "./handlers.ts";
import { HEALTH } from "./health.ts";
import { withClientUrl } from "./members.ts";
import { rangeInPages } from "./range-stream.ts";
import { inWordsOfEtcd, nameUnknownMethods } from "./status-messages.ts";
import type { Upstream } from "./upstream.ts";

/** Services whose methods the store has as they are. */
const PLAIN_SERVICES = [
  "etcdserverpb.Watch",
  "etcdserverpb.Lease",
  "etcdserverpb.Maintenance",
  "etcdserverpb.Auth",
  "v3lockpb.Lock",
  "v3electionpb.Election",
] as const;

export interface ServiceOptions {
  readonly upstream: Upstream;
  readonly scheme: "http" | "https";
}

/** A gRPC server with all services; connections are injected into it. */
export function createGrpcServer({ upstream, scheme }: ServiceOptions): Server {
  const server = new Server({
    // etcd's limits: `--max-request-bytes` with room for the envelope, and none for what it sends.
    "grpc.max_receive_message_length": BODY_BYTES_MAX,
    "grpc.max_send_message_length": -1,
    "grpc.enable_channelz": 0,
    "grpc.max_concurrent_streams": STREAMS_PER_CONNECTION_MAX,
    // As `--grpc-keepalive-interval` and `-timeout`: who vanished without a word must not be held for ever.
    "grpc.keepalive_time_ms": 7_200_000,
    "grpc.keepalive_timeout_ms": 20_000,
    interceptors: [inWordsOfEtcd],
  });
  const definitions = loadDefinitions({ asBytes: upstream.takesBytes ?? false });
  for (const name of PLAIN_SERVICES) {
    const service = serviceOf(definitions, name);
    server.addService(service, passOn(service, upstream));
  }
  const kv = serviceOf(definitions, "etcdserverpb.KV");
  const streamRange = (call: StreamCall): void =>
    void sendAll(call, (context) => rangeInPages(upstream, call.request, context));
  server.addService(kv, { ...passOn(kv, upstream), RangeStream: streamRange });
  const cluster = serviceOf(definitions, "etcdserverpb.Cluster");
  const asDialled: Finish = (answer, call) => {
    const url = dialledUrl(asSaid(call.getHost()), scheme);
    return url === null ? answer : withClientUrl(answer, url);
  };
  server.addService(cluster, passOn(cluster, upstream, asDialled));
  server.addService(serviceOf(definitions, "grpc.health.v1.Health"), HEALTH);
  new ReflectionService(definitions).addToServer(server);
  nameUnknownMethods(server, new Set(Object.keys(definitions)));
  return server;
}
