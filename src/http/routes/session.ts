// Owns the session door, `/v1/session`: a client's WebSocket is passed on to a replica's object. Who
// the client is, is found out here; the response is the replica's own, so that no frame comes by the
// Worker afterwards. What is spoken: `docs/session-protocol.md`.

import { Hono, type Context } from "hono";
import { GATEWAY_ERRORS } from "../../api/error.ts";
import { rangeOfKey } from "../../api/kv-json.ts";
import type { ClientRequest } from "../../api/replica.ts";
import {
  DOOR_PATH,
  IDENTITY_HEADER,
  isKeepable,
  printIdentity,
  type SessionIdentity,
} from "../../api/session-identity.ts";
import { EMPTY } from "../../base/bytes.ts";
import type { Contact } from "../contact.ts";
import { identityOf } from "../credentials.ts";
import { byDistance } from "../distance.ts";
import { isSet } from "../plain.ts";
import { seekerOf, type Services } from "../request.ts";
import { failureError, RequestError } from "../response.ts";
import type { Seeker } from "../router.ts";
import { openSocket } from "../sessions.ts";
import { isUpgrade, protocolHeaders } from "../upgrade.ts";

const DOOR_URL = `https://replica${DOOR_PATH}`;
/** Failures to find a leader are told as for a read: nothing has happened. */
const READ: ClientRequest = { kind: "range", request: rangeOfKey(EMPTY), serializable: false };

/** `/v1/session`: to the leader, or with `?any` to the nearest replica that serves. */
export function sessionRoutes(services: Services): Hono {
  const routes = new Hono();
  routes.get("/", async (context) => {
    if (!isUpgrade(context.req.raw)) throw new RequestError(GATEWAY_ERRORS.needsUpgrade);
    const seeker = seekerOf(context);
    const identity = identityOf(context, seeker.cluster);
    if (!isKeepable(identity)) throw new RequestError(GATEWAY_ERRORS.nameTooLong);
    const contacts = await contactsOf(services, context, seeker);
    const webSocket = await openFirst(services, { seeker, identity, contacts });
    const headers = protocolHeaders(context.req.raw);
    return new Response(null, { status: 101, headers, webSocket });
  });
  routes.all("/", () => {
    throw new RequestError(GATEWAY_ERRORS.wrongVerb);
  });
  return routes;
}

/** Whom to ask, the best first. Looking for the leader also finds out who there is at all. */
async function contactsOf(
  { router }: Services,
  context: Context,
  seeker: Seeker,
): Promise<readonly Contact[]> {
  const located = await router.locate(seeker);
  if (located.kind === "failed") throw new RequestError(failureError(located.failure, READ));
  const isAny = isSet(new URL(context.req.url).searchParams, "any");
  const { cluster, continent } = seeker;
  return isAny ? byDistance(router.contacts(cluster), continent) : [located.contact];
}

async function openFirst(
  services: Services,
  options: {
    readonly seeker: Seeker;
    readonly identity: SessionIdentity;
    readonly contacts: readonly Contact[];
  },
): Promise<WebSocket> {
  const { seeker, identity, contacts } = options;
  const headers = { [IDENTITY_HEADER]: printIdentity(identity) };
  for (const contact of contacts) {
    const door = { cluster: seeker.cluster, contact, url: DOOR_URL, headers };
    const socket = await openSocket(services, door).catch(() => null);
    if (socket !== null) return socket;
  }
  throw new RequestError(GATEWAY_ERRORS.noSession);
}
