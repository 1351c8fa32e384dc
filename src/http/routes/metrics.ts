// Owns `/metrics`: what the cluster's replicas tell of their work, in Prometheus' text format.

import { Hono, type Context } from "hono";
import Registry from "prom-client/lib/registry.js";
import { GATEWAY_ERRORS } from "../../api/error.ts";
import type { ReplicaMetrics } from "../../api/metrics.ts";
import type { Place } from "../../api/replica.ts";
import { placesIn } from "../../base/membership.ts";
import { existing } from "../existing-cluster.ts";
import { FAMILIES, type Family } from "../metric-families.ts";
import { askReplicas, type Survey, type Told } from "../replica-survey.ts";
import { clusterOf, type Services } from "../request.ts";
import { RequestError } from "../response.ts";

/** Scrapers give up after 10 s by default; a replica that is away must not cost the others' numbers. */
const PATIENCE_MS = 3_000;

/** `/metrics`. */
export function metricsRoutes(services: Services): Hono {
  const routes = new Hono();
  routes.get("/metrics", async (context) => {
    const { told } = await survey(services, context);
    const registry = new Registry();
    for (const family of FAMILIES) registry.registerMetric(toMetric(family, told));
    return new Response(await registry.metrics(), {
      headers: { "Content-Type": registry.contentType },
    });
  });
  routes.all("/metrics", () => {
    throw new RequestError(GATEWAY_ERRORS.wrongVerb);
  });
  return routes;
}

/**
 * The replicas that this isolate knows of; when none of them is one, those that Genesis knows, which
 * is spared the scrapes of every day.
 *
 * @throws RequestError when there is no such cluster.
 */
async function survey(services: Services, context: Context): Promise<Survey<ReplicaMetrics>> {
  const cluster = clusterOf(context);
  const ask = (places: readonly Place[]): Promise<Survey<ReplicaMetrics>> =>
    askReplicas(services, { cluster, places, patienceMs: PATIENCE_MS }, (replica) =>
      replica.metrics(),
    );
  const known = await ask(services.router.contacts(cluster));
  if (known.told.length > 0) return known;
  return ask(placesIn(await existing(services, cluster)));
}

/** As the registry takes it. Every line says which replica it is of: etcd has one process for each. */
const toMetric = ({ name, help, type, samples }: Family, all: readonly Told<ReplicaMetrics>[]) => ({
  name,
  help,
  type,
  get: async () => ({
    name,
    help,
    type,
    values: all.flatMap(({ place, told }) =>
      samples(told).map(({ suffix = "", labels, value }) => ({
        metricName: name + suffix,
        labels: { region: place.region, generation: String(place.generation), ...labels },
        value,
      })),
    ),
  }),
});
