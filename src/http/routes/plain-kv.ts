// Owns the plain API for people and Workers, `/v1/kv/{key}`: raw bodies, ETag = mod revision.

import { Hono, type Context } from "hono";
import { GATEWAY_ERRORS } from "../../api/error.ts";
import { rangeOfKey } from "../../api/kv-json.ts";
import type { ClientAnswer, ClientRequest, Freshness, Header } from "../../api/replica.ts";
import { assert } from "../../base/assert.ts";
import type { PutAnswer, PutRequest, RangeRequest, TxnRequest } from "../../base/kv.ts";
import { BODY_BYTES_MAX } from "../../base/limits.ts";
import { asLeaseId, NO_LEASE, type LeaseId, type Revision } from "../../base/types.ts";
import {
  badRequest,
  etagOf,
  freshnessIn,
  isNamedBy,
  isSet,
  keyOf,
  naturalOf,
  preconditions,
  prefixInterval,
  printPlain,
} from "../plain.ts";
import { readBytes, toNamedRequest, type Services } from "../request.ts";
import { jsonResponse, RequestError, requireAnswer } from "../response.ts";
import { watchEvents, watchHead } from "./plain-watch.ts";

/** Keys of a list unless `?limit` says otherwise. */
const LIST_LIMIT = 1_000;

/** The plain API, below `/v1/kv`. */
export function plainKvRoutes(services: Services): Hono {
  const routes = new Hono();
  routes.get("/*", (context) => {
    const url = new URL(context.req.url);
    const query = url.searchParams;
    if (isSet(query, "watch")) {
      // HEAD asks what GET would begin with; nobody would read, or end, what it began.
      if (context.req.raw.method === "HEAD") return watchHead();
      return watchEvents(services, context, url);
    }
    return isSet(query, "prefix")
      ? listKeys(services, context, url)
      : readKey(services, context, url);
  });
  routes.put("/*", (context) => writeKey(services, context));
  routes.delete("/*", (context) => deleteKey(services, context));
  routes.all("/*", () => {
    throw new RequestError(GATEWAY_ERRORS.wrongVerb);
  });
  return routes;
}

/** Requests whose answers are of the same kind, and no other request's. */
type PlainKind = ClientRequest["kind"] & ClientAnswer["kind"];
type AnswerOf<Kind extends PlainKind> = Extract<ClientAnswer, { kind: Kind }>;

async function ask<Kind extends PlainKind>(
  services: Services,
  context: Context,
  request: ClientRequest & { readonly kind: Kind },
  freshness: Freshness | null = null,
): Promise<{ readonly header: Header; readonly answer: AnswerOf<Kind> }> {
  const routed = toNamedRequest(context, services, request, freshness);
  const served = await services.router.serve(routed);
  const { header, answer } = requireAnswer(served, request);
  assert(answer.kind === request.kind, "an answer is of its request's kind");
  return { header, answer: answer as AnswerOf<Kind> };
}

/** Reads as of now, or as fresh as the query asks for. */
const askRange = (
  services: Services,
  context: Context,
  { request, query }: { readonly request: RangeRequest; readonly query: URLSearchParams },
): Promise<{ readonly header: Header; readonly answer: AnswerOf<"range"> }> =>
  ask(services, context, { kind: "range", request, serializable: false }, freshnessIn(query));

async function readKey(services: Services, context: Context, url: URL): Promise<Response> {
  const request = rangeOfKey(keyOf(url));
  const query = url.searchParams;
  const { header, answer } = await askRange(services, context, { request, query });
  const [kv] = answer.answer.kvs;
  if (kv === undefined) throw new RequestError(GATEWAY_ERRORS.keyMissing);
  const headers: Record<string, string> = {
    ETag: etagOf(kv.modRevision),
    "X-Edgekeeper-Revision": String(header.revision),
    "X-Edgekeeper-Create-Revision": String(kv.createRevision),
    "X-Edgekeeper-Version": String(kv.version),
  };
  if (kv.lease !== NO_LEASE) headers["X-Edgekeeper-Lease"] = String(kv.lease);
  const wanted = context.req.header("If-Match");
  if (wanted !== undefined && !isNamedBy(wanted, kv.modRevision)) {
    throw new RequestError(GATEWAY_ERRORS.preconditionFailed);
  }
  if (isNamedBy(context.req.header("If-None-Match") ?? null, kv.modRevision)) {
    return new Response(null, { status: 304, headers });
  }
  headers["Content-Type"] = "application/octet-stream";
  // The bytes are whatever someone stored: a browser must not take them for a page.
  headers["X-Content-Type-Options"] = "nosniff";
  return new Response(kv.value, { headers });
}

