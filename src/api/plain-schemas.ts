// Owns what the answers of our own API look like, for readers of the description of the API: the plain
// API of keys, clusters, health.

import { z } from "zod";

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
export const clusterAnswer = z.object(clusterFields).meta({ id: "Cluster" });
export const recoveredAnswer = z
  .object({ ...clusterFields, revision: count })
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
      }),
    ),
    unreachable: z.array(z.object({ region: z.string(), generation: count })),
  })
  .meta({ id: "Replicas" });

export const healthAnswer = z
  .object({ health: z.enum(["true", "false"]), reason: z.string() })
  .meta({ id: "Health" });
export const versionAnswer = z
  .object({ etcdserver: z.string(), etcdcluster: z.string(), storage: z.string() })
  .meta({ id: "Version" });
