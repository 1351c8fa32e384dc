// Owns asking a store by etcd's JSON gateway, which Edgekeeper and etcd both have: what `import` and
// `export` need of it, in bytes and numbers.

import { encodeBase64 } from "../api/base64.ts";
import { prefixEnd, ZERO_BYTE } from "../base/interval.ts";
import type { Bytes } from "../base/types.ts";
import type { Connection } from "./connection-options.ts";
import { Deployment, RefusedError } from "./deployment.ts";
import { usageError } from "./exit-codes.ts";

/** A key as a store has it. */
export interface StoredKey {
  readonly key: Bytes;
  readonly value: Bytes;
  readonly lease: bigint | null;
}

export interface Page {
  readonly revision: string;
  readonly keys: readonly StoredKey[];
  readonly more: boolean;
  /** Of all pages together. */
  readonly count: number;
}

/** Base64 and numbers in text, as protojson has them; what is zero or empty is absent. */
interface RawKey {
  readonly key: string;
  readonly value?: string;
  readonly lease?: string;
}

/** The keys `[start, end)`, as etcd names them. */
export interface KeyRange {
  readonly start: Bytes;
  readonly end: Bytes;
}

/** The keys that begin with `prefix`; all keys when it is empty. */
export const rangeWithPrefix = (prefix: Bytes): KeyRange =>
  prefix.length === 0
    ? { start: ZERO_BYTE, end: ZERO_BYTE }
    : { start: prefix, end: prefixEnd(prefix) };

export class Gateway {
  readonly #ask: (path: string, body: object) => Promise<unknown>;

  constructor(ask: (path: string, body: object) => Promise<unknown>) {
    this.#ask = ask;
  }

  /** At most `limit` keys, in order; of `revision`, or as of now when it is "0". */
  async page(range: KeyRange, about: { limit: number; revision: string }): Promise<Page> {
    const answer = (await this.#ask("/v3/kv/range", {
      key: encodeBase64(range.start),
      range_end: encodeBase64(range.end),
      limit: about.limit,
      revision: about.revision,
    })) as { header: { revision: string }; kvs?: RawKey[]; more?: boolean; count?: string };
    return {
      revision: answer.header.revision,
      keys: (answer.kvs ?? []).map(storedKey),
      more: answer.more === true,
      count: Number(answer.count ?? 0),
    };
  }

  /** The TTL that a lease was granted; null when it is none any more. */
  async grantedTtl(lease: bigint): Promise<number | null> {
    const answer = (await this.#ask("/v3/lease/timetolive", { ID: String(lease) })) as {
      grantedTTL?: string;
    };
    const granted = Number(answer.grantedTTL ?? 0);
    return granted > 0 ? granted : null;
  }

  /** Begins a lease, unless there is one of the id. */
  async grant(lease: bigint, ttlSeconds: number): Promise<void> {
    try {
      await this.#ask("/v3/lease/grant", { ID: String(lease), TTL: ttlSeconds });
    } catch (error) {
      if (!(error instanceof RefusedError && /lease already exists/.test(error.message)))
        throw error;
    }
  }

  /** Puts all of them in one revision: no two of one key. */
  async putAll(keys: readonly StoredKey[]): Promise<void> {
    const success = keys.map(({ key, value, lease }) => ({
      request_put: {
        key: encodeBase64(key),
        value: encodeBase64(value),
        ...(lease === null ? {} : { lease: String(lease) }),
      },
    }));
    await this.#ask("/v3/kv/txn", { success });
  }
}

const storedKey = ({ key, value = "", lease = "0" }: RawKey): StoredKey => ({
  key: bytesIn(key),
  value: bytesIn(value),
  lease: lease === "0" ? null : BigInt(lease),
});

const bytesIn = (base64: string): Bytes => Uint8Array.from(Buffer.from(base64, "base64"));

/** Of the cluster that the command line names. */
export const gatewayOf = (deployment: Deployment): Gateway =>
  new Gateway((path, json) => deployment.json(deployment.inCluster(path), { json }));

/** Of a running etcd; it has users as Edgekeeper has, and neither clusters nor a deployment's token. */
export function gatewayOfEtcd(url: string, user: string | undefined, signal: AbortSignal): Gateway {
  const address = URL.parse(url);
  if (address === null || !/^https?:$/.test(address.protocol)) {
    throw usageError(`${url} is no address of an etcd: give one such as http://127.0.0.1:2379.`);
  }
  const connection = { url: address.origin, cluster: "default", token: null, user: userIn(user) };
  return gatewayOf(new Deployment(connection, signal));
}

function userIn(text: string | undefined): Connection["user"] {
  if (text === undefined) return null;
  const colon = text.indexOf(":");
  if (colon < 1) throw usageError("--etcd-user takes NAME:PASSWORD.");
  return { name: text.slice(0, colon), password: text.slice(colon + 1) };
}
