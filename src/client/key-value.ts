// Owns a key and its value as callers see them.

import { decodeUtf8 } from "../base/bytes.ts";
import type { KeyValue as StoredKeyValue } from "../base/kv.ts";
import { NO_LEASE } from "../base/types.ts";
import type { KeySpace } from "./keys.ts";

/** One version of one key. Of a deletion only `key` and `modRevision` say anything. */
export class KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** When the key came to be: after a deletion it is another. */
  readonly createRevision: number;
  /** When it was last put. */
  readonly modRevision: number;
  /** 1 at creation, one more with each put. */
  readonly version: number;
  /** The lease that it ends with; null: none. */
  readonly lease: bigint | null;

  constructor(kv: StoredKeyValue, keys: KeySpace) {
    this.key = keys.strip(kv.key);
    this.value = kv.value;
    this.createRevision = kv.createRevision;
    this.modRevision = kv.modRevision;
    this.version = kv.version;
    this.lease = kv.lease === NO_LEASE ? null : kv.lease;
  }

  /** The key as text. */
  keyText(): string {
    return decodeUtf8(this.key);
  }

  /** The value as text. */
  text(): string {
    return decodeUtf8(this.value);
  }

  /** The value, parsed. Nothing checks that it is a `T`; see `typed` for that. @throws SyntaxError */
  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T;
  }
}
