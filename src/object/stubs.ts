// Owns reaching objects: the one place that makes stubs, and that knows what their names are. The
// region is always passed, since the first call decides where an object lives for ever, and so is the
// jurisdiction, for in another one the same name is another object. A stub that has thrown stays
// broken, so every attempt takes a new one.

import type { Jurisdiction, Place } from "../api/replica.ts";
import type { Catalog } from "./catalog.ts";
import { replicaName } from "./certificate.ts";
import type { Environment } from "./environment.ts";
import type { Genesis } from "./genesis.ts";
import type { Replica } from "./replica.ts";

type Namespaces = Pick<Environment, "REPLICA" | "EDGEKEEPER_DEVELOPMENT">;

/** Its cluster's replica at `place`. */
export function replicaStub(
  environment: Namespaces,
  cluster: string,
  place: Place,
): DurableObjectStub<Replica> {
  // The platform takes it for a wish, and within a jurisdiction for less than that.
  const locationHint = place.region as DurableObjectLocationHint;
  const name = replicaName(cluster, place);
  // What was stored before there were jurisdictions has none.
  const jurisdiction: Jurisdiction | null = place.jurisdiction ?? null;
  if (jurisdiction === null) return environment.REPLICA.getByName(name, { locationHint });
  if (environment.EDGEKEEPER_DEVELOPMENT === "1") {
    return environment.REPLICA.getByName(name + BOUND + jurisdiction, { locationHint });
  }
  return environment.REPLICA.jurisdiction(jurisdiction).getByName(name, { locationHint });
}

/**
 * A developer's machine has no jurisdictions: its runtime refuses to name objects within one. There
 * the name says it, so that whoever forgets the jurisdiction finds another object there too.
 */
const BOUND = "@";

/** The name of the replica that `objectName` is the object of. */
export const replicaNameOf = (objectName: string): string => objectName.split(BOUND)[0]!;

/** It decides the jurisdiction, so it is in none: it knows who the members are, and no key. */
export const genesisStub = (
  environment: Environment,
  cluster: string,
): DurableObjectStub<Genesis> => environment.GENESIS.getByName(cluster);

/** There is one. */
export const catalogStub = (environment: Environment): DurableObjectStub<Catalog> =>
  environment.CATALOG.getByName("clusters");
