// Owns the JSON of etcd's watch stream: requests in, response lines out.

import { accept, refuse, type Result } from "../base/result.ts";
import type { WatchEvent, WatchSpec } from "../base/watch.ts";
import type { z } from "zod";
import {
  printFlag,
  printHeader,
  printInteger,
  printKeyValue,
  printList,
  type BytesForm,
} from "./answer-json.ts";
import { encodeBase64 } from "./base64.ts";
import type { ApiError } from "./error.ts";
import { named } from "./json-schema.ts";
import {
  bool,
  bytes,
  decodeMessage,
  enumerations,
  int64,
  int64Number,
  message,
} from "./proto-json.ts";
import type { Header } from "./replica.ts";

const createMessage = named(
  "WatchCreateRequest",
  message({
    key: bytes,
    rangeEnd: bytes,
    startRevision: int64Number,
    progressNotify: bool,
    filters: enumerations(["NOPUT", "NODELETE"]),
    prevKv: bool,
    watchId: int64,
    fragment: bool,
  }),
);

export const watchMessage = named(
  "WatchRequest",
  message(
    {
      createRequest: createMessage.optional(),
      cancelRequest: message({ watchId: int64 }).optional(),
      progressRequest: message({}).optional(),
    },
    {
      "etcdserverpb.WatchRequest.request_union": [
        "createRequest",
        "cancelRequest",
        "progressRequest",
      ],
    },
  ),
);

/** What a client asks on its watch stream. */
export type WatchCommand =
  | {
      readonly kind: "create";
      /** 0: the stream chooses. */
      readonly watchId: bigint;
      readonly spec: WatchSpec;
      /** The client can put together a response that comes in parts. */
      readonly fragment: boolean;
    }
  | { readonly kind: "cancel"; readonly watchId: bigint }
  | { readonly kind: "progress" }
  /** A request without any member: etcd passes it over. */
  | { readonly kind: "none" };

/** One document of `POST /v3/watch`, or one text frame. */
export function readWatchCommand(body: string): Result<WatchCommand, ApiError> {
  const read = decodeMessage(watchMessage, body);
  if (!read.ok) return refuse(read.error);
  const { createRequest, cancelRequest, progressRequest } = read.value;
  if (createRequest !== undefined) return accept(createCommand(createRequest));
  if (cancelRequest !== undefined) return accept({ kind: "cancel", ...cancelRequest });
  return accept({ kind: progressRequest === undefined ? "none" : "progress" });
}

/** A creation by its fields; `filters` by their numbers. */
export function createCommand(create: z.output<typeof createMessage>): WatchCommand {
  const { watchId, fragment, filters, ...spec } = create;
  const [noPut, noDelete] = [filters.includes(0), filters.includes(1)];
  return { kind: "create", watchId, fragment, spec: { ...spec, noPut, noDelete } };
}

/** One response of the stream; what is left out is zero. */
export interface WatchResponse {
  readonly header: Header;
  readonly watchId: bigint;
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly compactRevision?: number;
  readonly cancelReason?: string;
  readonly fragment?: boolean;
  readonly events?: readonly WatchEvent[];
}

/** The response as the gateway frames it, with its line's end. */
export const watchLine = (response: WatchResponse): string =>
  `${JSON.stringify({ result: watchFields(response) })}\n`;

/** The response by the names of its fields. */
export function watchFields(
  response: WatchResponse,
  form: BytesForm = encodeBase64,
): Readonly<Record<string, unknown>> {
  return {
    header: printHeader(response.header),
    watch_id: printInteger(response.watchId),
    created: printFlag(response.created ?? false),
    canceled: printFlag(response.canceled ?? false),
    compact_revision: printInteger(response.compactRevision ?? 0),
    cancel_reason: response.cancelReason,
    fragment: printFlag(response.fragment ?? false),
    events: printList(response.events ?? [], (event) => printEvent(event, form)),
  };
}

const printEvent = ({ kind, kv, prevKv }: WatchEvent, form: BytesForm): object => ({
  type: kind === "delete" ? "DELETE" : undefined,
  kv: printKeyValue(kv, form),
  prev_kv: prevKv === null ? undefined : printKeyValue(prevKv, form),
});
