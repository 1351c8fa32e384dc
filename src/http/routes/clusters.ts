// Owns the list of clusters, `/v1/clusters`, creating and describing one, `/v1/clusters/{name}`,
// saying where it shall live, below it `/regions`, and what operators do on bad days: `/replicas`,
// `/version`, `/recover`. Listing clusters, deleting one and its limits have files of their own.

import { Hono, type Context, type MiddlewareHandler } from "hono";
import { GATEWAY_ERRORS, recoveryRefused } from "../../api/error.ts";
import { printLimits } from "../../api/cluster-limits.ts";
import { parseNewCluster } from "../../api/new-cluster.ts";
import { parseRecovery } from "../../api/recovery.ts";
import { parseRegions } from "../../api/regions.ts";
import { parseVersionCap } from "../../api/version-cap.ts";
import type {
  ClientRequest,
  Directory,
  Jurisdiction,
  Member,
  ReplicaStatus,
} from "../../api/replica.ts";
import { placesIn } from "../../base/membership.ts";
import type { ClusterId } from "../../base/types.ts";
import { requireRoot } from "../administration.ts";
import { existing } from "../existing-cluster.ts";
import { badRequest } from "../plain.ts";
import { changeRegions, LIST_MEMBERS, membersOf, type RegionMembers } from "../region-change.ts";
import { askReplicas, leadingRegion, type Survey, type Told } from "../replica-survey.ts";
import { clusterOf, readText, toRouterRequest, type Services } from "../request.ts";
import { jsonResponse, RequestError, requireAnswer } from "../response.ts";
import { deleteCluster } from "./cluster-deletion.ts";
import { findReplicas } from "../replica-whereabouts.ts";
import { changeLimits, limitsNow, setLimits, showLimits } from "./cluster-limits.ts";
import { listClusters } from "./cluster-list.ts";

/**
 * A replica may be far away and out of memory. Whoever is not heard of is taken for lost, on a day on
 * which that matters.
 */
const STATUS_MS = 5_000;

/** `/v1/clusters`. */
export function clusterRoutes(services: Services): Hono {
  const routes = new Hono();
  routes.get("/", (context) => listClusters(services, context));
  routes.delete("/:cluster", rootOnly(services), (context) => deleteCluster(services, context));
  routes.get("/:cluster", (context) => describeCluster(services, context));
  routes.put("/:cluster", (context) => createCluster(services, context));
  routes.get("/:cluster/limits", (context) => showLimits(services, context));
  routes.put("/:cluster/limits", (context) => changeLimits(services, context));
  routes.put("/:cluster/regions", (context) => moveCluster(services, context));
  routes.get("/:cluster/replicas", (context) => surveyCluster(services, context));
  routes.put("/:cluster/version", (context) => capVersion(services, context));
  routes.post("/:cluster/recover", (context) => recoverCluster(services, context));
  const below = ["", "/limits", "/regions", "/replicas", "/version", "/recover"];
  for (const path of ["/", ...below.map((one) => `/:cluster${one}`)]) {
    routes.all(path, () => {
      throw new RequestError(GATEWAY_ERRORS.wrongVerb);
    });
  }
  return routes;
}

/**
 * For what no replica is asked for, which would look whether it may be: who may administer a cluster
 * is said by its replicas, as long as one can be reached.
 */
const rootOnly =
  (services: Services): MiddlewareHandler =>
  async (context, next) => {
    const name = clusterOf(context);
    const { told } = await survey(services, name, await existing(services, name));
    await requireRoot(services, context, told);
    await next();
  };

/** Who the members are, as the leader has them: it answers, or nobody does. */
async function describeCluster(services: Services, context: Context): Promise<Response> {
  const name = clusterOf(context);
  const { jurisdiction } = await existing(services, name);
  const [{ leader, ...now }, limits] = await Promise.all([
    membersNow(services, context),
    limitsNow(services, context),
  ]);
  return jsonResponse({
    ...printCluster(name, now),
    regions: now.members.map(({ region }) => region),
    jurisdiction: jurisdiction ?? null,
    leader,
    limits: printLimits(limits),
  });
}

/** 201 when it is new, 200 when it was there; then it lives where it did. Limits are set anyway. */
async function createCluster(services: Services, context: Context): Promise<Response> {
  const name = clusterOf(context);
  const order = parseNewCluster(await readText(context.req.raw), services.regions);
  if (!order.ok) throw badRequest(order.error);
  const { regions, jurisdiction, limits } = order.value;
  const existed = (await services.router.describe(name)) !== null;
  const directory = await services.router.create(
    name,
    regions ?? services.regions,
    jurisdiction ?? null,
  );
  const isElsewhere = (directory.jurisdiction ?? null) !== (jurisdiction ?? null);
  if (jurisdiction !== undefined && isElsewhere) {
    throw new RequestError(GATEWAY_ERRORS.otherJurisdiction);
  }
  // Cut off before this, a creation goes on when it is sent again.
  if (limits !== undefined) await setLimits(services, context, limits);
  if (!existed) return jsonResponse(printCluster(name, directory), { status: 201 });
  return jsonResponse(
    printCluster(name, { ...directory, ...(await membersNow(services, context)) }),
  );
}

