// Owns etcd's unary calls over HTTP: `POST` with one JSON message, answered by one JSON message.

import { Hono } from "hono";
import { answerBody } from "../../api/answer-json.ts";
import { authBody } from "../../api/auth-json.ts";
import { bodyTooLarge, GATEWAY_ERRORS, type ApiError } from "../../api/error.ts";
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
  maintenanceBody,
  readAlarm,
  readDefragment,
  readDowngrade,
  readHash,
  readHashKv,
  readStatus,
} from "../../api/maintenance-json.ts";
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
import { protoSize } from "../../api/proto-size.ts";
import type { ClientAnswer, ClientRequest, Header } from "../../api/replica.ts";
import { unreachable } from "../../base/assert.ts";
import { BODY_BYTES_MAX } from "../../base/limits.ts";
import { accept, type Result } from "../../base/result.ts";
import { readText, toNamedRequest, type Services } from "../request.ts";
import { withLeaseId } from "../../api/lease-id.ts";
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
  "/maintenance/alarm": readAlarm,
  "/maintenance/status": readStatus,
  "/maintenance/defragment": readDefragment,
  "/maintenance/hash": readHash,
  "/maintenance/hashkv": readHashKv,
  "/maintenance/downgrade": readDowngrade,
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
      const body = await readText(context.req.raw);
      const parsed = read(body, services.regions);
      if (!parsed.ok) throw new RequestError(parsed.error);
      refuseTooLarge(body, parsed.value.request);
      const { freshness } = parsed.value;
      const request = withLeaseId(parsed.value.request, services.random);
      const routed = toNamedRequest(context, services, request, freshness);
      const { header, answer } = requireAnswer(await services.router.serve(routed), request);
      const text = bodyOf(header, answer, context.req.url);
      return new Response(text, { headers: ANSWER_HEADERS });
    });
    routes.all(path, () => {
      throw new RequestError(GATEWAY_ERRORS.wrongVerb);
    });
  }
  return routes;
}

/** @throws RequestError for a request that gRPC would not carry. Its JSON is larger than it is. */
function refuseTooLarge(body: string, request: ClientRequest): void {
  const size = body.length > BODY_BYTES_MAX ? protoSize(request) : 0;
  if (size > BODY_BYTES_MAX) throw new RequestError(bodyTooLarge(size));
}

/** `url` is where the client has reached us. */
function bodyOf(header: Header, answer: ClientAnswer, url: string): string {
  switch (answer.kind) {
    case "members":
      return membersBody(header, answer.answer, new URL(url).origin);
    case "moveLeader":
      return MOVE_LEADER_BODY;
    case "snapshot":
      return unreachable("a snapshot is streamed");
    case "auth":
      return authBody(header, answer.answer);
    case "status":
    case "alarm":
    case "hash":
    case "hashKv":
    case "defragment":
    case "downgrade":
    case "limits":
      return maintenanceBody(header, answer);
    default:
      return answerBody(header, answer);
  }
}
