// Owns creating and describing clusters, `/v1/clusters/{name}`, saying where one shall live, below
// it `/regions`, and what operators do on bad days: `/replicas`, `/version`, `/recover`.

import { Hono, type Context } from "hono";
import { GATEWAY_ERRORS, recoveryRefused } from "../../api/error.ts";
import { parseRecovery } from "../../api/recovery.ts";
import { parseRegions } from "../../api/regions.ts";
import { parseVersionCap } from "../../api/version-cap.ts";
import type { ClientRequest, Directory, Member, ReplicaStatus } from "../../api/replica.ts";
import type { ClusterId } from "../../base/types.ts";
import { requireRoot } from "../administration.ts";
import { badRequest } from "../plain.ts";
import { changeRegions, LIST_MEMBERS, membersOf, type RegionMembers } from "../region-change.ts";
import { askReplicas, leadingRegion, type Survey, type Told } from "../replica-survey.ts";
import { clusterOf, readText, toRouterRequest, type Services } from "../request.ts";
import { jsonResponse, RequestError, requireAnswer } from "../response.ts";

/**
 * A replica may be far away and out of memory. Whoever is not heard of is taken for lost, on a day on
 * which that matters.
 */
const STATUS_MS = 5_000;

/** `/v1/clusters`. */
export function clusterRoutes(services: Services): Hono {
  const routes = new Hono();
  routes.get("/:cluster", (context) => describeCluster(services, context));
  routes.put("/:cluster", (context) => createCluster(services, context));
  routes.put("/:cluster/regions", (context) => moveCluster(services, context));
  routes.get("/:cluster/replicas", (context) => surveyCluster(services, context));
  routes.put("/:cluster/version", (context) => capVersion(services, context));
  routes.post("/:cluster/recover", (context) => recoverCluster(services, context));
  for (const below of ["", "/regions", "/replicas", "/version", "/recover"]) {
    const path = `/:cluster${below}`;
    routes.all(path, () => {
      throw new RequestError(GATEWAY_ERRORS.wrongVerb);
    });
  }
  return routes;
}

/** The members as Genesis was last told. @throws RequestError when there is no such cluster. */
async function existing(services: Services, name: string): Promise<Directory> {
  // Asking the cluster itself would create the default one.
  const directory = await services.router.describe(name);
  if (directory === null) throw new RequestError(GATEWAY_ERRORS.unknownCluster);
  return directory;
}

async function describeCluster(services: Services, context: Context): Promise<Response> {
  const name = clusterOf(context);
  await existing(services, name);
  return jsonResponse(printCluster(name, await membersNow(services, context)));
}

/** 201 when it is new, 200 when it was there; then its regions are what they were. */
async function createCluster(services: Services, context: Context): Promise<Response> {
  const name = clusterOf(context);
  const regions = parseRegions(await readText(context.req.raw), services.regions);
  if (!regions.ok) throw badRequest(regions.error);
  const existed = (await services.router.describe(name)) !== null;
  const directory = await services.router.create(name, regions.value ?? services.regions);
  if (existed) return jsonResponse(printCluster(name, await membersNow(services, context)));
  return jsonResponse(printCluster(name, directory), { status: 201 });
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
  const { clusterId, members } = await existing(services, name);
  const { told, unreachable } = await survey(services, name, members);
  await requireRoot(services, context, told);
  return jsonResponse({
    name,
    cluster_id: String(clusterId),
    leader: leadingRegion(told),
    replicas: told.map(printReplica),
    unreachable: unreachable.map(({ region, generation }) => ({ region, generation })),
  });
}

const survey = (
  services: Services,
  cluster: string,
  places: Directory["members"],
): Promise<Survey<ReplicaStatus>> =>
  askReplicas(services, { cluster, places, patienceMs: STATUS_MS }, (replica) => replica.status());

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
  const { members } = await existing(services, name);
  const order = parseRecovery(await readText(context.req.raw), services.regions);
  if (!order.ok) throw badRequest(order.error);
  const { told } = await survey(services, name, members);
  await requireRoot(services, context, told);
  const answer = await services.router.recover(name, order.value);
  if (answer.kind === "refused") throw new RequestError(recoveryRefused(answer.detail));
  const { directory, revision } = answer;
  return jsonResponse({ ...printCluster(name, directory), revision });
}

async function membersNow(services: Services, context: Context): Promise<RegionMembers> {
  const served = await services.router.serve(toRouterRequest(context, services, LIST_MEMBERS));
  return membersOf(requireAnswer(served, LIST_MEMBERS));
}

interface Printed {
  readonly clusterId: ClusterId;
  readonly members: readonly (Member & { readonly isLearner?: boolean })[];
}

const printCluster = (name: string, { clusterId, members }: Printed): object => ({
  name,
  cluster_id: String(clusterId),
  members: members.map(({ id, region, generation, isLearner }) => ({
    id: String(id),
    region,
    generation,
    learner: isLearner === true ? true : undefined,
  })),
});
