// Owns reaching objects: the one place that makes stubs. The region is always passed, since the
// first call decides where an object lives for ever. A stub that has thrown stays broken, so every
// attempt takes a new one.

import type { Member } from "../api/replica.ts";
import { replicaName } from "./certificate.ts";
import type { Environment } from "./environment.ts";
import type { Genesis } from "./genesis.ts";
import type { Replica } from "./replica.ts";

export function replicaStub(
  environment: Environment,
  cluster: string,
  member: Pick<Member, "region" | "generation">,
): DurableObjectStub<Replica> {
  const locationHint = member.region as DurableObjectLocationHint;
  return environment.REPLICA.getByName(replicaName(cluster, member), { locationHint });
}

export const genesisStub = (
  environment: Environment,
  cluster: string,
): DurableObjectStub<Genesis> => environment.GENESIS.getByName(cluster);
