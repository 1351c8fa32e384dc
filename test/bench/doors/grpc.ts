// Owns etcd's gRPC API as a door: one channel for all clients, as a program has one. It is asked through
// the library that the bridge answers with.

import { fileURLToPath } from "node:url";
import {
  Client,
  credentials,
  type ClientDuplexStream,
  type ClientReadableStream,
  type MethodDefinition,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { serviceOf } from "../../../src/bridge/definitions.ts";
import { endOfPrefix, expectThat, type Connection, type Door } from "./door.ts";

/** Without this etcd's own answers would be turned into text that nobody reads. */
const DEFINITIONS = loadSync("rpc.proto", {
  includeDirs: [fileURLToPath(new URL("../../../src/bridge/proto", import.meta.url))],
  keepCase: true,
  longs: Number,
});

export const grpcDoor = (address: string): Door => ({
  name: "gRPC",
  can: ["put", "overwrite", "get", "getSerializable", "cas", "list", "keepAlive"],
  open: async () => connect(openChannel(address)),
});

export interface Answer {
  readonly header?: { readonly revision?: number };
  readonly kvs?: readonly unknown[];
  readonly succeeded?: boolean;
  readonly ID?: number;
  readonly TTL?: number;
  readonly created?: boolean;
  readonly events?: readonly unknown[];
}

type Method = MethodDefinition<object, Answer>;
export type Conversation = ClientDuplexStream<object, Answer>;

export interface Channel {
  ask(service: string, method: string, message: object): Promise<Answer>;
  receive(service: string, method: string, message: object): ClientReadableStream<Answer>;
  converse(service: string, method: string): Conversation;
  close(): void;
}

export function openChannel(address: string): Channel {
  const client = new Client(address, credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    // Else all channels of one process to one address are one connection.
    "grpc.use_local_subchannel_pool": 1,
  });
  const methodOf = (service: string, method: string): Method =>
    serviceOf(DEFINITIONS, `etcdserverpb.${service}`)[method] as Method;
  return {
    ask: (service, method, message) =>
      new Promise((resolve, reject) => {
        const { path, requestSerialize, responseDeserialize } = methodOf(service, method);
        client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          message,
          (error, answer) => (error === null ? resolve(answer!) : reject(error)),
        );
      }),
    receive: (service, method, message) => {
      const { path, requestSerialize, responseDeserialize } = methodOf(service, method);
      return client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, message);
    },
    converse: (service, method) => {
      const { path, requestSerialize, responseDeserialize } = methodOf(service, method);
      return client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    },
    close: () => client.close(),
  };
}

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

function connect(channel: Channel): Connection {
  const keepAlives = new KeepAlives(channel);
  const get = async (message: object): Promise<void> => {
    const { kvs } = await channel.ask("KV", "Range", message);
    expectThat(kvs?.length === 1, "one key");
  };
  return {
    put: async (key, value) => {
      await channel.ask("KV", "Put", { key: bytes(key), value: bytes(value) });
    },
    get: (key) => get({ key: bytes(key) }),
    getSerializable: (key) => get({ key: bytes(key), serializable: true }),
    cas: async (key, value, expected) => {
      const compare = [{ key: bytes(key), target: "MOD", mod_revision: expected }];
      const success = [{ request_put: { key: bytes(key), value: bytes(value) } }];
      const { succeeded, header } = await channel.ask("KV", "Txn", { compare, success });
      expectThat(succeeded === true, "a comparison that holds");
      return header!.revision!;
    },
    list: async (prefix) => {
      const range = { key: bytes(prefix), range_end: bytes(endOfPrefix(prefix)) };
      return (await channel.ask("KV", "Range", range)).kvs?.length ?? 0;
    },
    grant: async (lease, ttlSeconds) => {
      await channel.ask("Lease", "LeaseGrant", { ID: Number(lease), TTL: ttlSeconds });
    },
    keepAlive: (lease) => keepAlives.ask(Number(lease)),
    close: async () => {
      keepAlives.end();
      channel.close();
    },
  };
}

/** All keepalives of a program go by one stream, as etcd's own client sends them. */
class KeepAlives {
  readonly #channel: Channel;
  /** Those who wait, by lease; answers come in the order of the requests. */
  readonly #waiting = new Map<number, PromiseWithResolvers<void>[]>();
  #stream: Conversation | null = null;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  ask(lease: number): Promise<void> {
    this.#stream ??= this.#open();
    const outcome = Promise.withResolvers<void>();
    const waiting = this.#waiting.get(lease) ?? [];
    waiting.push(outcome);
    this.#waiting.set(lease, waiting);
    this.#stream.write({ ID: lease });
    return outcome.promise;
  }

  end(): void {
    this.#stream?.end();
  }

  #open(): Conversation {
    const stream = this.#channel.converse("Lease", "LeaseKeepAlive");
    stream.on("data", ({ ID, TTL }: Answer) => {
      const outcome = this.#waiting.get(ID ?? 0)?.shift();
      if ((TTL ?? 0) > 0) outcome?.resolve();
      else outcome?.reject(new Error("the lease is gone"));
    });
    stream.on("error", (error) => {
      for (const outcome of [...this.#waiting.values()].flat()) outcome.reject(error);
      this.#waiting.clear();
    });
    return stream;
  }
}
