// Owns how the router reaches objects, as an interface: `worker.ts` hands in the real one.

import type { CatalogRpc } from "../api/catalog.ts";
import type { GenesisRpc, Place, ReplicaRpc } from "../api/replica.ts";

/** A replica as the router sees it. `fetch` with `Upgrade: websocket` opens a session. */
export interface ReplicaStub extends ReplicaRpc {
  fetch(url: string, init?: RequestInit): Promise<Response>;
}

/** A new stub for every attempt: a stub that has thrown stays broken. */
export interface ReplicaNetwork {
  replica(cluster: string, place: Place): ReplicaStub;
  genesis(cluster: string): GenesisRpc;
  catalog(): CatalogRpc;
}
