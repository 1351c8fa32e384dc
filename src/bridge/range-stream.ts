// Owns `KV/RangeStream`, an interval of keys in pieces: the gateway does not have it, so it is made of pages.
// Merged, the messages are the answer of one `Range`.

import { refusalError } from "../api/error.ts";
import { GRPC } from "../api/grpc-code.ts";
import { REQUEST_BYTES_MAX } from "../base/limits.ts";
import { bytesOf, integerOf } from "./messages.ts";
import { UpstreamError, type CallContext, type Message, type Upstream } from "./upstream.ts";

const RANGE = "/etcdserverpb.KV/Range";

/** etcd's first page; the pages after it grow and shrink towards half to twice a request's size. */
const FIRST_PAGE_KEYS = 10n;

/** What a stream cannot do: the answer would have to be whole before its first key is known. */
const UNSUPPORTED = [
  "sort_order",
  "sort_target",
  "min_mod_revision",
  "max_mod_revision",
  "min_create_revision",
  "max_create_revision",
] as const;

/**
 * The messages of the stream. Header, `more` and `count` come with the last one. All pages are of one
 * revision; if it is compacted meanwhile, the stream fails with that.
 *
 * @throws UpstreamError
 */
export async function* rangeInPages(
  upstream: Upstream,
  request: Message,
  context: CallContext,
): AsyncGenerator<Message, void, void> {
  if (UNSUPPORTED.some((field) => integerOf(request[field]) !== 0n)) {
    const why = "edgekeeper: range stream neither sorts nor filters by revision";
    throw new UpstreamError(GRPC.unimplemented, why);
  }
  const limit = integerOf(request["limit"]);
  let left = limit > 0n ? limit : null;
  let pageKeys = FIRST_PAGE_KEYS;
  let page = request;
  let first: Message | null = null;
  for (;;) {
    const keys = left === null || left > pageKeys ? pageKeys : left;
    const answer = await pageOf(upstream, { ...page, limit: String(keys) }, context);
    if (answer === null) {
      pageKeys = keys / 4n + 1n;
      continue;
    }
    first ??= answer;
    const kvs = (answer["kvs"] ?? []) as readonly Message[];
    if (left !== null) left -= BigInt(kvs.length);
    const last = kvs.at(-1);
    if (answer["more"] !== true || left === 0n || last === undefined) {
      const { header, count } = first;
      yield { range_response: { header, kvs, more: answer["more"] ?? false, count: count ?? "0" } };
      return;
    }
    yield { range_response: { kvs } };
    page = { ...page, key: keyAfter(last), revision: pinned(page, first) };
    pageKeys = nextPageKeys(pageKeys, kvs);
  }
}

/** Null when so many keys are too large for one answer. A single one never is. */
async function pageOf(
  upstream: Upstream,
  request: Message,
  context: CallContext,
): Promise<Message | null> {
  try {
    return await upstream.call(RANGE, request, context);
  } catch (error) {
    const isTooLarge = error instanceof UpstreamError && error.message === ANSWER_TOO_LARGE;
    if (isTooLarge && request["limit"] !== "1") return null;
    throw error;
  }
}

const ANSWER_TOO_LARGE = refusalError("answerTooLarge").message;

/** The revision that was asked for, or the one that the first page was of. */
function pinned(page: Message, first: Message): unknown {
  if (integerOf(page["revision"]) > 0n) return page["revision"];
  return (first["header"] as Message)["revision"];
}

/** The least key that is greater, in the same form. */
function keyAfter({ key }: Message): string | Buffer {
  const after = Buffer.concat([bytesOf(key), Buffer.of(0)]);
  return typeof key === "string" ? after.toString("base64") : after;
}

function nextPageKeys(keys: bigint, kvs: readonly Message[]): bigint {
  const bytes = kvs.reduce((total, { key, value }) => total + sizeOf(key) + sizeOf(value), 0);
  if (bytes < REQUEST_BYTES_MAX / 2) return keys * 2n;
  return bytes > REQUEST_BYTES_MAX * 2 && keys > 1n ? keys / 2n : keys;
}

const sizeOf = (value: unknown): number =>
  typeof value === "string" ? (value.length * 3) / 4 : bytesOf(value).length;
