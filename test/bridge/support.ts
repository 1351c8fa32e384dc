// Owns a played store behind a real gRPC server, and a client that calls it by the services' definitions.

import {
  Client,
  credentials,
  Metadata,
  ServerCredentials,
  type CallOptions,
  type ChannelCredentials,
  type ClientDuplexStream,
  type ClientReadableStream,
  type MethodDefinition,
  type ServiceError,
} from "@grpc/grpc-js";
import { loadDefinitions, serviceOf } from "../../src/bridge/definitions.ts";
import { createGrpcServer } from "../../src/bridge/services.ts";
import type { CallContext, Message, Upstream } from "../../src/bridge/upstream.ts";

type Method = MethodDefinition<Message, Message>;

const definitions = loadDefinitions();

/** By gRPC path. */
export function methodOf(path: string): Method {
  const [, service, name] = path.split("/");
  return serviceOf(definitions, service!)[name!] as Method;
}

/** An upstream that refuses to be asked what a test does not play. */
export const played = (parts: Partial<Upstream>): Upstream => ({
  call: () => Promise.reject(new Error("not played: call")),
  stream: () => {
    throw new Error("not played: stream");
  },
  converse: () => {
    throw new Error("not played: converse");
  },
  close: () => {},
  ...parts,
});

/** A call that was made, and what was said with it. */
export interface Heard {
  readonly method: string;
  readonly request: Message;
  readonly context: CallContext;
}

/** Calls by gRPC path. */
export interface Caller {
  unary(path: string, request: Message, options?: BenchCall): Promise<Message>;
  receive(path: string, request: Message, options?: BenchCall): ClientReadableStream<Message>;
  converse(path: string, options?: BenchCall): ClientDuplexStream<Message, Message>;
  stop(): void;
}

export interface Bench extends Caller {
  readonly port: number;
}

export interface BenchCall extends CallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
}

export async function startBench(upstream: Upstream): Promise<Bench> {
  const server = createGrpcServer({ upstream, scheme: "http" });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const caller = callTo(`127.0.0.1:${port}`);
  return {
    ...caller,
    port,
    stop: () => {
      caller.stop();
      server.forceShutdown();
    },
  };
}

export function callTo(
  address: string,
  secrecy: ChannelCredentials = credentials.createInsecure(),
  authority: string | null = null,
): Caller {
  const client = new Client(address, secrecy, {
    "grpc.max_send_message_length": -1,
    "grpc.max_receive_message_length": -1,
    ...(authority === null ? {} : { "grpc.default_authority": authority }),
  });
  const said = ({ metadata, ...options }: BenchCall) => ({
    metadata: Metadata.fromHttp2Headers(metadata ?? {}),
    options,
  });
  const codecs = (path: string) => {
    const { requestSerialize, responseDeserialize } = methodOf(path);
    return [requestSerialize, responseDeserialize] as const;
  };
  return {
    unary: (path, request, call = {}) => {
      const { metadata, options } = said(call);
      return new Promise((resolve, reject) => {
        const answer = (error: ServiceError | null, value?: Message): void =>
          error === null ? resolve(value!) : reject(error);
        client.makeUnaryRequest(path, ...codecs(path), request, metadata, options, answer);
      });
    },
    receive: (path, request, call = {}) => {
      const { metadata, options } = said(call);
      return client.makeServerStreamRequest(path, ...codecs(path), request, metadata, options);
    },
    converse: (path, call = {}) => {
      const { metadata, options } = said(call);
      return client.makeBidiStreamRequest(path, ...codecs(path), metadata, options);
    },
    stop: () => client.close(),
  };
}
