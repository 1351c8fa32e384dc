// Owns the bridge as a whole: one port, on which etcd's clients find gRPC, and everybody else the gateway.

import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { ServerCredentials } from "@grpc/grpc-js";
import { withTakenAuthority } from "./authority-rewriting.ts";
import { sortByProtocol } from "./port-sharing.ts";
import { createProxy } from "./proxy.ts";
import { createGrpcServer } from "./services.ts";
import { SessionUpstream } from "./session-upstream.ts";

export interface BridgeOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** The router, with the path of a cluster if it is not the default one. */
  readonly endpoint: URL;
  /** The deployment's token, if it asks for one. */
  readonly token: string | null;
  /** In PEM; null: connections are not encrypted. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
}

export interface Bridge {
  readonly host: string;
  readonly port: number;
  /** Ends all connections. */
  stop(): Promise<void>;
}

/** Starts a bridge; it answers when this resolves. @throws Error of the port, as Node has it. */
export async function startBridge(options: BridgeOptions): Promise<Bridge> {
  const upstream = new SessionUpstream(options);
  const grpc = createGrpcServer({ upstream, scheme: options.tls === null ? "http" : "https" });
  const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
  const proxy = createProxy(options);
  const sorter = sortByProtocol({
    http2: (socket) => injector.injectConnection(withTakenAuthority(socket)),
    http1: (socket) => proxy.emit("connection", socket),
  });
  const server = listener(options.tls, sorter.take);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    host: options.host,
    port,
    stop: async () => {
      const closed = once(server, "close");
      server.close();
      grpc.forceShutdown();
      injector.destroy();
      sorter.destroy();
      upstream.close();
      await closed;
    },
  };
}

const listener = (tls: BridgeOptions["tls"], take: (socket: Socket) => void): Server =>
  tls === null
    ? createServer({ noDelay: true }, take)
    : createTlsServer({ ...tls, ALPNProtocols: ["h2", "http/1.1"], noDelay: true }, take);
