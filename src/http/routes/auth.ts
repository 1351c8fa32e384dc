// Owns etcd's calls about users and roles, `/v3/auth/...`: `POST` with one JSON message. What becomes
// of passwords on the way is in `passwords.ts` and `authenticate.ts`.

import { Hono, type Context } from "hono";
import { AUTH_READS, authBody, type AuthCall, type Secret } from "../../api/auth-json.ts";
import { GATEWAY_ERRORS } from "../../api/error.ts";
import type { ClientRequest } from "../../api/replica.ts";
import type { AuthRequest } from "../../base/auth.ts";
import { assert } from "../../base/assert.ts";
import { onceAgreed } from "../agreement.ts";
import { authenticate } from "../authenticate.ts";
import { foreignHash, type Passwords } from "../passwords.ts";
import { clusterOf, readText, toRouterRequest, type Services } from "../request.ts";
import { ANSWER_HEADERS, RequestError, requireAnswer } from "../response.ts";
import type { Served } from "../router.ts";

/** The calls, below `/v3/auth`. */
export function authRoutes(services: Services): Hono {
  const routes = new Hono();
  for (const [path, read] of Object.entries(AUTH_READS)) {
    routes.post(path, async (context) => {
      const call = read(await readText(context.req.raw));
      if (!call.ok) throw new RequestError(call.error);
      return new Response(await bodyOf(services, context, call.value), { headers: ANSWER_HEADERS });
    });
    routes.all(path, () => {
      throw new RequestError(GATEWAY_ERRORS.wrongVerb);
    });
  }
  return routes;
}

async function bodyOf(services: Services, context: Context, call: AuthCall): Promise<string> {
  const ask = (request: AuthRequest): Promise<Served> =>
    onceAgreed(services, () =>
      services.router.serve(toRouterRequest(context, services, { kind: "auth", request })),
    );
  if (call.kind === "authenticate") {
    const cluster = clusterOf(context);
    const { header, token } = await authenticate({ ...services, cluster, ask }, call);
    return authBody(header, { op: "token", token });
  }
  const request = call.kind === "request" ? call.request : await withHash(services.passwords, call);
  const asked: ClientRequest = { kind: "auth", request };
  const { header, answer } = requireAnswer(await ask(request), asked);
  assert(answer.kind === "auth", "an answer is of its request's kind");
  return authBody(header, answer.answer);
}

async function withHash(
  passwords: Passwords,
  { op, name, secret }: Extract<AuthCall, { kind: "keepSecret" }>,
): Promise<AuthRequest> {
  return { op, name, passwordHash: await hashOf(passwords, secret) };
}

/** What is kept of a secret. @throws RequestError for what cannot be. */
async function hashOf(passwords: Passwords, secret: Secret): Promise<string | null> {
  switch (secret.kind) {
    case "none":
      return null;
    case "password":
      return passwords.hash(secret.password);
    case "hash":
      return foreignHash(secret.hash);
    default:
      return secret satisfies never;
  }
}
