// Owns the composition of the Worker's routes: which paths there are, and what holds for all of
// them (access, cross-origin headers, the form of errors).

import { Hono, type MiddlewareHandler } from "hono";
import { GATEWAY_ERRORS } from "../api/error.ts";
import { guard, type AccessOptions } from "./access.ts";
import { DEPLOYMENT_HEADER, identify } from "./credentials.ts";
import type { ReplicaNetwork } from "./network.ts";
import { Passwords } from "./passwords.ts";
import type { Platform } from "./platform.ts";
import { WaitingRoom } from "./recipes/waiting-room.ts";
import type { Services } from "./request.ts";
import { errorResponse, RequestError } from "./response.ts";
import { Router } from "./router.ts";
import { authRoutes } from "./routes/auth.ts";
import { clusterRoutes } from "./routes/clusters.ts";
import { healthRoutes, MONITOR_PATHS } from "./routes/health.ts";
import { labRoutes } from "./routes/lab.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { plainKvRoutes } from "./routes/plain-kv.ts";
import { recipeRoutes } from "./routes/recipes.ts";
import { openApiRoutes } from "./routes/openapi.ts";
import { sessionRoutes } from "./routes/session.ts";
import { snapshotRoutes, snapshotStreamRoutes } from "./routes/snapshots.ts";
import { isStreamPath, streamRoutes } from "./routes/streams.ts";
import { unaryRoutes } from "./routes/unary.ts";
import { callsBySocket } from "./socket-call.ts";
import { limitTime } from "./time-limits.ts";
import { SIMPLE_TOKENS, type TokenSettings } from "./token-options.ts";
import { Tokens } from "./tokens.ts";

export interface AppDependencies extends Platform, AccessOptions {
  readonly network: ReplicaNetwork;
  /** Configured regions, in order of preference. */
  readonly regions: readonly string[];
  /** How users of a cluster show who they are; absent: by simple tokens. */
  readonly authToken?: TokenSettings;
  /** Told of errors that nobody expected; clients hear of an internal error only. */
  readonly reportError?: (error: unknown) => void;
}

/** etcd's gateway answers so to every request; the last header is ours. */
const CROSS_ORIGIN_HEADERS = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Allow-Methods": "POST, GET, OPTIONS, PUT, DELETE",
  "Access-Control-Allow-Headers": `accept, content-type, authorization, idempotency-key, ${DEPLOYMENT_HEADER.toLowerCase()}`,
} as const;

/** The Worker's routes. One app per isolate: it remembers who leads. */
export function createApp(dependencies: AppDependencies): Hono {
  const services: Services = {
    ...dependencies,
    router: new Router(dependencies),
    waitingRoom: new WaitingRoom(),
    passwords: new Passwords(dependencies),
    tokens: new Tokens(dependencies.authToken ?? SIMPLE_TOKENS),
  };
  const app = new Hono();
  app.onError((error) => {
    if (error instanceof RequestError) return openToPages(errorResponse(error.error));
    dependencies.reportError?.(error);
    return openToPages(errorResponse(GATEWAY_ERRORS.internal));
  });
  // etcd answers what browsers ask in advance wherever they ask it.
  app.notFound(({ req }) =>
    openToPages(
      req.method === "OPTIONS" ? new Response(null) : errorResponse(GATEWAY_ERRORS.notFound),
    ),
  );
  app.use(guard(dependencies));
  app.use(identify({ token: dependencies.token, tokens: services.tokens }));
  for (const prefix of ["", "/c/:cluster"]) mountCluster(app, prefix, services);
  app.route("/v1/clusters", clusterRoutes(services));
  app.route("/openapi.json", openApiRoutes());
  app.route("/v1/clusters", snapshotRoutes(services));
  if (dependencies.development) app.route("/_lab", labRoutes(services));
  return app;
}

/** What every cluster has: etcd's API, the plain API, health. */
function mountCluster(app: Hono, prefix: string, services: Services): void {
  for (const version of ["/v3", "/v3beta"]) {
    const below = `${prefix}${version}/*`;
    app.use(below, crossOrigin);
    app.use(below, callsBySocket(app.fetch, isStreamPath));
    app.use(below, limitTime(services.clock));
    app.route(`${prefix}${version}`, unaryRoutes(services));
    app.route(`${prefix}${version}`, recipeRoutes(services));
    app.route(`${prefix}${version}`, streamRoutes(services));
    app.route(`${prefix}${version}`, snapshotStreamRoutes(services));
    app.route(`${prefix}${version}/auth`, authRoutes(services));
  }
  for (const path of [...MONITOR_PATHS, "/metrics"]) app.use(prefix + path, crossOrigin);
  for (const routes of [healthRoutes(services), metricsRoutes(services)]) {
    app.route(prefix === "" ? "/" : prefix, routes);
  }
  app.route(`${prefix}/v1/kv`, plainKvRoutes(services));
  app.route(`${prefix}/v1/session`, sessionRoutes(services));
}

/** Lets web pages read answers, and answers what browsers ask in advance. */
const crossOrigin: MiddlewareHandler = async (context, next) => {
  if (context.req.method === "OPTIONS") {
    return new Response(null, { headers: CROSS_ORIGIN_HEADERS });
  }
  await next();
  // A socket that was upgraded has headers that can no longer be changed.
  if (context.res.status !== 101) openToPages(context.res);
  return undefined;
};

/** A page may read the answer, a refusal as well: it could not tell its user why otherwise. */
function openToPages(response: Response): Response {
  for (const [name, value] of Object.entries(CROSS_ORIGIN_HEADERS)) {
    response.headers.set(name, value);
  }
  return response;
}
