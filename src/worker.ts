// Owns putting the parts together: the router with the real network, and the classes of objects.

import { env, waitUntil } from "cloudflare:workers";
import { createApp } from "./http/app.ts";
import type { ReplicaNetwork } from "./http/network.ts";
import { PLATFORM } from "./http/platform.ts";
import type { Environment } from "./object/environment.ts";
import { catalogStub, genesisStub, replicaStub } from "./object/stubs.ts";

export { Catalog } from "./object/catalog.ts";
export { Genesis } from "./object/genesis.ts";
export { Replica } from "./object/replica.ts";

const environment = env as unknown as Environment;

const network: ReplicaNetwork = {
  replica: (cluster, member) => replicaStub(environment, cluster, member),
  genesis: (cluster) => genesisStub(environment, cluster),
  catalog: () => catalogStub(environment),
};

/** Keys are secrets under names that the deployment chooses. */
function secretOf(name: string): string | undefined {
  const value: unknown = (environment as unknown as Readonly<Record<string, unknown>>)[name];
  return typeof value === "string" ? value : undefined;
}

/** The router. One per isolate: it remembers who leads. */
export default createApp({
  ...PLATFORM,
  network,
  outlive: waitUntil,
  regions: environment.EDGEKEEPER_REGIONS.split(",").map((region) => region.trim()),
  token: environment.EDGEKEEPER_TOKEN ?? null,
  authToken: { spec: environment.EDGEKEEPER_AUTH_TOKEN ?? "simple", secretOf },
  development: environment.EDGEKEEPER_DEVELOPMENT === "1",
  reportError: (error) => console.error(error),
});
