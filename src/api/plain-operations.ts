// Owns the description of our own API: keys by path, clusters, and what monitors ask.

import type { z } from "zod";
import { emptyAnswer } from "./answer-schemas.ts";
import { limitsSchema } from "./cluster-limits.ts";
import { newClusterBody } from "./new-cluster.ts";
import { IDEMPOTENCY_KEY, type Answer, type Operation, type Parameter } from "./operation.ts";
import {
  clusterAnswer,
  clusterListAnswer,
  deletedAnswer,
  deletionAnswer,
  describedClusterAnswer,
  healthAnswer,
  keyListAnswer,
  limitsAnswer,
  recoveredAnswer,
  replicasAnswer,
  versionAnswer,
  writtenAnswer,
} from "./plain-schemas.ts";
import { recoveryBody } from "./recovery.ts";
import { regionsBody } from "./regions.ts";
import { versionCapBody } from "./version-cap.ts";

const TEXT = { type: "string" } as const;
const COUNT = { type: "integer", minimum: 0 } as const;
const SWITCH = { type: "boolean" } as const;

const key: Parameter = {
  name: "key",
  in: "path",
  description: "All that follows, slashes too, percent-decoded",
  schema: TEXT,
};
const cluster: Parameter = {
  name: "cluster",
  in: "path",
  description: "The cluster's name",
  schema: { type: "string", pattern: "^[a-z0-9][a-z0-9-]{0,62}$" },
};
const inQuery = (name: string, schema: Parameter["schema"], description: string): Parameter => ({
  name,
  in: "query",
  description,
  schema,
});
const inHeader = (name: string, description: string): Parameter => ({
  name,
  in: "header",
  description,
  schema: TEXT,
});
const FRESHNESS = [
  inQuery("min_revision", COUNT, "The answer shows at least this revision"),
  inQuery("max_staleness", COUNT, "The answer is at most so many milliseconds old"),
];
const PRECONDITIONS = [
  inHeader("If-Match", "Only if the key has this ETag, or exists: *"),
  inHeader("If-None-Match", "Only if the key has not this ETag, or does not exist: *"),
];
const REVISION = { "X-Edgekeeper-Revision": "The store's revision" };
const KEY_HEADERS = {
  ...REVISION,
  ETag: "The key's revision, quoted",
  "X-Edgekeeper-Create-Revision": "The revision that created the key",
  "X-Edgekeeper-Version": "How often it was written since",
};

const json = (description: string, schema: z.ZodType): Answer => ({
  description,
  bodies: [{ kind: "json", schema }],
});

/** JSON, which etcd calls text. */
const health = (description: string): Answer => ({
  description,
  bodies: [{ kind: "json", schema: healthAnswer, mediaType: "text/plain" }],
});

const KEYS: readonly Operation[] = [
  {
    method: "get",
    path: "/v1/kv/{key}",
    summary: "Read a key, list a prefix, or watch either",
    description:
      "Without a switch: the key's value as it is. With `prefix`: a list in JSON. With `watch`: server-sent events, whose ids are revisions.",
    parameters: [
      key,
      ...FRESHNESS,
      ...PRECONDITIONS,
      inQuery("prefix", SWITCH, "List the keys that begin so"),
      inQuery("limit", COUNT, "Keys of a list: 1,000 unless said"),
      inQuery("watch", SWITCH, "Watch"),
      inQuery("from", COUNT, "Watch from this revision on"),
      inHeader("Last-Event-ID", "Watch from the revision after this one on"),
    ],
    answers: {
      200: {
        description: "The value, a list, or events",
        bodies: [
          { kind: "other", mediaType: "application/octet-stream" },
          { kind: "json", schema: keyListAnswer },
          { kind: "other", mediaType: "text/event-stream", schema: TEXT },
        ],
        headers: KEY_HEADERS,
      },
      304: { description: "The key has the ETag of If-None-Match", bodies: [] },
    },
    isOfCluster: true,
  },
  {
    method: "put",
    path: "/v1/kv/{key}",
    summary: "Write a key",
    parameters: [
      key,
      ...PRECONDITIONS,
      IDEMPOTENCY_KEY,
      inQuery("lease", TEXT, "The id of a lease to attach to"),
    ],
    request: { kind: "other", mediaType: "application/octet-stream" },
    answers: {
      200: { ...json("Written", writtenAnswer), headers: REVISION },
      201: { ...json("Written, and new", writtenAnswer), headers: REVISION },
    },
    isOfCluster: true,
  },
  {
    method: "delete",
    path: "/v1/kv/{key}",
    summary: "Delete a key",
    parameters: [key, ...PRECONDITIONS, IDEMPOTENCY_KEY],
    answers: { 204: { description: "Deleted", bodies: [], headers: REVISION } },
    isOfCluster: true,
  },
];

/** What is said of clusters below `/v1/clusters/{cluster}`. */
const ofClusters = (operation: Omit<Operation, "isOfCluster">): Operation => ({
  ...operation,
  path: `/v1/clusters/{cluster}${operation.path}`,
  parameters: [cluster, ...(operation.parameters ?? [])],
  isOfCluster: false,
});

