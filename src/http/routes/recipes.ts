// Owns the calls of etcd's lock and election services over HTTP; `streams.ts` has the stream of them.

import { Hono, type Context } from "hono";
import {
  campaignBody,
  leaderBody,
  readCampaign,
  readElection,
  readProclaim,
  readResign,
} from "../../api/election-json.ts";
import { errorLine, GATEWAY_ERRORS, type ApiError } from "../../api/error.ts";
import { doneBody, lockBody, readLock, readUnlock } from "../../api/lock-json.ts";
import { EMPTY } from "../../base/bytes.ts";
import type { Result } from "../../base/result.ts";
import { ResponseLines } from "../line-sink.ts";
import { ObserveStream } from "../observe-stream.ts";
import { Caller, workFor } from "../recipes/caller.ts";
import { campaign, leaderOf, proclaim, resign } from "../recipes/election.ts";
import { lock } from "../recipes/lock.ts";
import type { RecipeStore } from "../recipes/store.ts";
import { readText, type Services } from "../request.ts";
import { ANSWER_HEADERS, RequestError, STREAM_HEADERS } from "../response.ts";

/** Does what a body asks for, and gives the answer's body. */
type Call = (body: string) => Result<(store: RecipeStore) => Promise<string>, ApiError>;

const CALLS: Readonly<Record<string, Call>> = {
  "/lock/lock": call(readLock, async (store, request) => {
    const { header, place } = await lock(store, request);
    return lockBody(header, place);
  }),
  "/lock/unlock": call(readUnlock, async (store, { key }) => {
    const request = { key, rangeEnd: EMPTY, prevKv: false };
    return doneBody((await store.ask({ kind: "deleteRange", request })).header);
  }),
  "/election/campaign": call(readCampaign, async (store, request) => {
    const { header, place } = await campaign(store, request);
    return campaignBody(header, { ...place, name: request.name });
  }),
  "/election/proclaim": call(readProclaim, async (store, { leader, value }) =>
    doneBody(await proclaim(store, leader, value)),
  ),
  "/election/leader": call(readElection, async (store, { name }) => {
    const { header, kv } = await leaderOf(store, name);
    return leaderBody(header, kv);
  }),
  "/election/resign": call(readResign, async (store, { leader }) =>
    doneBody(await resign(store, leader)),
  ),
};

function call<Request>(
  read: (body: string) => Result<Request, ApiError>,
  perform: (store: RecipeStore, request: Request) => Promise<string>,
): Call {
  return (body) => {
    const request = read(body);
    if (!request.ok) return request;
    return { ok: true, value: (store) => perform(store, request.value) };
  };
}

/** The calls, below `/v3`. */
export function recipeRoutes(services: Services): Hono {
  const routes = new Hono();
  for (const [path, begin] of Object.entries(CALLS)) {
    routes.post(path, (context) => answer(services, context, begin));
    routes.all(path, () => {
      throw new RequestError(GATEWAY_ERRORS.wrongVerb);
    });
  }
  routes.post("/election/observe", (context) => observeByPost(services, context));
  return routes;
}

/** One request is the whole body: what is wrong with it is told as of a call. */
async function observeByPost(services: Services, context: Context): Promise<Response> {
  const request = readElection(await readText(context.req.raw));
  if (!request.ok) throw new RequestError(request.error);
  const sink = new ResponseLines({
    onGone: () => stream.close(),
    headers: { ...ANSWER_HEADERS, ...STREAM_HEADERS },
    printError: errorLine,
  });
  const stream = new ObserveStream(services, context, sink);
  void stream.begin(request.value.name);
  return sink.response;
}

async function answer(services: Services, context: Context, begin: Call): Promise<Response> {
  const work = begin(await readText(context.req.raw));
  if (!work.ok) throw new RequestError(work.error);
  const body = await workFor(services, context, new Caller(services, context), work.value);
  return new Response(body, { headers: ANSWER_HEADERS });
}
