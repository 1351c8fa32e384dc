// Owns watching with server-sent events: `GET /v1/kv/{key}?watch`. The id of an event is its
// revision, so that a browser's EventSource resumes by itself (`Last-Event-ID`) and misses nothing.

import type { Context } from "hono";
import { errorBody, GATEWAY_ERRORS, type ApiError } from "../../api/error.ts";
import { EMPTY } from "../../base/bytes.ts";
import type { WatchDelivery, WatchSpec } from "../../base/watch.ts";
import { ResponseLines } from "../line-sink.ts";
import { isSet, keyOf, naturalOf, prefixInterval, printDeleted, printPlain } from "../plain.ts";
import { seekerOf, type Services } from "../request.ts";
import { RequestError, STREAM_HEADERS } from "../response.ts";
import { sessionsTo } from "../sessions.ts";

const EVENT_STREAM_HEADERS = {
  "Content-Type": "text/event-stream",
  ...STREAM_HEADERS,
};

/** Proxies commonly close what is silent for 30 s or 60 s. */
const COMMENT_MS = 15_000;
/** One session, one watch. */
const WATCH = 0;

/** What a watch begins with, and nothing else. */
export const watchHead = (): Response => new Response(null, { headers: EVENT_STREAM_HEADERS });

/** Answers with the events of a key or prefix: from now on, `?from`, or the last event's id. */
export function watchEvents(services: Services, context: Context, url: URL): Promise<Response> {
  const spec = specOf(url, context.req.raw.headers);
  const client = seekerOf(context);
  const over = new AbortController();
  const sink = new ResponseLines({
    onGone: () => over.abort(),
    headers: EVENT_STREAM_HEADERS,
    printError: (error, { isFirst }) => (isFirst ? errorBody(error) : printFailure(error)),
  });
  const session = sessionsTo(
    services,
    client,
  )({
    deliver: async (delivery) => {
      if (delivery.kind === "created") void keepAlive(sink, services.sleep, over.signal);
      const text = printDelivery(delivery, spec);
      if (text !== "") await sink.write(text);
      if (delivery.kind !== "canceled") return;
      over.abort();
      await sink.end();
    },
    onGivenUp: (error) => {
      over.abort();
      void sink.fail(error instanceof RequestError ? error.error : GATEWAY_ERRORS.internal);
    },
  });
  over.signal.addEventListener("abort", () => session.close(), { once: true });
  context.req.raw.signal.addEventListener("abort", () => over.abort(), { once: true });
  session.watch(WATCH, spec);
  return sink.response;
}

/**
 * Writes a comment now and then: proxies keep the connection open, and a client that went away
 * without a word is noticed.
 */
async function keepAlive(
  sink: ResponseLines,
  sleep: Services["sleep"],
  over: AbortSignal,
): Promise<void> {
  for (;;) {
    await sleep(COMMENT_MS, over);
    if (over.aborted) return;
    try {
      await sink.write(":\n\n");
    } catch {
      // The sink tells whoever is concerned that the client is gone.
      return;
    }
  }
}

function specOf(url: URL, headers: Headers): WatchSpec {
  const key = keyOf(url);
  const query = url.searchParams;
  const interval = isSet(query, "prefix") ? prefixInterval(key) : { key, rangeEnd: EMPTY };
  const last = naturalOf(headers.get("Last-Event-ID"), "Last-Event-ID");
  return {
    ...interval,
    startRevision: last === null ? (naturalOf(query.get("from"), "from") ?? 0) : last + 1,
    prevKv: false,
    progressNotify: true,
    noPut: false,
    noDelete: false,
  };
}

/** The events of a delivery as text; empty when there is nothing to tell. */
export function printDelivery(
  delivery: WatchDelivery,
  spec: Pick<WatchSpec, "startRevision">,
): string {
  switch (delivery.kind) {
    case "created":
      // Everything up to here is past only if the client wanted nothing of it.
      return spec.startRevision > 0 ? ": watching\n\n" : printProgress(delivery.revision);
    case "progress":
      return printProgress(delivery.revision);
    case "events":
      return printEvents(delivery);
    case "canceled":
      return printCanceled(delivery);
    default:
      return delivery satisfies never;
  }
}

const printProgress = (revision: number): string =>
  printEvent("progress", { revision }, String(revision));

/** The last event of a revision carries the id: before it, the revision has not been seen whole. */
function printEvents({ events, partial }: Extract<WatchDelivery, { kind: "events" }>): string {
  let text = "";
  for (const [index, { kind, kv }] of events.entries()) {
    const next = events[index + 1]?.kv.modRevision ?? (partial ? kv.modRevision : null);
    const id = next === kv.modRevision ? null : String(kv.modRevision);
    text += printEvent(kind, kind === "put" ? printPlain(kv) : printDeleted(kv), id);
  }
  return text;
}

function printCanceled({ cause }: Extract<WatchDelivery, { kind: "canceled" }>): string {
  switch (cause.kind) {
    case "asked":
      return "";
    case "compacted":
      // An EventSource reconnects after this id: with the first revision that is still there.
      return printEvent(
        "compacted",
        { compact_revision: cause.compactRevision },
        String(cause.compactRevision - 1),
      );
    case "refused":
      return printEvent("error", { message: cause.reason }, null);
    default:
      return cause satisfies never;
  }
}

const printFailure = ({ code, message }: ApiError): string =>
  printEvent("error", { code, message }, null);

const printEvent = (event: string, body: object, id: string | null): string =>
  `event: ${event}\n${id === null ? "" : `id: ${id}\n`}data: ${JSON.stringify(body)}\n\n`;
