// Owns what objects tell each other besides Raft's messages: short notices that are heard or not.
// They go by `fetch`, which lets go of both objects when it hangs; a plain RPC would hold them.

import type { Place } from "../api/replica.ts";
import { JURISDICTIONS } from "../base/membership.ts";
import { asClusterId } from "../base/types.ts";
import type { ClusterNotice } from "./cluster-list.ts";
import type { Environment } from "./environment.ts";
import { catalogStub, genesisStub, replicaStub } from "./stubs.ts";

/** How long a notice may take. One that is late may still be heard. */
const NOTICE_MS_MAX = 3_000;

/** What a replica can be told. */
export type ReplicaNotice =
  /** It is expected to be a replica: it asks Genesis for its certificate. */
  | "born"
  /** It may campaign at once, if no leader was ever elected. */
  | "open"
  /** It was removed from the cluster; the body is the directory that it names from now on. */
  | "retire"
  /** Its cluster was deleted: it is to end, and to leave an object that is as if never used. */
  | "erase";

/** Tells a replica; whether it heard and obeyed. */
export const tellReplica = (
  environment: Environment,
  to: { readonly cluster: string; readonly place: Place },
  notice: ReplicaNotice,
  body = "",
): Promise<boolean> =>
  isHeard((signal) =>
    replicaStub(environment, to.cluster, to.place).fetch(`https://replica/${notice}`, {
      method: "POST",
      body,
      signal,
    }),
  );

/** Tells the cluster's Genesis who the members are, by the entry `version`. */
export const tellGenesis = (
  environment: Environment,
  cluster: string,
  { version, directory }: { readonly version: number; readonly directory: string },
): Promise<boolean> =>
  isHeard((signal) =>
    genesisStub(environment, cluster).fetch(`https://genesis/remember?version=${version}`, {
      method: "POST",
      body: directory,
      signal,
    }),
  );

/** Tells the catalog what has become of a cluster's name. */
export const tellCatalog = (
  environment: Environment,
  { name, change, cluster }: ClusterNotice,
): Promise<boolean> => {
  const url = new URL("https://catalog/note");
  url.searchParams.set("name", name);
  url.searchParams.set("change", String(change));
  if (cluster !== null) {
    url.searchParams.set("id", String(cluster.clusterId));
    url.searchParams.set("jurisdiction", cluster.jurisdiction ?? "");
  }
  return isHeard((signal) => catalogStub(environment).fetch(url, { method: "POST", signal }));
};

/** What `tellCatalog` has sent. */
export function readClusterNotice({ searchParams }: URL): ClusterNotice {
  const id = searchParams.get("id");
  const named = searchParams.get("jurisdiction");
  const jurisdiction = JURISDICTIONS.find((one) => one === named) ?? null;
  return {
    name: searchParams.get("name") ?? "",
    change: Number(searchParams.get("change")),
    cluster: id === null ? null : { clusterId: asClusterId(BigInt(id)), jurisdiction },
  };
}

/**
 * The clock stops with the answer: `AbortSignal.timeout` would hold the object in memory to its end
 * although nothing is awaited any more.
 */
async function isHeard(call: (signal: AbortSignal) => Promise<Response>): Promise<boolean> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), NOTICE_MS_MAX);
  try {
    const response = await call(controller.signal);
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