async function listKeys(services: Services, context: Context, url: URL): Promise<Response> {
  const query = url.searchParams;
  const interval = prefixInterval(keyOf(url));
  const limit = naturalOf(query.get("limit"), "limit") ?? LIST_LIMIT;
  const request = { ...rangeOfKey(interval.key), ...interval, limit };
  const { header, answer } = await askRange(services, context, { request, query });
  const { kvs, more } = answer.answer;
  const body = { revision: header.revision, kvs: kvs.map(printPlain), more: more || undefined };
  return jsonResponse(body, { headers: { "X-Edgekeeper-Revision": String(header.revision) } });
}

async function writeKey(services: Services, context: Context): Promise<Response> {
  const { raw } = context.req;
  const url = new URL(context.req.url);
  const query = url.searchParams;
  if (isSet(query, "prefix")) throw badRequest("one PUT writes one key");
  const key = keyOf(url);
  const request: PutRequest = {
    key,
    value: await readBytes(raw, BODY_BYTES_MAX),
    lease: leaseOf(query),
    // Tells whether the key is new.
    prevKv: true,
    ignoreValue: false,
    ignoreLease: false,
  };
  const { revision, answer } = await putIf(services, context, request);
  const headers = { ETag: etagOf(revision), "X-Edgekeeper-Revision": String(revision) };
  return jsonResponse({ revision }, { status: answer.prevKv === null ? 201 : 200, headers });
}

/** @throws RequestError when the request's preconditions do not hold. */
async function putIf(
  services: Services,
  context: Context,
  request: PutRequest,
): Promise<{ readonly revision: Revision; readonly answer: PutAnswer }> {
  const compare = preconditions(request.key, context.req.raw.headers);
  if (compare.length === 0) {
    const { header, answer } = await ask(services, context, { kind: "put", request });
    return { revision: header.revision, answer: answer.answer };
  }
  const txn: TxnRequest = { compare, success: [{ kind: "put", request }], failure: [] };
  const { answer } = await ask(services, context, { kind: "txn", request: txn });
  const [written] = answer.answer.responses;
  if (written?.kind !== "put") throw new RequestError(GATEWAY_ERRORS.preconditionFailed);
  return written;
}

async function deleteKey(services: Services, context: Context): Promise<Response> {
  const { raw } = context.req;
  const url = new URL(context.req.url);
  if (isSet(url.searchParams, "prefix")) throw badRequest("one DELETE deletes one key");
  const key = keyOf(url);
  const request = { key, rangeEnd: new Uint8Array(0), prevKv: false };
  const compare = preconditions(key, raw.headers);
  const txn = { compare, success: [{ kind: "deleteRange", request }], failure: [] } as const;
  const { header, answer } = await ask(services, context, { kind: "txn", request: txn });
  const [deletion] = answer.answer.responses;
  if (deletion?.kind !== "deleteRange") throw new RequestError(GATEWAY_ERRORS.preconditionFailed);
  if (deletion.answer.deleted === 0) throw new RequestError(GATEWAY_ERRORS.keyMissing);
  const headers = { "X-Edgekeeper-Revision": String(header.revision) };
  return new Response(null, { status: 204, headers });
}

/** @throws RequestError for what is no 64-bit id. */
function leaseOf(query: URLSearchParams): LeaseId {
  const text = query.get("lease");
  if (text === null) return NO_LEASE;
  if (!/^-?[0-9]{1,19}$/.test(text) || BigInt.asIntN(64, BigInt(text)) !== BigInt(text)) {
    throw badRequest("lease is not a 64-bit integer");
  }
  return asLeaseId(BigInt(text));
}
