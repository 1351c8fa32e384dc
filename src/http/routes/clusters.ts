// Owns creating and describing clusters, `/v1/clusters/{name}`, and saying where one shall live,
// `/v1/clusters/{name}/regions`.

import { Hono, type Context } from "hono";
import { GATEWAY_ERRORS } from "../../api/error.ts";
import { parseRegions } from "../../api/regions.ts";
import type { ClientRequest, Member } from "../../api/replica.ts";
import { assert } from "../../base/assert.ts";
import type { ClusterId } from "../../base/types.ts";
import { badRequest } from "../plain.ts";
import { changeRegions, type RegionMembers } from "../region-change.ts";
import { clusterOf, readText, toRouterRequest, type Services } from "../request.ts";
import { jsonResponse, RequestError, requireAnswer } from "../response.ts";

/** `/v1/clusters`. */
export function clusterRoutes(services: Services): Hono {
  const routes = new Hono();
  routes.get("/:cluster", async (context) => {
    const name = clusterOf(context);
    // Asking the cluster itself would create the default one.
    const directory = await services.router.describe(name);
    if (directory === null) throw new RequestError(GATEWAY_ERRORS.unknownCluster);
    return jsonResponse(printCluster(name, await membersNow(services, context)));
  });
  routes.put("/:cluster", (context) => createCluster(services, context));
  routes.put("/:cluster/regions", (context) => moveCluster(services, context));
  for (const path of ["/:cluster", "/:cluster/regions"]) {
    routes.all(path, () => {
      throw new RequestError(GATEWAY_ERRORS.wrongVerb);
    });
  }
  return routes;
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
  const { trace, continent } = toRouterRequest(context, services, LIST);
  const order = { cluster: name, trace, continent, wanted: wanted.value };
  return jsonResponse(printCluster(name, await changeRegions(services, order)));
}

/** As the leader has them: this is for people, who have just changed something. */
const LIST: ClientRequest = { kind: "memberList", linearizable: true };

async function membersNow(services: Services, context: Context): Promise<RegionMembers> {
  const served = await services.router.serve(toRouterRequest(context, services, LIST));
  const { header, answer } = requireAnswer(served, LIST);
  assert(answer.kind === "members", "a list of members is answered with members");
  return { clusterId: header.clusterId, members: answer.answer.members };
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
