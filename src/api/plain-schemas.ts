// Owns what the answers of our own API look like, for readers of the description of the API: the plain
// API of keys, clusters, health.

import { z } from "zod";
import { JURISDICTIONS } from "../base/membership.ts";

const count = z.int().nonnegative();
const id = z.string().regex(/^[0-9]+$/);

/** Text, or base64 under the other name where bytes are no text. */
const keyFields = { key: z.string().optional(), key_base64: z.string().optional() };

const plainKey = z
  .object({
    ...keyFields,
    value: z.string().optional(),
    value_base64: z.string().optional(),
    revision: count,
    version: count,
    lease: z
      .string()
      .regex(/^-?[0-9]+$/)
      .optional(),
  })
  .meta({ id: "PlainKey" });

export const keyListAnswer = z
  .object({ revision: count, kvs: z.array(plainKey), more: z.literal(true).optional() })
  .meta({ id: "KeyList" });
export const writtenAnswer = z.object({ revision: count }).meta({ id: "Written" });

const jurisdiction = z.enum(JURISDICTIONS);

const clusterFields = {
  name: z.string(),
  cluster_id: id,
  members: z.array(
    z.object({
      id,
      region: z.string(),
      generation: count,
      learner: z.literal(true).optional(),
    }),
  ),
};
export const clusterAnswer = z
  .object({ ...clusterFields, jurisdiction: jurisdiction.optional() })
  .meta({ id: "Cluster" });

/** As it can be sent back. */
export const limitsAnswer = z
  .object({
    quota_bytes: count,
    requests_per_second: count,
    watches: count,
    leases: count,
    auto_compaction: z
      .union([
        z.object({ mode: z.literal("periodic"), retention: z.string() }),
        z.object({ mode: z.literal("revision"), retention: count }),
      ])
      .nullable(),
  })
  .meta({ id: "Limits" });

export const describedClusterAnswer = z
  .object({
    ...clusterFields,
    regions: z.array(z.string()),
    jurisdiction: jurisdiction.nullable(),
    leader: z.string().nullable(),
    limits: limitsAnswer,
  })
  .meta({ id: "DescribedCluster" });

export const clusterListAnswer = z
  .object({
    clusters: z.array(
      z.object({ name: z.string(), cluster_id: id, jurisdiction: jurisdiction.nullable() }),
    ),
    next: z.string().optional(),
  })
  .meta({ id: "ClusterList" });

const place = { region: z.string(), generation: count };

export const deletedAnswer = z
  .object({
    name: z.string(),
    cluster_id: id,
    deleted: z.literal(true),
    unreachable: z.array(z.object(place)),
  })
  .meta({ id: "DeletedCluster" });
/** What would be lost. */
export const deletionAnswer = z
  .object({
    error: z.string(),
    code: z.int(),
    message: z.string(),
    name: z.string(),
    cluster_id: id,
    members: z.array(z.object({ id, ...place })),
    keys: count.optional(),
  })
  .meta({ id: "UnconfirmedDeletion" });

export const recoveredAnswer = z
  .object({ ...clusterFields, jurisdiction: jurisdiction.optional(), revision: count })
  .meta({ id: "RecoveredCluster" });

export const replicasAnswer = z
  .object({
    name: z.string(),
    cluster_id: id,
    leader: z.string().nullable(),
    replicas: z.array(
      z.object({
        id,
        region: z.string(),
        generation: count,
        role: z.enum(["leader", "follower", "candidate", "learner"]),
        term: count,
        commit: count,
        applied: count,
        revision: count,
        version: count,
        asleep: z.boolean(),
        location: z.string().nullable().optional(),
        clock_ms: count.nullable().optional(),
        round_trip_ms: count.optional(),
      }),
    ),
    unreachable: z.array(z.object(place)),
  })
  .meta({ id: "Replicas" });

export const healthAnswer = z
  .object({ health: z.enum(["true", "false"]), reason: z.string() })
  .meta({ id: "Health" });
export const versionAnswer = z
  .object({ etcdserver: z.string(), etcdcluster: z.string(), storage: z.string() })
  .meta({ id: "Version" });
