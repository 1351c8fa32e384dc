// Owns etcd's unary calls over HTTP: `POST` with one JSON message, answered by one JSON message.

import { Hono } from "hono";
import { answerBody } from "../../api/answer-json.ts";
import { authBody } from "../../api/auth-json.ts";
import { GATEWAY_ERRORS, type ApiError } from "../../api/error.ts";
import {
  readCompaction,
  readDeleteRange,
  readPut,
  readRange,
  readTxn,
  type FreshRequest,
} from "../../api/kv-json.ts";
import {
  readLeaseGrant,
  readLeaseLeases,
  readLeaseRevoke,
  readLeaseTimeToLive,
} from "../../api/lease-json.ts";
import {
  membersBody,
  MOVE_LEADER_BODY,
  readMemberAdd,
  readMemberList,
  readMemberPromote,
  readMemberRemove,
  readMemberUpdate,
  readMoveLeader,
} from "../../api/member-json.ts";
import type { ClientAnswer, ClientRequest, Header } from "../../api/replica.ts";
import { accept, type Result } from "../../base/result.ts";
import { asLeaseId, NO_LEASE, type LeaseId } from "../../base/types.ts";
import type { Platform } from "../platform.ts";
import { readText, toRouterRequest, type Services } from "../request.ts";
import { ANSWER_HEADERS, RequestError, requireAnswer } from "../response.ts";

type Read<Request> = (body: string, regions: readonly string[]) => Result<Request, ApiError>;

const FRESH_PATHS: Readonly<Record<string, Read<FreshRequest>>> = {
  "/kv/range": readRange,
  "/kv/txn": readTxn,
};

/** Calls that cannot say how fresh their answers must be. */
const PLAIN_PATHS: Readonly<Record<string, Read<ClientRequest>>> = {
  "/kv/put": readPut,
  "/kv/deleterange": readDeleteRange,
  "/kv/compaction": readCompaction,
  "/lease/grant": readLeaseGrant,
  "/lease/revoke": readLeaseRevoke,
  "/lease/timetolive": readLeaseTimeToLive,
  "/lease/leases": readLeaseLeases,
  // The paths of etcd 3.2, which clients still use.
  "/kv/lease/revoke": readLeaseRevoke,
  "/kv/lease/timetolive": readLeaseTimeToLive,
  "/kv/lease/leases": readLeaseLeases,
  "/cluster/member/list": readMemberList,
  "/cluster/member/add": readMemberAdd,
  "/cluster/member/remove": readMemberRemove,
  "/cluster/member/update": readMemberUpdate,
  "/cluster/member/promote": readMemberPromote,
  "/maintenance/transfer-leadership": readMoveLeader,
};

const UNARY_PATHS: Readonly<Record<string, Read<FreshRequest>>> = {
  ...FRESH_PATHS,
  ...Object.fromEntries(
    Object.entries(PLAIN_PATHS).map(([path, read]) => [path, withoutFreshness(read)]),
  ),
};

function withoutFreshness(read: Read<ClientRequest>): Read<FreshRequest> {
  return (body, regions) => {
    const request = read(body, regions);
    return request.ok ? accept({ request: request.value, freshness: null }) : request;
  };
}

/** The unary calls, below `/v3`. */
export function unaryRoutes(services: Services): Hono {
  const routes = new Hono();
  for (const [path, read] of Object.entries(UNARY_PATHS)) {
    routes.post(path, async (context) => {
      const parsed = read(await readText(context.req.raw), services.regions);
      if (!parsed.ok) throw new RequestError(parsed.error);
      const { freshness } = parsed.value;
      const request = withLeaseId(parsed.value.request, services.random);
      const routed = toRouterRequest(context, services, request, freshness);
      const { header, answer } = requireAnswer(await services.router.serve(routed), request);
      const { origin } = new URL(context.req.url);
      return new Response(bodyOf(header, answer, origin), { headers: ANSWER_HEADERS });
    });
    routes.all(path, () => {
      throw new RequestError(GATEWAY_ERRORS.wrongVerb);
    });
  }
  return routes;
}

/** `origin` is where the client has reached us. */
function bodyOf(header: Header, answer: ClientAnswer, origin: string): string {
  switch (answer.kind) {
    case "members":
      return membersBody(header, answer.answer, origin);
    case "moveLeader":
      return MOVE_LEADER_BODY;
    case "auth":
      return authBody(header, answer.answer);
    default:
      return answerBody(header, answer);
  }
}

/**
 * A grant without an id gets one here, before the first attempt: a repeat of the same request then
 * names the same lease.
 */
function withLeaseId(request: ClientRequest, random: Platform["random"]): ClientRequest {
  if (request.kind !== "leaseGrant" || request.id !== NO_LEASE) return request;
  return { ...request, id: randomLeaseId(random) };
}

/** A positive 63-bit id, as etcd chooses them. */
function randomLeaseId(random: Platform["random"]): LeaseId {
  const bytes = random(8);
  const bits = new DataView(bytes.buffer).getBigUint64(0);
  return asLeaseId(BigInt.asUintN(63, bits) || 1n);
}
