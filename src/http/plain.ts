// Owns the words of the plain API, `/v1/kv`: keys in paths, revisions as ETags, key-value pairs as
// readable JSON.

import { GATEWAY_ERRORS, malformed } from "../api/error.ts";
import { encodeBase64 } from "../api/base64.ts";
import { freshnessOf } from "../api/freshness.ts";
import type { Freshness } from "../api/replica.ts";
import { encodeUtf8 } from "../base/bytes.ts";
import { prefixEnd, ZERO_BYTE } from "../base/interval.ts";
import type { Compare, KeyValue } from "../base/kv.ts";
import { NO_LEASE, type Bytes } from "../base/types.ts";
import { RequestError } from "./response.ts";

const PATH_MARK = "/v1/kv/";
const PERCENT = "%".charCodeAt(0);

/**
 * The key that the path names: all that follows `/v1/kv/`, percent-decoded byte by byte, so that
 * any key can be named. (The URL's own rules resolve `.` and `..` as segments before we see them.)
 *
 * @throws RequestError for a stray `%`.
 */
export function keyOf({ pathname }: URL): Bytes {
  const start = pathname.indexOf(PATH_MARK);
  if (start >= 0) return percentDecode(pathname.slice(start + PATH_MARK.length));
  // An encoded `/v1/kv` is routed here as well, but where its key begins is anybody's guess.
  if (!pathname.endsWith("/v1/kv")) throw new RequestError(GATEWAY_ERRORS.notFound);
  return new Uint8Array(0);
}

function percentDecode(path: string): Bytes {
  const encoded = encodeUtf8(path);
  if (!path.includes("%")) return encoded;
  const decoded = new Uint8Array(encoded.length);
  let length = 0;
  for (let index = 0; index < encoded.length; index++) {
    if (encoded[index] !== PERCENT) {
      decoded[length++] = encoded[index]!;
      continue;
    }
    const digits = String.fromCharCode(...encoded.subarray(index + 1, index + 3));
    if (!/^[0-9a-fA-F]{2}$/.test(digits)) throw badRequest("the path has a stray %");
    decoded[length++] = Number.parseInt(digits, 16);
    index += 2;
  }
  return decoded.slice(0, length);
}

/** The interval of all keys that begin with `prefix`; the empty prefix is every key. */
export const prefixInterval = (prefix: Bytes): { readonly key: Bytes; readonly rangeEnd: Bytes } =>
  prefix.length === 0
    ? { key: ZERO_BYTE, rangeEnd: ZERO_BYTE }
    : { key: prefix, rangeEnd: prefixEnd(prefix) };

export const badRequest = (message: string): RequestError =>
  new RequestError(malformed(`edgekeeper: ${message}`));

/** A switch in the query: there without a value, or with any but "false". */
export const isSet = (query: URLSearchParams, name: string): boolean =>
  query.has(name) && query.get(name) !== "false";

/** A revision or count in the query or a header; null when absent. @throws RequestError */
export function naturalOf(text: string | null, name: string): number | null {
  if (text === null || text === "") return null;
  const value = Number(text);
  if (!/^[0-9]{1,15}$/.test(text)) throw badRequest(`${name} is not a number`);
  return value;
}

/** What `?min_revision=` and `?max_staleness=` (milliseconds) ask for. @throws RequestError */
export function freshnessIn(query: URLSearchParams): Freshness | null {
  const freshness = freshnessOf({
    minRevision: naturalOf(query.get("min_revision"), "min_revision"),
    maxStaleness: naturalOf(query.get("max_staleness"), "max_staleness"),
  });
  if (!freshness.ok) throw new RequestError(freshness.error);
  return freshness.value;
}

export const etagOf = (revision: number): string => `"${revision}"`;

/** Whether a list of ETags names the revision, or any. A weak tag is as good as a strong one. */
export const isNamedBy = (header: string | null, revision: number): boolean =>
  header !== null &&
  header.split(",").some((tag) => ["*", etagOf(revision)].includes(tag.trim().replace(/^W\//, "")));

const ETAG = /^"([0-9]{1,15})"$/;

/**
 * What If-Match and If-None-Match ask of the key, as compares of a txn.
 *
 * @throws RequestError for a tag that we never gave: it is a mistake rather than an old revision.
 */
export function preconditions(key: Bytes, headers: Headers): Compare[] {
  const compares: Compare[] = [];
  const base = { key, rangeEnd: new Uint8Array(0) };
  const match = headers.get("If-Match");
  if (match === "*") {
    compares.push({ ...base, target: "version", result: "greater", operand: 0 });
  } else if (match !== null) {
    compares.push({ ...base, target: "mod", result: "equal", operand: revisionOf(match) });
  }
  const noneMatch = headers.get("If-None-Match");
  if (noneMatch === "*") {
    compares.push({ ...base, target: "version", result: "equal", operand: 0 });
  } else if (noneMatch !== null) {
    compares.push({ ...base, target: "mod", result: "notEqual", operand: revisionOf(noneMatch) });
  }
  return compares;
}

function revisionOf(etag: string): number {
  const digits = ETAG.exec(etag.trim())?.[1];
  if (digits === undefined) throw badRequest('a precondition is * or one ETag, such as "42"');
  return Number(digits);
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes under `name` when they are text, else in base64 under `name_base64`. */
function printText(name: string, bytes: Bytes): Record<string, string> {
  try {
    return { [name]: utf8.decode(bytes) };
  } catch {
    return { [`${name}_base64`]: encodeBase64(bytes) };
  }
}

/** One key as readable JSON. Lease ids are strings: they have 64 bits. */
export const printPlain = (kv: KeyValue): object => ({
  ...printText("key", kv.key),
  ...printText("value", kv.value),
  revision: kv.modRevision,
  version: kv.version,
  lease: kv.lease === NO_LEASE ? undefined : String(kv.lease),
});

/** A deleted key: only its name and the revision of its deletion are left. */
export const printDeleted = (kv: KeyValue): object => ({
  ...printText("key", kv.key),
  revision: kv.modRevision,
});
