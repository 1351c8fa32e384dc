// Owns the queue that locks and elections are made of, as etcd's concurrency package has it: below
// `<name>/` each contender has a key of its lease, and whoever's key was created first is at the head.
// Each waits for the one right before it alone. So etcd's own clients stand in the same queue.

import { concatBytes, encodeUtf8 } from "../base/bytes.ts";
import { assert } from "../base/assert.ts";
import type { Bytes } from "../base/types.ts";
import { isRefused, unlessLeaseIsGone } from "./error.ts";
import type { KeyValue } from "./key-value.ts";
import { bytesOf, type BytesLike, type Selection } from "./keys.ts";
import type { GrantOptions, Lease } from "./lease.ts";
import type { DeleteOptions, RangeOptions, RangeResult } from "./operations.ts";
import type { ClientPlatform } from "./platform.ts";
import { insist } from "./retry.ts";
import { compare, op, type Compare, type Txn } from "./txn.ts";
import type { Watch, WatchEvent, WatchOptions } from "./watch.ts";

/** What queues are made with: the client, or a namespace of it. */
export interface QueueStore {
  range(selection: Selection, options?: RangeOptions): Promise<RangeResult>;
  delete(selection: Selection, options?: DeleteOptions): Promise<unknown>;
  txn(): Txn;
  watch(selection: Selection, options?: WatchOptions): Watch;
  grant(ttlSeconds: number, options?: GrantOptions): Promise<Lease>;
  readonly platform: ClientPlatform;
}

/** How long those who contend wait for an answer to a write: as long as its id is known, about. */
export const PATIENCE_MS = 30_000;
/** How long a contender that has died stays in the way. */
const TTL_SECONDS = 30;

export interface ContendOptions {
  /** How long after its end, or its going away, a contender stays in the way; 30 s unless said. */
  readonly ttlSeconds?: number | undefined;
  /** A lease to contend with; absent: one of its own. A lease has one place in each queue. */
  readonly lease?: Lease | undefined;
  /** Ends the waiting, with its reason, and leaves the queue. */
  readonly signal?: AbortSignal | undefined;
}

/** Who contends, or will. */
export interface Contender {
  readonly prefix: Uint8Array;
  readonly key: Uint8Array;
  readonly lease: Lease;
  /** The lease is of this contender alone. */
  readonly isOwn: boolean;
}

/** A place in a queue. */
export interface Place extends Contender {
  /** When the key was created. It orders the queue, and is the fencing token of who is at its head. */
  readonly createRevision: number;
}

export interface Entered {
  readonly place: Place;
  /** The key as it was found, when this lease had a place already. */
  readonly found: KeyValue | null;
  readonly isFirst: boolean;
}

/** Below this are the keys of the queue `name`. */
export const prefixOf = (name: BytesLike): Bytes => concatBytes([bytesOf(name), encodeUtf8("/")]);

/** The head of the queue. */
export const HEAD = { limit: 1, sortBy: "createRevision", order: "ascend" } as const;

/** That the place's key is still the one that was created then. */
export const isKept = ({ key, createRevision }: Place): Compare =>
  compare.createRevision(key).equals(createRevision);

/** One who contends for `name`. @throws EdgekeeperError; the reason of the signal. */
export async function contenderFor(
  store: QueueStore,
  name: BytesLike,
  { lease: given, ttlSeconds = TTL_SECONDS, signal }: ContendOptions,
): Promise<Contender> {
  const prefix = prefixOf(name);
  const lease = given ?? (await store.grant(ttlSeconds, { signal, timeoutMs: PATIENCE_MS }));
  // Lower-case hexadecimal without leading zeros; a negative id has its sign in front.
  const key = concatBytes([prefix, encodeUtf8(lease.id.toString(16))]);
  return { prefix, key, lease, isOwn: given === undefined };
}

/** Takes a place, or finds the one that the lease has. @throws EdgekeeperError; the signal's reason. */
export async function enter(
  store: QueueStore,
  contender: Contender,
  { value, signal }: { readonly value: BytesLike; readonly signal: AbortSignal },
): Promise<Entered> {
  const { prefix, key, lease } = contender;
  const { succeeded, responses, revision } = await store
    .txn()
    .if(compare.missing(key))
    .then(op.put(key, value, { lease }), op.get({ prefix }, HEAD))
    .else(op.get(key), op.get({ prefix }, HEAD))
    .commit({ signal, timeoutMs: PATIENCE_MS });
  const [own, first] = responses;
  assert(own !== undefined && first?.kind === "get", "a transaction answers all its operations");
  const found = own.kind === "get" ? own.kvs[0]! : null;
  const createRevision = succeeded ? revision : found!.createRevision;
  return {
    place: { ...contender, createRevision },
    found,
    isFirst: first.kvs[0]?.createRevision === createRevision,
  };
}

/**
 * Resolves once nobody stands before `place`, to whether its key is still there.
 *
 * @throws EdgekeeperError; the reason of the signal.
 */
export async function outwait(
  store: QueueStore,
  { prefix, key, createRevision }: Place,
  signal: AbortSignal,
): Promise<boolean> {
  const read = (selection: Selection, options: RangeOptions) =>
    insist(store.platform, signal, () => store.range(selection, { ...options, signal }));
  const before = { ...HEAD, order: "descend", maxCreateRevision: createRevision - 1 } as const;
  for (;;) {
    const { kvs, revision } = await read({ prefix }, before);
    const [next] = kvs;
    if (next === undefined) break;
    const deletion = { fromRevision: revision + 1, signal, filters: ["noPut"] } as const;
    await nextEvent(store.watch(next.key, deletion));
  }
  return (await read(key, {})).kvs[0]?.createRevision === createRevision;
}

/** Gives up what place there may be. @throws EdgekeeperError; then the end of the lease does it. */
export function leave(
  store: QueueStore,
  { key, lease, isOwn }: Contender,
  timeoutMs = PATIENCE_MS,
): Promise<void> {
  if (isOwn) return unlessLeaseIsGone(lease.revoke({ timeoutMs }));
  // The lease has other keys, or other places.
  const own = compare.lease(key).equals(lease);
  return unlessLeaseIsGone(store.txn().if(own).then(op.delete(key)).commit({ timeoutMs }));
}

/** The next event; null when what is to be read was compacted: whoever waits reads again then. */
export async function nextEvent(watch: Watch): Promise<WatchEvent | null> {
  for await (const event of untilCompacted(watch)) return event;
  return null;
}

/** What comes, until something that is to come was compacted. */
export async function* untilCompacted(watch: Watch): AsyncGenerator<WatchEvent, void, void> {
  try {
    yield* watch.events();
  } catch (error) {
    if (!isRefused(error, "compacted")) throw error;
  }
}
