// Owns what handlers read from a request besides its meaning: the cluster, the body within its
// limit, and what the router wants to know about the client.

import type { Context } from "hono";
import { bodyTooLarge, GATEWAY_ERRORS, malformed } from "../api/error.ts";
import type { ClientRequest, Freshness } from "../api/replica.ts";
import { concatBytes } from "../base/bytes.ts";
import { isIdempotencyKey } from "../base/idempotency-key.ts";
import { BODY_BYTES_MAX } from "../base/limits.ts";
import type { Bytes } from "../base/types.ts";
import { credentialsOf } from "./credentials.ts";
import type { ReplicaNetwork } from "./network.ts";
import type { Passwords } from "./passwords.ts";
import type { Platform } from "./platform.ts";
import type { WaitingRoom } from "./recipes/waiting-room.ts";
import { RequestError } from "./response.ts";
import { DEFAULT_CLUSTER, type Router, type RouterRequest, type Seeker } from "./router.ts";
import { patienceOf } from "./time-limits.ts";
import type { Tokens } from "./tokens.ts";

/** What all routes work with. */
export interface Services extends Platform {
  readonly router: Router;
  readonly waitingRoom: WaitingRoom;
  readonly network: ReplicaNetwork;
  /** Configured regions, in order of preference. */
  readonly regions: readonly string[];
  readonly passwords: Passwords;
  readonly tokens: Tokens;
}

/**
 * The largest JSON body. etcd's limit counts bytes, of which base64 makes 4/3 as many characters,
 * and names of fields some more.
 */
export const JSON_BODY_BYTES_MAX = 2 * BODY_BYTES_MAX;

const CLUSTER_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** The cluster that the path names, or `default`. @throws RequestError for what is no name. */
export function clusterOf(context: Context): string {
  const name = context.req.param("cluster") ?? DEFAULT_CLUSTER;
  if (!CLUSTER_NAME.test(name)) throw new RequestError(GATEWAY_ERRORS.clusterName);
  return name;
}

/** The body; reading stops at the limit. @throws RequestError beyond it. */
export async function readBytes(request: Request, bytesMax: number): Promise<Bytes> {
  const announced = request.headers.get("Content-Length");
  if (Number(announced) > bytesMax) throw new RequestError(bodyTooLarge(Number(announced)));
  // It cannot be longer than announced, so nobody needs to watch over its chunks.
  if (announced !== null) return new Uint8Array(await request.arrayBuffer());
  const chunks: Bytes[] = [];
  let size = 0;
  for await (const chunk of chunksOf(request)) {
    size += chunk.length;
    if (size > bytesMax) throw new RequestError(bodyTooLarge(size));
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : concatBytes(chunks);
}

/** A JSON body as text. @throws RequestError beyond the limit, and for what is not UTF-8. */
export const readText = async (request: Request): Promise<string> =>
  decodeText(await readBytes(request, JSON_BODY_BYTES_MAX));

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @throws RequestError for bytes that are not UTF-8. */
export function decodeText(bytes: Bytes): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new RequestError(malformed("proto: syntax error: invalid UTF-8 in string"));
  }
}

/** The body's chunks as they come. Leaving the loop cancels the rest. */
export async function* chunksOf(request: Request): AsyncGenerator<Bytes, void, void> {
  const reader: ReadableStreamDefaultReader<Bytes> | undefined = request.body?.getReader();
  if (reader === undefined) return;
  let isDone = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      isDone = done;
      if (done) return;
      yield value;
    }
  } finally {
    if (!isDone) void reader.cancel().catch(() => undefined);
  }
}

/** Where the client is, if the platform knows. */
function continentOf(request: Request): string | null {
  const continent: unknown = (request as { cf?: { continent?: unknown } }).cf?.continent;
  return typeof continent === "string" ? continent : null;
}

/** Whose watches those of this request are. */
export function seekerOf(context: Context): Seeker {
  const cluster = clusterOf(context);
  const continent = continentOf(context.req.raw);
  return { cluster, continent, credentials: credentialsOf(context, cluster) };
}

/** The trace id of W3C's `traceparent`, or empty. */
const traceOf = (request: Request): string =>
  /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(request.headers.get("traceparent") ?? "")?.[1] ?? "";

/** @throws RequestError for what is no key. */
function idempotencyKeyOf(request: Request): string | null {
  const key = request.headers.get("Idempotency-Key");
  if (key === null || isIdempotencyKey(key)) return key;
  throw new RequestError(GATEWAY_ERRORS.idempotencyKey);
}

/**
 * The request as a door passes it on whose client names its writes: with the client's own name for it.
 * What the router makes of one request of a client in several steps has none.
 */
export function toNamedRequest(...request: Parameters<typeof toRouterRequest>): RouterRequest {
  const idempotencyKey = idempotencyKeyOf(request[0].req.raw);
  const routed = toRouterRequest(...request);
  return idempotencyKey === null ? routed : { ...routed, idempotencyKey };
}

/** The request as the router takes it, with an id of its own. `freshness` is of reads. */
export const toRouterRequest = (
  context: Context,
  services: Services,
  request: ClientRequest,
  freshness: Freshness | null = null,
): RouterRequest => ({
  cluster: clusterOf(context),
  request,
  ...(freshness === null ? {} : { freshness }),
  credentials: credentialsOf(context, clusterOf(context)),
  requestId: services.random(16),
  trace: traceOf(context.req.raw),
  continent: continentOf(context.req.raw),
  ...patienceOf(context),
});
