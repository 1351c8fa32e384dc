// Owns carrying keys from one store to another, or to a file and back: read page by page at one
// revision, written a hundred at a time.

import { successor } from "../base/interval.ts";
import { GRPC } from "../api/grpc-code.ts";
import { RefusedError } from "./deployment.ts";
import { rangeWithPrefix, type Gateway, type Page, type StoredKey } from "./gateway.ts";
import type { Bytes } from "../base/types.ts";
import type { StoreRecord } from "./records.ts";

/** Keys of one page; fewer when their values are so large that the store refuses the answer. */
const PAGE_KEYS = 500;
/** Keys put at once, and bytes: below what either store takes in one request. */
const BATCH_KEYS = 100;
const BATCH_BYTES = 524_288;
/** Leases remembered as known: beyond them some are asked for, and granted, once more. */
const LEASES_MAX = 100_000;

export interface SourceOptions {
  readonly prefix: Bytes;
  /** "0": as of now. */
  readonly revision: string;
  /** Told of leases that nobody may look at, or that are gone: their keys come without one. */
  readonly onLostLease?: (lease: bigint) => void;
}

/** All keys of a store as of one revision, each lease before its first key. */
export async function* recordsOf(
  gateway: Gateway,
  options: SourceOptions,
): AsyncGenerator<StoreRecord, void, void> {
  const range = rangeWithPrefix(options.prefix);
  const leases = new Map<bigint, boolean>();
  let start: Bytes | null = range.start;
  let { revision } = options;
  let limit = PAGE_KEYS;
  let isFirst = true;
  while (start !== null) {
    const page: Page | null = await pageOf(gateway, { start, end: range.end, limit, revision });
    if (page === null) {
      limit = Math.max(1, Math.floor(limit / 2));
      continue;
    }
    // The pages that follow show what this one did, whatever is written meanwhile.
    if (revision === "0") revision = page.revision;
    if (isFirst) yield { kind: "begin", revision, keys: page.count };
    isFirst = false;
    for (const stored of page.keys) yield* withLease(gateway, stored, { leases, options });
    start = page.more ? successor(page.keys.at(-1)!.key) : null;
  }
}

/** Null when it would be too large for one answer. */
async function pageOf(
  gateway: Gateway,
  { start, end, ...about }: { start: Bytes; end: Bytes; limit: number; revision: string },
): Promise<Page | null> {
  try {
    return await gateway.page({ start, end }, about);
  } catch (error) {
    const isTooLarge = error instanceof RefusedError && error.code === GRPC.resourceExhausted;
    if (isTooLarge && about.limit > 1) return null;
    throw error;
  }
}

async function* withLease(
  gateway: Gateway,
  stored: StoredKey,
  known: { readonly leases: Map<bigint, boolean>; readonly options: SourceOptions },
): AsyncGenerator<StoreRecord, void, void> {
  const { lease } = stored;
  const { leases, options } = known;
  if (lease !== null && !leases.has(lease)) {
    const ttlSeconds = await gateway.grantedTtl(lease).catch((error: unknown) => {
      if (error instanceof RefusedError) return null;
      throw error;
    });
    if (leases.size >= LEASES_MAX) leases.clear();
    leases.set(lease, ttlSeconds !== null);
    if (ttlSeconds === null) options.onLostLease?.(lease);
    else yield { kind: "lease", id: lease, ttlSeconds };
  }
  const isKept = lease !== null && leases.get(lease) === true;
  yield { kind: "key", ...stored, lease: isKept ? lease : null };
}

/** Writes records into a store. */
export class StoreSink {
  readonly #gateway: Gateway;
  readonly #keepsLeases: boolean;
  /** TTLs of leases that were read, and not begun. */
  readonly #offered = new Map<bigint, number>();
  #batch: StoredKey[] = [];
  #batchBytes = 0;
  readonly #batchKeys = new Set<string>();
  keys = 0;
  leases = 0;

  constructor(gateway: Gateway, { keepsLeases = true } = {}) {
    this.#gateway = gateway;
    this.#keepsLeases = keepsLeases;
  }

  async write(record: StoreRecord): Promise<void> {
    switch (record.kind) {
      case "begin":
        return;
      case "lease":
        this.#offered.set(record.id, record.ttlSeconds);
        if (this.#offered.size > LEASES_MAX) this.#offered.delete([...this.#offered.keys()][0]!);
        return;
      case "key":
        if (this.#keepsLeases && record.lease !== null) await this.#grant(record.lease);
        await this.#put(this.#keepsLeases ? record : { ...record, lease: null });
        return;
      default:
        return record satisfies never;
    }
  }

  /** What was written before is in the store when this has resolved. */
  async flush(): Promise<void> {
    if (this.#batch.length === 0) return;
    await this.#gateway.putAll(this.#batch);
    this.keys += this.#batch.length;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#batchKeys.clear();
  }

  /** Leases without a key of those that are written are not begun. */
  async #grant(lease: bigint): Promise<void> {
    const ttlSeconds = this.#offered.get(lease);
    if (ttlSeconds === undefined) return;
    this.#offered.delete(lease);
    await this.#gateway.grant(lease, ttlSeconds);
    this.leases++;
  }

  async #put({ key, value, lease }: StoredKey): Promise<void> {
    const name = Buffer.from(key).toString("latin1");
    const bytes = key.length + value.length;
    const isFull = this.#batch.length >= BATCH_KEYS || this.#batchBytes + bytes > BATCH_BYTES;
    if (isFull || this.#batchKeys.has(name)) await this.flush();
    this.#batch.push({ key, value, lease });
    this.#batchBytes += bytes;
    this.#batchKeys.add(name);
  }
}
