// Owns the doors for snapshots: `/v3/maintenance/snapshot`, as etcd streams one, and below
// `/v1/clusters/{name}` the same as a file, and the way back.

import { Hono, type Context } from "hono";
import { encodeBase64 } from "../../api/base64.ts";
import { errorLine, GATEWAY_ERRORS, recoveryRefused } from "../../api/error.ts";
import { readSnapshot, parseRestore, snapshotLine } from "../../api/snapshot-json.ts";
import type { ClientRequest, Directory, SnapshotOpened } from "../../api/replica.ts";
import { concatBytes, EMPTY } from "../../base/bytes.ts";
import { SNAPSHOT_BLOB_BYTES } from "../../base/limits.ts";
import type { Bytes } from "../../base/types.ts";
import { existing } from "../existing-cluster.ts";
import { ResponseLines } from "../line-sink.ts";
import { badRequest } from "../plain.ts";
import { changeRegions, LIST_MEMBERS, type RegionMembers } from "../region-change.ts";
import { chunksOf, clusterOf, readText, toRouterRequest, type Services } from "../request.ts";
import { ANSWER_HEADERS, jsonResponse, RequestError, STREAM_HEADERS } from "../response.ts";
import { openSnapshot, snapshotFile, type FileChunk } from "../snapshot-download.ts";
import { uploadSnapshot } from "../snapshot-upload.ts";
import { printCluster } from "./clusters.ts";

const SNAPSHOT: ClientRequest = { kind: "snapshot" };

/** Below `/v3`. */
export function snapshotStreamRoutes(services: Services): Hono {
  const routes = new Hono();
  routes.post("/maintenance/snapshot", (context) => streamSnapshot(services, context));
  routes.all("/maintenance/snapshot", refuseVerb);
  return routes;
}

/** Below `/v1/clusters`. */
export function snapshotRoutes(services: Services): Hono {
  const routes = new Hono();
  routes.get("/:cluster/snapshot", (context) => sendSnapshot(services, context));
  routes.post("/:cluster/restore", (context) => restoreCluster(services, context));
  routes.all("/:cluster/snapshot", refuseVerb);
  routes.all("/:cluster/restore", refuseVerb);
  return routes;
}

function refuseVerb(): never {
  throw new RequestError(GATEWAY_ERRORS.wrongVerb);
}

/** etcd's chunks: lines of JSON, of 32 KiB each, and at the end the digest in one of its own. */
async function streamSnapshot(services: Services, context: Context): Promise<Response> {
  const request = readSnapshot(await readText(context.req.raw));
  if (!request.ok) throw new RequestError(request.error);
  const opened = await openSnapshot(services, toRouterRequest(context, services, SNAPSHOT));
  const file = snapshotFile(services, clusterOf(context), opened);
  const sink = new ResponseLines({
    onGone: () => void file.return(),
    headers: { ...ANSWER_HEADERS, ...STREAM_HEADERS },
    printError: errorLine,
  });
  void writeLines(services, file, sink);
  return sink.response;
}

async function writeLines(
  services: Services,
  file: AsyncIterable<FileChunk>,
  sink: ResponseLines,
): Promise<void> {
  try {
    for await (const { bytes, left } of inBlobs(file)) {
      await sink.write(snapshotLine(encodeBase64(bytes), left));
    }
    await sink.end();
  } catch (error) {
    const isKnown = error instanceof RequestError;
    await sink.fail(isKnown ? error.error : GATEWAY_ERRORS.snapshotLost);
  }
}

/** The same bytes in pieces of etcd's size; the digest stays by itself. */
async function* inBlobs(file: AsyncIterable<FileChunk>): AsyncGenerator<FileChunk, void, void> {
  let held: Bytes = EMPTY;
  let after = 0;
  for await (const { bytes, left } of file) {
    if (left === 0) {
      if (held.length > 0) yield { bytes: held, left: bytes.length };
      yield { bytes, left };
      return;
    }
    held = held.length === 0 ? bytes : concatBytes([held, bytes]);
    after = left;
    while (held.length >= SNAPSHOT_BLOB_BYTES) {
      const blob = held.subarray(0, SNAPSHOT_BLOB_BYTES);
      held = held.subarray(SNAPSHOT_BLOB_BYTES);
      yield { bytes: blob, left: after + held.length };
    }
  }
}

/** The file as it is. One that is cut off lacks its digest, and is refused when it is restored. */
async function sendSnapshot(services: Services, context: Context): Promise<Response> {
  const cluster = clusterOf(context);
  await existing(services, cluster);
  const opened = await openSnapshot(services, toRouterRequest(context, services, SNAPSHOT));
  const file = snapshotFile(services, cluster, opened);
  const body = new ReadableStream<Bytes>(
    {
      async pull(controller) {
        const { done, value } = await file.next();
        if (done === true) controller.close();
        else controller.enqueue(value.bytes);
      },
      cancel: () => void file.return(),
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: fileHeaders(cluster, opened) });
}

const fileHeaders = (cluster: string, { head }: SnapshotOpened): Record<string, string> => ({
  "Content-Type": "application/octet-stream",
  "Content-Disposition": `attachment; filename="${cluster}-${head.revision}.snapshot"`,
  "Cache-Control": "no-store, no-transform",
  "X-Edgekeeper-Revision": String(head.revision),
});

/** Makes a new cluster of a file. */
async function restoreCluster(services: Services, context: Context): Promise<Response> {
  const name = clusterOf(context);
  const order = parseRestore(new URL(context.req.url).searchParams, services.regions);
  if (!order.ok) throw badRequest(order.error);
  const { bumpRevisions, regions, jurisdiction } = order.value;
  const genesis = services.network.genesis(name);
  const founder = await genesis.reserveFounder(regions[0]!, jurisdiction);
  if (founder === null) {
    await discard(context.req.raw);
    throw refused("there is a cluster of this name");
  }
  const chunks = chunksOf(context.req.raw);
  const head = await uploadSnapshot(services.network, { cluster: name, founder, chunks });
  if (!head.ok) throw badRequest(head.error);
  const { index, term } = head.value;
  const answer = await genesis.found({ founder, index, term, bumpRevisions });
  if (answer.kind === "refused") {
    throw answer.reason === "exists" ? refused(answer.detail) : badRequest(answer.detail);
  }
  const { directory, revision } = answer;
  services.router.adopt(name, directory);
  const members = await grow(services, context, { directory, regions });
  return jsonResponse({ ...printCluster(name, members), revision }, { status: 201 });
}

/** Whoever still sends when the connection ends never reads why. */
async function discard(request: Request): Promise<void> {
  for await (const chunk of chunksOf(request)) void chunk;
}

const refused = (detail: string): RequestError => new RequestError(recoveryRefused(detail));

/**
 * The cluster is there with one replica. What is not grown in time goes on when the regions are asked
 * for again: that is no failure of this.
 */
async function grow(
  services: Services,
  context: Context,
  { directory, regions }: { readonly directory: Directory; readonly regions: readonly string[] },
): Promise<RegionMembers | Directory> {
  if (regions.length === 1) return directory;
  // Of a cluster with users it takes a token that came along.
  const order = { ...toRouterRequest(context, services, LIST_MEMBERS), wanted: regions };
  try {
    return await changeRegions(services, order);
  } catch (error) {
    if (error instanceof RequestError) return directory;
    throw error;
  }
}
