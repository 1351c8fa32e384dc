// Owns a cluster's limits over HTTP, `/v1/clusters/{name}/limits`: they are set as a whole, and shown.

import type { Context } from "hono";
import { parseLimits, printLimits } from "../../api/cluster-limits.ts";
import type { ClientRequest } from "../../api/replica.ts";
import { assert } from "../../base/assert.ts";
import type { ClusterLimits } from "../../base/cluster-limits.ts";
import { onceAgreed } from "../agreement.ts";
import { existing } from "../existing-cluster.ts";
import { badRequest } from "../plain.ts";
import { clusterOf, readText, toRouterRequest, type Services } from "../request.ts";
import { jsonResponse, requireAnswer } from "../response.ts";
import type { Served } from "../router.ts";

export async function showLimits(services: Services, context: Context): Promise<Response> {
  await existing(services, clusterOf(context));
  return jsonResponse(printLimits(await limitsNow(services, context)));
}

/** Sets all of them: what the body leaves out is as for a cluster that is new. */
export async function changeLimits(services: Services, context: Context): Promise<Response> {
  const limits = parseLimits(await readText(context.req.raw));
  if (!limits.ok) throw badRequest(limits.error);
  await existing(services, clusterOf(context));
  return jsonResponse(printLimits(await setLimits(services, context, limits.value)));
}

/** As of now. @throws RequestError when nobody leads the cluster. */
export async function limitsNow(services: Services, context: Context): Promise<ClusterLimits> {
  const request: ClientRequest = { kind: "limits" };
  return limitsIn(
    await services.router.serve(toRouterRequest(context, services, request)),
    request,
  );
}

/** Returns them once every later request meets them. @throws RequestError when that takes long. */
export async function setLimits(
  services: Services,
  context: Context,
  limits: ClusterLimits,
): Promise<ClusterLimits> {
  const request: ClientRequest = { kind: "setLimits", limits };
  const ask = (): Promise<Served> =>
    services.router.serve(toRouterRequest(context, services, request));
  return limitsIn(await onceAgreed(services, ask), request);
}

function limitsIn(served: Served, request: ClientRequest): ClusterLimits {
  const { answer } = requireAnswer(served, request);
  assert(answer.kind === "limits", "what is asked about limits is answered with limits");
  return answer.limits;
}