const CLUSTERS: readonly Operation[] = [
  {
    method: "get",
    path: "/v1/clusters",
    summary: "List clusters by name, page by page",
    parameters: [
      inQuery("limit", { type: "integer", minimum: 1 }, "Clusters of a page: 100 unless said"),
      inQuery("after", TEXT, "The page begins after this name: `next` of the page before"),
    ],
    answers: { 200: json("A page", clusterListAnswer) },
    isOfCluster: false,
  },
  ofClusters({
    method: "get",
    path: "",
    summary: "Describe a cluster",
    answers: { 200: json("The cluster", describedClusterAnswer) },
  }),
  ofClusters({
    method: "put",
    path: "",
    summary: "Create a cluster",
    request: { kind: "json", schema: newClusterBody([]) },
    answers: { 200: json("It was there", clusterAnswer), 201: json("Created", clusterAnswer) },
  }),
  ofClusters({
    method: "delete",
    path: "",
    summary: "Delete a cluster and all of its keys",
    parameters: [inQuery("confirm", TEXT, "The cluster's id; without it nothing is deleted")],
    answers: {
      200: json("Deleted", deletedAnswer),
      428: json("What would be lost", deletionAnswer),
    },
  }),
  ofClusters({
    method: "get",
    path: "/limits",
    summary: "What the cluster is limited to",
    answers: { 200: json("The limits", limitsAnswer) },
  }),
  ofClusters({
    method: "put",
    path: "/limits",
    summary: "Set all of a cluster's limits",
    description: "What the body leaves out is as for a cluster that is new.",
    request: { kind: "json", schema: limitsSchema },
    answers: { 200: json("They hold", limitsAnswer) },
  }),
  ofClusters({
    method: "put",
    path: "/regions",
    summary: "Move a cluster to regions",
    request: { kind: "json", schema: regionsBody([]) },
    answers: { 200: json("It lives there", clusterAnswer) },
  }),
  ofClusters({
    method: "get",
    path: "/replicas",
    summary: "What each replica says of itself",
    parameters: [
      inQuery("whereabouts", SWITCH, "With data centers, clocks, and how long each took to answer"),
    ],
    answers: { 200: json("The replicas", replicasAnswer) },
  }),
  ofClusters({
    method: "put",
    path: "/version",
    summary: "Cap the version of the cluster",
    request: { kind: "json", schema: versionCapBody },
    answers: { 200: json("Capped", emptyAnswer) },
  }),
  ofClusters({
    method: "get",
    path: "/snapshot",
    summary: "All that the cluster holds, as a file",
    answers: {
      200: {
        description: "The file; one that is whole ends with its SHA-256",
        bodies: [{ kind: "other", mediaType: "application/octet-stream" }],
        headers: REVISION,
      },
    },
  }),
  ofClusters({
    method: "post",
    path: "/restore",
    summary: "Make a new cluster of a snapshot file",
    parameters: [
      inQuery("bump_revisions", COUNT, "How far revisions leap: a thousand million unless said"),
      inQuery("regions", TEXT, "Where it shall live, comma-separated"),
      inQuery("jurisdiction", TEXT, "Within which it shall stay"),
    ],
    request: { kind: "other", mediaType: "application/octet-stream" },
    answers: { 201: json("The new cluster", recoveredAnswer) },
  }),
  ofClusters({
    method: "post",
    path: "/recover",
    summary: "Go on from one replica of a cluster that lost its majority",
    request: { kind: "json", schema: recoveryBody([]) },
    answers: { 200: json("The new cluster", recoveredAnswer) },
  }),
];

const text = (description: string): Answer => ({
  description,
  bodies: [{ kind: "other", mediaType: "text/plain", schema: TEXT }],
});

const EXCLUDE = inQuery("exclude", TEXT, "What shall not be looked at; may be given again");

/** One of etcd's lists of checks, and each check by itself. */
const checks = (path: string, summary: string): readonly Operation[] => {
  const list: Operation = {
    method: "get",
    path,
    summary,
    parameters: [inQuery("verbose", SWITCH, "Tell what was looked at"), EXCLUDE],
    answers: { 200: text("All is well"), 503: text("What is not") },
    isOfCluster: true,
  };
  return [
    list,
    {
      ...list,
      path: `${path}/{check}`,
      summary: `${summary}: one check`,
      parameters: [
        { name: "check", in: "path", description: "The check's name", schema: TEXT },
        ...(list.parameters ?? []),
      ],
      answers: { ...list.answers, 404: text("There is no such check") },
    },
  ];
};

const MONITORS: readonly Operation[] = [
  ...checks("/livez", "Whether some replica answers"),
  ...checks("/readyz", "Whether the cluster can be used"),
  {
    method: "get",
    path: "/metrics",
    summary: "What the replicas tell of their work, in Prometheus' text format",
    answers: { 200: text("Metrics, each line with the region of its replica") },
    isOfCluster: true,
  },
  {
    method: "get",
    path: "/health",
    summary: "Whether a read succeeds, and no alarm is raised",
    parameters: [inQuery("serializable", SWITCH, "Any replica may answer"), EXCLUDE],
    answers: { 200: health("Healthy"), 503: health("Not healthy") },
    isOfCluster: true,
  },
  {
    method: "get",
    path: "/version",
    summary: "The versions whose API this is",
    answers: { 200: json("Versions", versionAnswer) },
    isOfCluster: true,
  },
  {
    method: "get",
    path: "/openapi.json",
    summary: "This description",
    answers: {
      200: {
        description: "OpenAPI 3.1",
        bodies: [{ kind: "other", mediaType: "application/json", schema: { type: "object" } }],
      },
    },
    isOfCluster: false,
  },
];

const SESSION: Operation = {
  method: "get",
  path: "/v1/session",
  summary: "Open a session: requests and watches over one WebSocket",
  parameters: [inQuery("any", SWITCH, "With the nearest replica, and not the leader")],
  answers: { 101: { description: "The session protocol, in binary messages", bodies: [] } },
  isOfCluster: true,
};

export const PLAIN_OPERATIONS: readonly Operation[] = [...KEYS, SESSION, ...CLUSTERS, ...MONITORS];
