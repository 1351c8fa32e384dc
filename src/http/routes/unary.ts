// Owns etcd's unary calls over HTTP: `POST` with one JSON message, answered by one JSON message.

import { Hono } from "hono";
import { answerBody } from "../../api/answer-json.ts";
import { GATEWAY_ERRORS, type ApiError } from "../../api/error.ts";
import { readCompaction, readDeleteRange, readPut, readRange, readTxn } from "../../api/kv-json.ts";
import {
  readLeaseGrant,
  readLeaseLeases,
  readLeaseRevoke,
  readLeaseTimeToLive,
} from "../../api/lease-json.ts";
import type { ClientRequest } from "../../api/replica.ts";
import type { Result } from "../../base/result.ts";
import { asLeaseId, NO_LEASE, type LeaseId } from "../../base/types.ts";
import type { Platform } from "../platform.ts";
import { readText, toRouterRequest, type Services } from "../request.ts";
import { ANSWER_HEADERS, RequestError, requireAnswer } from "../response.ts";

const UNARY_PATHS: Readonly<Record<string, (body: string) => Result<ClientRequest, ApiError>>> = {
  "/kv/range": readRange,
  "/kv/put": readPut,
  "/kv/deleterange": readDeleteRange,
  "/kv/txn": readTxn,
  "/kv/compaction": readCompaction,
  "/lease/grant": readLeaseGrant,
  "/lease/revoke": readLeaseRevoke,
  "/lease/timetolive": readLeaseTimeToLive,
  "/lease/leases": readLeaseLeases,
  // The paths of etcd 3.2, which clients still use.
  "/kv/lease/revoke": readLeaseRevoke,
  "/kv/lease/timetolive": readLeaseTimeToLive,
  "/kv/lease/leases": readLeaseLeases,
};

/** The unary calls, below `/v3`. */
export function unaryRoutes(services: Services): Hono {
  const routes = new Hono();
  for (const [path, read] of Object.entries(UNARY_PATHS)) {
    routes.post(path, async (context) => {
      const parsed = read(await readText(context.req.raw));
      if (!parsed.ok) throw new RequestError(parsed.error);
      const request = withLeaseId(parsed.value, services.random);
      const served = await services.router.serve(toRouterRequest(context, services, request));
      const { header, answer } = requireAnswer(served, request);
      return new Response(answerBody(header, answer), { headers: ANSWER_HEADERS });
    });
    routes.all(path, () => {
      throw new RequestError(GATEWAY_ERRORS.wrongVerb);
    });
  }
  return routes;
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
