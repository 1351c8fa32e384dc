// Owns how the router reaches objects, as an interface: `worker.ts` hands in the real one.

import type { CatalogRpc } from "../api/catalog.ts";
import type { GenesisRpc, Place, ReplicaRpc } from "../api/replica.ts";
import type { Bytes } from "../base/types.ts";

/** A replica as the router sees it. `fetch` with `Upgrade: websocket` opens a session. */
export interface ReplicaStub extends ReplicaRpc {
  /**
   * Several calls in one turn, as `api/gathered-codec.ts` has them, and their answers: as a stream when
   * they are more than a call can return. Null from code that does not understand them.
   */
  serveAll(calls: Bytes): Promise<Bytes | ReadableStream<Bytes> | null>;
  fetch(url: string, init?: RequestInit): Promise<Response>;
}

/** A new stub for every attempt: a stub that has thrown stays broken. */
export interface ReplicaNetwork {
  replica(cluster: string, place: Place): ReplicaStub;
  genesis(cluster: string): GenesisRpc;
  catalog(): CatalogRpc;
}
