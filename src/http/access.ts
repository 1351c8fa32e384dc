// Owns who may come in. Deployed: whoever has the configured credential, and nobody when there is
// none. In development: whoever asks for a loopback name, from no page or from a page of this machine.

import type { MiddlewareHandler } from "hono";
import { GATEWAY_ERRORS, type ApiError } from "../api/error.ts";
import { showsSecret } from "./credentials.ts";
import { RequestError } from "./response.ts";

export interface AccessOptions {
  /** The secret EDGEKEEPER_TOKEN; null or empty when it is not set. */
  readonly token: string | null;
  /** The development server on loopback: no credential, but the Host header is checked. */
  readonly development: boolean;
}

/** Refuses requests that may not come in, before anything else looks at them. */
export function guard(options: AccessOptions): MiddlewareHandler {
  return async (context, next) => {
    const error = refusalOf(context.req.raw, options);
    if (error !== null) throw new RequestError(error);
    await next();
  };
}

/** Why the request may not come in; null when it may. */
function refusalOf(request: Request, options: AccessOptions): ApiError | null {
  if (options.development) return isLoopback(request) ? null : GATEWAY_ERRORS.foreignHost;
  if (options.token === null || options.token === "") return GATEWAY_ERRORS.noCredentialConfigured;
  // Browsers ask in advance without credentials; the answer tells nothing and does nothing.
  if (request.method === "OPTIONS") return null;
  return showsSecret(request, options.token) ? null : GATEWAY_ERRORS.badCredential;
}

const LOOPBACK_NAME = /^(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])$/;

/**
 * Both the Host header and the URL that was made of it, where the platform keeps both; and a page's
 * origin, which browsers tell even where they ask nobody for leave.
 */
function isLoopback(request: Request): boolean {
  const { hostname, protocol } = new URL(request.url);
  const host = request.headers.get("Host");
  const origin = request.headers.get("Origin");
  const names = [
    hostname,
    host === null ? hostname : hostnameOf(`${protocol}//${host}`),
    origin === null ? hostname : hostnameOf(origin),
  ];
  return names.every((name) => LOOPBACK_NAME.test(name));
}

function hostnameOf(url: string): string {
  try {
    return new URL(url).hostname;
  } catch {
    return "";
  }
}
