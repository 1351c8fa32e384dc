// Owns what monitors ask: `/health` and `/version`, as etcd answers them.

import { Hono, type Context, type MiddlewareHandler } from "hono";
import { ETCD_VERSION } from "../../api/etcd-version.ts";
import { rangeOfKey } from "../../api/kv-json.ts";
import { encodeUtf8 } from "../../base/bytes.ts";
import { clusterOf, toRouterRequest, type Services } from "../request.ts";
import type { Served } from "../router.ts";

/** The key whose reading tells health, as etcdctl's `endpoint health` does; it need not exist. */
const HEALTH_KEY = encodeUtf8("health");

/** `/health` and `/version`. */
export function healthRoutes(services: Services): Hono {
  const routes = new Hono();
  // A HEAD comes as a GET here; etcd refuses it.
  routes.use("/version", refuseHead);
  routes.use("/health", refuseHead);
  routes.get("/version", (context) => {
    clusterOf(context);
    return context.json(ETCD_VERSION);
  });
  routes.get("/health", (context) => reportHealth(services, context));
  routes.all("/version", refuseVerb);
  routes.all("/health", refuseVerb);
  return routes;
}

async function reportHealth(services: Services, context: Context): Promise<Response> {
  const request = {
    kind: "range",
    request: { ...rangeOfKey(HEALTH_KEY), countOnly: true },
    serializable: context.req.query("serializable") === "true",
  } as const;
  const served = await services.router.serve(toRouterRequest(context, services, request));
  const reason = reasonOf(served);
  const health = reason === "" ? "true" : "false";
  const body = JSON.stringify({ health, reason });
  return new Response(body, {
    status: reason === "" ? 200 : 503,
    headers: { "Content-Type": "text/plain; charset=utf-8" },
  });
}

/** Empty when healthy, else in etcd's words where it has some. */
function reasonOf(served: Served): string {
  if (served.kind === "answered") return "";
  if (served.kind === "refused") return `RANGE ERROR:${served.refusal}`;
  switch (served.failure) {
    case "timeout":
    case "noLeader":
      return "RAFT NO LEADER";
    case "overloaded":
      return "RANGE ERROR:etcdserver: too many requests";
    case "unknownCluster":
      return "RANGE ERROR:no such cluster";
    default:
      return served.failure satisfies never;
  }
}

const refuseHead: MiddlewareHandler = async (context, next) => {
  if (context.req.raw.method === "HEAD") return refuseVerb();
  await next();
  return undefined;
};

const refuseVerb = (): Response =>
  new Response("Method Not Allowed\n", { status: 405, headers: { Allow: "GET" } });
