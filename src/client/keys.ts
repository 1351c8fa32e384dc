// Owns how callers name keys, one or many, and what that means below a namespace's prefix. Source of
// the latter: etcd client/v3/namespace/util.go.

import { concatBytes, encodeUtf8, equalBytes, EMPTY } from "../base/bytes.ts";
import { prefixEnd, ZERO_BYTE } from "../base/interval.ts";
import type { Bytes } from "../base/types.ts";
import { invalid } from "./error.ts";

/** Text stands for its UTF-8. */
export type BytesLike = string | Uint8Array;

/** All keys that begin with `prefix`; an empty one: all keys. */
export interface Prefix {
  readonly prefix: BytesLike;
}

/** The keys `[from, to)`; without `from` from the first key on, without `to` until the last. */
export interface Span {
  readonly from?: BytesLike | undefined;
  readonly to?: BytesLike | undefined;
}

/** One key, or many. */
export type Selection = BytesLike | { readonly key: BytesLike } | Prefix | Span;

/** etcd's way of saying which keys: see `base/interval.ts`. */
export interface KeyRange {
  readonly key: Bytes;
  readonly rangeEnd: Bytes;
}

/**
 * The bytes, in a buffer that nobody else can change: a request may be sent more than once.
 *
 * @throws TypeError for what is neither text nor bytes: it would become something else unnoticed.
 */
export function bytesOf(value: BytesLike): Bytes {
  if (typeof value === "string") return encodeUtf8(value);
  if (value instanceof Uint8Array) return new Uint8Array(value);
  throw new TypeError("keys and values are text or bytes");
}

/** The keys below a prefix, named without it. An empty prefix: all keys there are. */
export class KeySpace {
  readonly #prefix: Bytes;

  constructor(prefix: Bytes) {
    this.#prefix = prefix;
  }

  within(prefix: BytesLike): KeySpace {
    return new KeySpace(concatBytes([this.#prefix, bytesOf(prefix)]));
  }

  /** @throws EdgekeeperError for the empty key, which nothing can have. */
  key(key: BytesLike): Bytes {
    const bytes = bytesOf(key);
    if (bytes.length === 0) throw invalid("etcdserver: key is not provided", "keyNotProvided");
    return concatBytes([this.#prefix, bytes]);
  }

  /** @throws EdgekeeperError for the empty key, and for an end that is empty. */
  range(selection: Selection): KeyRange {
    if (typeof selection === "string" || selection instanceof Uint8Array) {
      return { key: this.key(selection), rangeEnd: EMPTY };
    }
    if ("key" in selection) return { key: this.key(selection.key), rangeEnd: EMPTY };
    if ("prefix" in selection) {
      const prefix = bytesOf(selection.prefix);
      return this.#span(prefix, prefix.length === 0 ? ZERO_BYTE : prefixEnd(prefix));
    }
    const { from = EMPTY, to = ZERO_BYTE } = selection;
    const end = bytesOf(to);
    // It would mean the single key `from`, which is not what an interval without keys is.
    if (end.length === 0)
      throw invalid("edgekeeper: a range that ends at the empty key has no keys");
    return this.#span(bytesOf(from), end);
  }

  /** The key as callers know it. */
  strip(key: Bytes): Bytes {
    return key.subarray(this.#prefix.length);
  }

  /** Those of `keys` that are in here, as callers know them. */
  own(keys: readonly Bytes[]): Uint8Array[] {
    const prefix = this.#prefix;
    const isOwn = (key: Bytes): boolean => equalBytes(key.subarray(0, prefix.length), prefix);
    return keys.filter((key) => isOwn(key)).map((key) => this.strip(key));
  }

  #span(start: Bytes, end: Bytes): KeyRange {
    const key = concatBytes([this.#prefix, start.length === 0 ? ZERO_BYTE : start]);
    if (!equalBytes(end, ZERO_BYTE)) return { key, rangeEnd: concatBytes([this.#prefix, end]) };
    return { key, rangeEnd: this.#prefix.length === 0 ? ZERO_BYTE : prefixEnd(this.#prefix) };
  }
}
