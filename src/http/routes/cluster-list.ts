// Owns the list of clusters over HTTP, page by page.

import type { Context } from "hono";
import { CLUSTERS_PER_PAGE_MAX } from "../../base/limits.ts";
import { badRequest } from "../plain.ts";
import type { Services } from "../request.ts";
import { jsonResponse } from "../response.ts";

/** Clusters of a page unless `?limit` says otherwise. */
const PAGE = 100;

/**
 * `GET /v1/clusters?limit=N&after=NAME`: sorted by name. `next` is there when others come after, and
 * is what the next page comes `after`.
 */
export async function listClusters(services: Services, context: Context): Promise<Response> {
  const limit = limitOf(context.req.query("limit"));
  const after = context.req.query("after") ?? "";
  const { clusters, more } = await services.network.catalog().list({ after, limit });
  return jsonResponse({
    clusters: clusters.map(({ name, clusterId, jurisdiction }) => ({
      name,
      cluster_id: String(clusterId),
      jurisdiction,
    })),
    next: more ? clusters.at(-1)?.name : undefined,
  });
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return PAGE;
  const limit = Number(text);
  if (/^\d+$/.test(text) && limit >= 1 && limit <= CLUSTERS_PER_PAGE_MAX) return limit;
  throw badRequest(`limit is a number from 1 to ${CLUSTERS_PER_PAGE_MAX}`);
}
