// Owns the messages of etcd's watch stream: what a client asks, and what it is told.

import { eventsSize } from "../api/watch-answers.ts";
import {
  createCommand,
  watchFields,
  type WatchCommand,
  type WatchResponse,
} from "../api/watch-json.ts";
import { bytesOf, flagOf, integerOf, numberOf } from "./messages.ts";
import { RAW } from "./session-messages.ts";
import type { Message } from "./upstream.ts";

export function watchCommandOf(message: Message): WatchCommand {
  const create = message["create_request"];
  if (create !== undefined) return creationOf(create as Message);
  const cancel = message["cancel_request"] as Message | undefined;
  if (cancel !== undefined) return { kind: "cancel", watchId: integerOf(cancel["watch_id"]) };
  return { kind: message["progress_request"] === undefined ? "none" : "progress" };
}

const creationOf = (message: Message): WatchCommand =>
  createCommand({
    key: bytesOf(message["key"]),
    rangeEnd: bytesOf(message["range_end"]),
    startRevision: numberOf(message["start_revision"]),
    progressNotify: flagOf(message["progress_notify"]),
    filters: [...((message["filters"] as readonly number[] | undefined) ?? [])],
    prevKv: flagOf(message["prev_kv"]),
    watchId: integerOf(message["watch_id"]),
    fragment: flagOf(message["fragment"]),
  });

/** What a response takes besides its events' keys and values, and what each event does; bytes of memory. */
const RESPONSE_BYTES = 256;
const EVENT_BYTES = 256;

export function watchMessageOf(response: WatchResponse): {
  readonly message: Message;
  readonly bytes: number;
} {
  const { events = [] } = response;
  const bytes = RESPONSE_BYTES + events.length * EVENT_BYTES + eventsSize(events);
  return { message: watchFields(response, RAW), bytes };
}
