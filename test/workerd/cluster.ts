// Owns reaching a cluster's objects from tests inside workerd: what the router does over HTTP, done
// by hand, so that one replica at a time can be looked at.

import { env } from "cloudflare:workers";
import type { ClientRequest, Directory, ReplicaAnswer } from "../../src/api/replica.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import type { LeaseId } from "../../src/base/types.ts";
import type { Environment } from "../../src/object/environment.ts";
import type { Genesis } from "../../src/object/genesis.ts";
import { pause } from "../../src/object/pause.ts";
import type { Replica } from "../../src/object/replica.ts";
import { genesisStub, replicaStub } from "../../src/object/stubs.ts";
import * as requests from "../support/requests.ts";

const environment = env as unknown as Environment;
export const REGIONS = ["wnam", "enam", "weur"] as const;

export const genesis = (cluster: string): DurableObjectStub<Genesis> =>
  genesisStub(environment, cluster);

export const replica = (
  cluster: string,
  region: string,
  generation = 1,
): DurableObjectStub<Replica> =>
  replicaStub(environment, cluster, { region, generation, jurisdiction: null });

/** Creates the cluster and waits until it serves. */
export async function createCluster(
  cluster: string,
  regions: readonly string[] = REGIONS,
): Promise<Directory> {
  const directory = await genesis(cluster).create(regions);
  await leaderOf(cluster, regions);
  return directory;
}

/** The region that leads; asks until one does. */
export async function leaderOf(
  cluster: string,
  regions: readonly string[] = REGIONS,
): Promise<string> {
  for (;;) {
    for (const region of regions) {
      const status = await replica(cluster, region).status();
      if (status?.role === "leader") return region;
    }
    await pause(20);
  }
}

/** Asks the leader, as often as it takes to find the one who leads. */
export async function ask(
  cluster: string,
  request: ClientRequest,
  idempotencyKey?: string,
): Promise<ReplicaAnswer> {
  const named = idempotencyKey === undefined ? {} : { idempotencyKey };
  for (;;) {
    const stub = replica(cluster, await leaderOf(cluster));
    const requestId = crypto.getRandomValues(new Uint8Array(16));
    const call = { request, requestId, ...named, trace: "", timeoutMs: 5_000 };
    const answer = await stub.serve(call);
    if (answer.kind !== "redirect") return answer;
  }
}

export const put = (key: string, value: string, lease?: LeaseId): ClientRequest =>
  requests.put(encodeUtf8(key), encodeUtf8(value), lease);

export const get = (key: string): ClientRequest => requests.get(encodeUtf8(key));

/** The value that `get` found, or null. */
export function valueOf(answer: ReplicaAnswer): string | null {
  if (answer.kind !== "answered" || answer.answer.kind !== "range") return null;
  const [kv] = answer.answer.answer.kvs;
  return kv === undefined ? null : new TextDecoder().decode(kv.value);
}

/** Waits until all replicas have applied up to `revision`. */
export async function allApplied(cluster: string, revision: number): Promise<void> {
  for (const region of REGIONS) {
    while (((await replica(cluster, region).status())?.revision ?? 0) < revision) {
      await pause(5);
    }
  }
}