/** Answers once the cluster lives in exactly the regions of the body, one voter in each. */
async function moveCluster(services: Services, context: Context): Promise<Response> {
  const name = clusterOf(context);
  const wanted = parseRegions(await readText(context.req.raw), services.regions);
  if (!wanted.ok) throw badRequest(wanted.error);
  if (wanted.value === null) throw badRequest('the body is {"regions": [...]}');
  const errand = toRouterRequest(context, services, LIST_MEMBERS);
  const order = { ...errand, wanted: wanted.value };
  return jsonResponse(printCluster(name, await changeRegions(services, order)));
}

/** What each replica says of itself: it needs no leader, so it answers when nothing else does. */
async function surveyCluster(services: Services, context: Context): Promise<Response> {
  const name = clusterOf(context);
  const directory = await existing(services, name);
  const { told, unreachable } = await survey(services, name, directory);
  await requireRoot(services, context, told);
  const isWhereWanted = context.req.query("whereabouts") !== undefined;
  const found = isWhereWanted ? await findReplicas(services, name, told) : [];
  return jsonResponse({
    name,
    cluster_id: String(directory.clusterId),
    leader: leadingRegion(told),
    replicas: told.map((one, at) => ({ ...printReplica(one), ...found[at] })),
    unreachable: unreachable.map(({ region, generation }) => ({ region, generation })),
  });
}

const survey = (
  services: Services,
  cluster: string,
  directory: Directory,
): Promise<Survey<ReplicaStatus>> => {
  const order = { cluster, places: placesIn(directory), patienceMs: STATUS_MS };
  return askReplicas(services, order, (replica) => replica.status());
};

const printReplica = ({ place, told }: Told): object => ({
  id: String(told.memberId),
  region: place.region,
  generation: place.generation,
  role: told.role,
  term: told.term,
  commit: told.commit,
  applied: told.applied,
  revision: told.revision,
  version: told.clusterVersion,
  asleep: told.isAsleep,
});

/** Answers once the cluster's version is at most the cap: older code may return then. */
async function capVersion(services: Services, context: Context): Promise<Response> {
  await existing(services, clusterOf(context));
  const cap = parseVersionCap(await readText(context.req.raw));
  if (!cap.ok) throw badRequest(cap.error);
  const request: ClientRequest = { kind: "capVersion", cap: cap.value };
  const served = await services.router.serve(toRouterRequest(context, services, request));
  requireAnswer(served, request);
  return jsonResponse({});
}

/** Goes on from one replica of a cluster that has lost its majority, as another cluster. */
async function recoverCluster(services: Services, context: Context): Promise<Response> {
  const name = clusterOf(context);
  const lost = await existing(services, name);
  const order = parseRecovery(await readText(context.req.raw), services.regions);
  if (!order.ok) throw badRequest(order.error);
  const { told } = await survey(services, name, lost);
  await requireRoot(services, context, told);
  const answer = await services.router.recover(name, order.value);
  if (answer.kind === "refused") throw new RequestError(recoveryRefused(answer.detail));
  const { directory, revision } = answer;
  return jsonResponse({ ...printCluster(name, directory), revision });
}

/** The members, and the region that leads: only a leader lists them. */
async function membersNow(
  services: Services,
  context: Context,
): Promise<RegionMembers & { readonly leader: string | null }> {
  const served = await services.router.serve(toRouterRequest(context, services, LIST_MEMBERS));
  const answered = requireAnswer(served, LIST_MEMBERS);
  const listed = membersOf(answered);
  const { memberId } = answered.header;
  const leader = listed.members.find(({ id }) => id === memberId)?.region ?? null;
  return { ...listed, leader };
}

interface Printed {
  readonly clusterId: ClusterId;
  readonly members: readonly (Member & { readonly isLearner?: boolean })[];
  /** Absent: none, or it is told elsewhere. */
  readonly jurisdiction?: Jurisdiction;
}

export const printCluster = (
  name: string,
  { clusterId, members, jurisdiction }: Printed,
): object => ({
  name,
  cluster_id: String(clusterId),
  members: members.map(({ id, region, generation, isLearner }) => ({
    id: String(id),
    region,
    generation,
    learner: isLearner === true ? true : undefined,
  })),
  jurisdiction,
});
