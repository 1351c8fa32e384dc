// Owns `/openapi.json`: the description of all that the Worker answers.

import { Hono } from "hono";
import { GATEWAY_ERRORS } from "../../api/error.ts";
import { openApiDocument } from "../../api/openapi.ts";
import { RequestError } from "../response.ts";
import { ETCD_VERSION } from "../../api/etcd-version.ts";

/** `/openapi.json`. The document is made when it is first asked for. */
export function openApiRoutes(): Hono {
  const routes = new Hono();
  let text: string | null = null;
  routes.get("/", () => {
    text ??= JSON.stringify(openApiDocument(ETCD_VERSION.etcdserver));
    const headers = { "Content-Type": "application/json", "Access-Control-Allow-Origin": "*" };
    return new Response(text, { headers });
  });
  routes.all("/", () => {
    throw new RequestError(GATEWAY_ERRORS.wrongVerb);
  });
  return routes;
}
