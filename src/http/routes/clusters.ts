// Owns creating and describing clusters: `/v1/clusters/{name}`.

import { Hono, type Context } from "hono";
import { GATEWAY_ERRORS } from "../../api/error.ts";
import { parseRegions } from "../../api/regions.ts";
import type { Directory } from "../../api/replica.ts";
import { badRequest } from "../plain.ts";
import { clusterOf, readText, type Services } from "../request.ts";
import { jsonResponse, RequestError } from "../response.ts";

/** `/v1/clusters`. */
export function clusterRoutes(services: Services): Hono {
  const routes = new Hono();
  routes.get("/:cluster", async (context) => {
    const name = clusterOf(context);
    const directory = await services.router.describe(name);
    if (directory === null) throw new RequestError(GATEWAY_ERRORS.unknownCluster);
    return jsonResponse(printDirectory(name, directory));
  });
  routes.put("/:cluster", (context) => createCluster(services, context));
  routes.all("/:cluster", () => {
    throw new RequestError(GATEWAY_ERRORS.wrongVerb);
  });
  return routes;
}

/** 201 when it is new, 200 when it was there; then its regions are what they were. */
async function createCluster(services: Services, context: Context): Promise<Response> {
  const name = clusterOf(context);
  const regions = parseRegions(await readText(context.req.raw), services.regions);
  if (!regions.ok) throw badRequest(regions.error);
  const existed = (await services.router.describe(name)) !== null;
  const directory = await services.router.create(name, regions.value);
  return jsonResponse(printDirectory(name, directory), { status: existed ? 200 : 201 });
}

const printDirectory = (name: string, { clusterId, members }: Directory): object => ({
  name,
  cluster_id: String(clusterId),
  members: members.map(({ id, region, generation }) => ({ id: String(id), region, generation })),
});
