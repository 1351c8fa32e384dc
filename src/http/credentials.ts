// Owns what a request shows of who sends it, for all doors: the deployment's token, and the token of a
// user of the cluster. Both may stand where etcd's clients put theirs; whichever is the deployment's
// goes no further.
//
//   Grpc-Metadata-Token, Grpc-Metadata-Authorization     as etcd's gateway passes them on
//   Cookie: token=...                                    of sockets, where pages can set nothing else
//   Sec-WebSocket-Protocol: Bearer, ...                  the same
//   Authorization: Bearer ...                            or without the word
//   Edgekeeper-Token, Sec-WebSocket-Protocol: Edgekeeper, ...     the deployment's and nobody else's

import type { Context, MiddlewareHandler } from "hono";
import type { SessionIdentity } from "../api/session-identity.ts";
import type { Credentials } from "../base/auth.ts";
import { encodeUtf8 } from "../base/bytes.ts";
import type { Tokens } from "./tokens.ts";
import { isUpgrade, offeredProtocol } from "./upgrade.ts";
import type { Claims } from "./web-token.ts";

/** Where the deployment's token stands when `Authorization` is a user's. */
export const DEPLOYMENT_HEADER = "Edgekeeper-Token";
const DEPLOYMENT_PROTOCOL = "Edgekeeper";

/** Whether the request shows the deployment's token, `secret`. */
export function showsSecret(request: Request, secret: string): boolean {
  const own =
    request.headers.get(DEPLOYMENT_HEADER) ?? offeredProtocol(request, DEPLOYMENT_PROTOCOL);
  if (own !== null) return equalSecret(own, secret);
  const shown = [authorizationOf(request), offeredProtocol(request, "Bearer")];
  return shown.some((token) => token !== null && equalSecret(token, secret));
}

/** The token of a user of the cluster, the first in the order above; null when there is none. */
function userTokenOf(request: Request, secret: string | null): string | null {
  const isSocket = isUpgrade(request);
  const shown = [
    request.headers.get("Grpc-Metadata-Token"),
    request.headers.get("Grpc-Metadata-Authorization"),
    isSocket ? cookieOf(request, "token") : null,
    isSocket ? offeredProtocol(request, "Bearer") : null,
    request.headers.get("Authorization"),
  ];
  const isUsers = (token: string | null): token is string =>
    token !== null && (secret === null || !equalSecret(token, secret));
  return shown.map((token) => token?.replace(BEARER, "") ?? null).find(isUsers) ?? null;
}

/** What a request shows of its user. */
interface Shown {
  readonly token: string;
  /** Null when only replicas can tell whose token it is. */
  readonly claims: Claims | null;
}

/** Finds out who asks, before any handler: see `credentialsOf`. */
export function identify(options: {
  readonly token: string | null;
  readonly tokens: Tokens;
}): MiddlewareHandler {
  return async (context, next) => {
    const token = userTokenOf(context.req.raw, options.token);
    if (token !== null) {
      const shown: Shown = { token, claims: await options.tokens.read(token) };
      context.set(VARIABLE, shown);
    }
    await next();
  };
}

const VARIABLE = "shown";

/**
 * The headers of a call that a socket carries. What shows its user may be what only sockets show, see
 * above: it stands where any request's may.
 */
export function headersOfCall(context: Context): Headers {
  const headers = new Headers(context.req.raw.headers);
  const shown = context.get(VARIABLE) as Shown | undefined;
  if (shown !== undefined) headers.set("Grpc-Metadata-Token", shown.token);
  return headers;
}

/** Who asks something of `cluster`, as `identify` has found it out. */
export function credentialsOf(context: Context, cluster: string): Credentials {
  const shown = context.get(VARIABLE) as Shown | undefined;
  if (shown === undefined) return { kind: "none" };
  const { token, claims } = shown;
  // A user of another cluster is nobody here: replicas refuse such a token as one that they never gave.
  if (claims === null || claims.cluster !== cluster) return { kind: "token", token };
  const { name, authRevision, clusterId } = claims;
  const user = { kind: "user", name, authRevision } as const;
  return clusterId === null ? user : { ...user, clusterId };
}

/** The same as long as a socket lasts. */
export function identityOf(context: Context, cluster: string): SessionIdentity {
  const credentials = credentialsOf(context, cluster);
  const { claims = null } = (context.get(VARIABLE) as Shown | undefined) ?? {};
  const expiresAt = credentials.kind === "user" ? (claims?.expiresAt ?? null) : null;
  return { credentials, expiresAt };
}

const BEARER = /^Bearer +/i;

const authorizationOf = (request: Request): string | null =>
  request.headers.get("Authorization")?.replace(BEARER, "") ?? null;

function cookieOf(request: Request, name: string): string | null {
  const pairs = (request.headers.get("Cookie") ?? "").split(";").map((pair) => pair.trim());
  const pair = pairs.find((one) => one.startsWith(`${name}=`));
  return pair === undefined ? null : pair.slice(name.length + 1);
}

/** Compares in a time that depends on the lengths alone. */
function equalSecret(offered: string, secret: string): boolean {
  const a = encodeUtf8(offered);
  const b = encodeUtf8(secret);
  let difference = a.length ^ b.length;
  for (let index = 0; index < b.length; index++) difference |= (a[index] ?? 0) ^ b[index]!;
  return difference === 0;
}
