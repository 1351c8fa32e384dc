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
  const judged = new Map<string, boolean>();
  return async (context, next) => {
    const error = refusalOf(context.req.raw, options, judged);
    if (error !== null) throw new RequestError(error);
    await next();
  };
}

/** What is known of URLs, so that each is parsed once: the same few are asked for ever again. */
type Judged = Map<string, boolean>;

/** More than a developer has; beyond them all are judged anew. */
const JUDGED_MAX = 64;

/** Why the request may not come in; null when it may. */
function refusalOf(request: Request, options: AccessOptions, judged: Judged): ApiError | null {
  if (options.development) return isLoopback(request, judged) ? null : GATEWAY_ERRORS.foreignHost;
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
function isLoopback({ url, headers }: Request, judged: Judged): boolean {
  const host = headers.get("Host");
  const origin = headers.get("Origin");
  return (
    namesLoopback(url.slice(0, url.indexOf("/", "https://".length)), judged) &&
    (host === null || namesLoopback(`http://${host}`, judged)) &&
    (origin === null || namesLoopback(origin, judged))
  );
}

/** Whether the URL is of a loopback name. */
function namesLoopback(url: string, judged: Judged): boolean {
  const known = judged.get(url);
  if (known !== undefined) return known;
  if (judged.size === JUDGED_MAX) judged.clear();
  const isOne = LOOPBACK_NAME.test(hostnameOf(url));
  judged.set(url, isOne);
  return isOne;
}

function hostnameOf(url: string): string {
  try {
    return new URL(url).hostname;
  } catch {
    return "";
  }
}
