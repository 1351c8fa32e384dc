// Owns what monitors ask: `/health`, `/livez`, `/readyz` and `/version`, as etcd answers them. None of
// it needs a user's token, as in etcd.

import { Hono, type Context, type MiddlewareHandler } from "hono";
import { ETCD_VERSION } from "../../api/etcd-version.ts";
import { rangeOfKey } from "../../api/kv-json.ts";
import type { ReplicaStatus } from "../../api/replica.ts";
import { CHECK_LISTS, examine, HEALTH_KEY, type Finding, type Patient } from "../health-checks.ts";
import { askReplicas } from "../replica-survey.ts";
import { clusterOf, toRouterRequest, type Services } from "../request.ts";
import { isForLackOfRights } from "../administration.ts";
import type { Served } from "../router.ts";

/** What monitors ask for. */
export const MONITOR_PATHS = [
  "/version",
  "/health",
  "/livez",
  "/readyz",
  "/livez/:check",
  "/readyz/:check",
];

/** How long a replica may take to tell its status before the next is asked; ms. */
const STATUS_MS = 500;

/** In the order in which `/health` looks for them, with their names. */
const ALARMS = [
  ["noSpace", "NOSPACE"],
  ["corrupt", "CORRUPT"],
] as const;

const TEXT = { "Content-Type": "text/plain; charset=utf-8" } as const;
/** What etcd sends with texts that Go's `http.Error` makes. */
const PLAIN_TEXT = { ...TEXT, "X-Content-Type-Options": "nosniff" } as const;

/** `/health`, `/livez`, `/readyz`, `/version`. */
export function healthRoutes(services: Services): Hono {
  const routes = new Hono();
  // A HEAD comes as a GET here; etcd refuses it.
  for (const path of MONITOR_PATHS) routes.use(path, refuseHead);
  routes.get("/version", (context) => {
    clusterOf(context);
    return context.json(ETCD_VERSION);
  });
  routes.get("/health", (context) => reportHealth(services, context));
  for (const path of ["/livez", "/readyz"] as const) {
    routes.get(path, (context) => report(services, context, path));
    routes.get(`${path}/:check`, (context) => report(services, context, path));
  }
  for (const path of MONITOR_PATHS) routes.all(path, refuseVerb);
  return routes;
}

async function reportHealth(services: Services, context: Context): Promise<Response> {
  const request = {
    kind: "range",
    request: { ...rangeOfKey(HEALTH_KEY), countOnly: true },
    serializable: context.req.query("serializable") === "true",
  } as const;
  const excluded = context.req.queries("exclude") ?? [];
  const patient = patientOf(services, context);
  const served = await patient.ask(request);
  const told = await patient.status(() => true);
  const alarms = new Set(told?.alarms.map(({ alarm }) => alarm));
  const shown = ALARMS.find(([alarm, name]) => alarms.has(alarm) && !excluded.includes(name));
  const reason = shown === undefined ? reasonOf(served) : `ALARM ${shown[1]}`;
  const body = JSON.stringify({ health: String(reason === ""), reason });
  return new Response(body, { status: reason === "" ? 200 : 503, headers: TEXT });
}

/** Empty when healthy, else in etcd's words where it has some. */
function reasonOf(served: Served): string {
  if (served.kind === "answered") return "";
  if (served.kind === "refused") {
    // Whoever watches over a cluster need not be one of its users: a leader has said so, and it leads.
    return isForLackOfRights(served.refusal) ? "" : `RANGE ERROR:${served.refusal}`;
  }
  switch (served.failure) {
    case "timeout":
    case "deadline":
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

/** Runs the path's checks, or the one that is named behind it, less those excluded. */
async function report(
  services: Services,
  context: Context,
  path: keyof typeof CHECK_LISTS,
): Promise<Response> {
  const wanted = context.req.param("check");
  const names = CHECK_LISTS[path].filter((name) => wanted === undefined || name === wanted);
  if (names.length === 0) {
    return new Response("404 page not found\n", { status: 404, headers: PLAIN_TEXT });
  }
  const excluded: readonly string[] = context.req.queries("exclude") ?? [];
  const findings = await examine(
    names.filter((name) => !excluded.includes(name)),
    patientOf(services, context),
  );
  const list = findings.map(printFinding).join("");
  if (findings.some(({ fault }) => fault !== null)) {
    return new Response(`${list}\n`, { status: 503, headers: PLAIN_TEXT });
  }
  const isVerbose = context.req.query("verbose") !== undefined;
  return new Response(isVerbose ? `${list}ok\n` : "ok\n", { headers: PLAIN_TEXT });
}

const printFinding = ({ name, fault }: Finding): string =>
  fault === null ? `[+]${name} ok\n` : `[-]${name} failed: ${fault}\n`;

function patientOf(services: Services, context: Context): Patient {
  const cluster = clusterOf(context);
  return {
    ask: (request) => services.router.serve(toRouterRequest(context, services, request)),
    status: async (isWanted) => {
      let last: ReplicaStatus | null = null;
      for (const place of services.router.likeliest(cluster)) {
        const order = { cluster, places: [place], patienceMs: STATUS_MS };
        const { told } = await askReplicas(services, order, (replica) => replica.status());
        last = told[0]?.told ?? last;
        if (last !== null && isWanted(last)) return last;
      }
      return last;
    },
  };
}

const refuseHead: MiddlewareHandler = async (context, next) => {
  if (context.req.raw.method === "HEAD") return refuseVerb();
  await next();
  return undefined;
};

const refuseVerb = (): Response =>
  new Response("Method Not Allowed\n", { status: 405, headers: { ...PLAIN_TEXT, Allow: "GET" } });
