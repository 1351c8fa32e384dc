// Owns the client as its users see it: one object for a cluster, or for a namespace in it. What each
// call means is in files of their own; here they get the sessions that carry them.
/// <reference lib="esnext.disposable" preserve="true" />

import { EMPTY } from "../base/bytes.ts";
import { successor } from "../base/interval.ts";
import { asLeaseId } from "../base/types.ts";
import type { SessionRequest } from "../api/session-call.ts";
import type { Place } from "./address.ts";
import { EdgekeeperError } from "./error.ts";
import { LeaseKeeper } from "./keeper.ts";
import type { KeyValue } from "./key-value.ts";
import { KeySpace, type BytesLike, type Selection } from "./keys.ts";
import { grantLease, Lease, type GrantOptions, type LeaseContext } from "./lease.ts";
import { Sessions } from "./link.ts";
import {
  askOptionsOf,
  deleteRequest,
  deleteResult,
  putRequest,
  putResult,
  rangeRequest,
  rangeResult,
  type CallOptions,
  type DeleteOptions,
  type DeleteResult,
  type PutOptions,
  type PutResult,
  type RangeOptions,
  type RangeResult,
  type ReadOptions,
  type WriteOptions,
} from "./operations.ts";
import { WEB_PLATFORM, type ClientPlatform } from "./platform.ts";
import { answerOf, type Answered } from "./requests.ts";
import { membersOf, statusOf, type ClusterStatus, type MemberInfo } from "./cluster.ts";
import { TokenSource, type UserPassword } from "./tokens.ts";
import { Txn, txnRequest, txnResult } from "./txn.ts";
import { Watch, type WatchOptions } from "./watch.ts";

export interface EdgekeeperOptions extends Place {
  /** The deployment's token. */
  readonly token?: string | undefined;
  /** A user of the cluster, where users are in force. */
  readonly user?: UserPassword | undefined;
  /** How long calls wait unless they say; ms. */
  readonly timeoutMs?: number | undefined;
  /** Time, randomness, sockets; absent: the web's. */
  readonly platform?: ClientPlatform | undefined;
}

export interface ScanOptions extends ReadOptions {
  /** Keys asked for at once. */
  readonly pageSize?: number | undefined;
  readonly keysOnly?: boolean | undefined;
}

/** Whose sessions a namespace shares, and where it is. */
interface Within {
  readonly sessions: Sessions;
  readonly keeper: LeaseKeeper;
  readonly keys: KeySpace;
}

const PAGE_SIZE = 500;

/** A cluster, or a namespace in it. Opens nothing before it is first asked. */
export class Edgekeeper {
  readonly #options: EdgekeeperOptions;
  readonly #platform: ClientPlatform;
  readonly #within: Within;

  /** `within` is for namespaces. */
  constructor(options: EdgekeeperOptions, within?: Within) {
    this.#options = options;
    this.#platform = options.platform ?? WEB_PLATFORM;
    this.#within = within ?? everything(options, this.#platform);
  }

  /** The same with keys that begin with `prefix`, named without it. It is closed with this one. */
  namespace(prefix: BytesLike): Edgekeeper {
    const keys = this.#within.keys.within(prefix);
    return new Edgekeeper(this.#options, { ...this.#within, keys });
  }

  async put(key: BytesLike, value: BytesLike, options: PutOptions = {}): Promise<PutResult> {
    const request = putRequest(this.#keys, { key, value }, options);
    const answered = await this.#ask({ kind: "put", request }, options);
    return putResult(this.#keys, answerOf(answered, "put").answer, answered.header.revision);
  }

  /** Puts what `KeyValue.json` gives back. */
  putJson(key: BytesLike, value: unknown, options: PutOptions = {}): Promise<PutResult> {
    return this.put(key, JSON.stringify(value), options);
  }

  /** The key as it is, or was at a revision; null when there is none. */
  async get(key: BytesLike, options: ReadOptions = {}): Promise<KeyValue | null> {
    return (await this.range({ key }, options)).kvs[0] ?? null;
  }

  async range(selection: Selection, options: RangeOptions = {}): Promise<RangeResult> {
    const request = rangeRequest(this.#keys, selection, options);
    const { serializable = false } = options;
    const answered = await this.#ask({ kind: "range", request, serializable }, options);
    return rangeResult(this.#keys, answerOf(answered, "range").answer, answered.header.revision);
  }

  /** All keys that begin with `selection`, or are in it, page by page as of one revision. */
  async *scan(
    selection: Selection,
    options: ScanOptions = {},
  ): AsyncGenerator<KeyValue, void, void> {
    const isPrefix = typeof selection === "string" || selection instanceof Uint8Array;
    const { key, rangeEnd } = new KeySpace(EMPTY).range(
      isPrefix ? { prefix: selection } : selection,
    );
    let { pageSize: limit = PAGE_SIZE, ...read } = options;
    let from = key;
    for (;;) {
      const span = rangeEnd.length === 0 ? { key: from } : { from, to: rangeEnd };
      const page = await this.range(span, { ...read, limit }).catch((error: unknown) => {
        if (limit === 1 || !isTooLarge(error)) throw error;
        return null;
      });
      limit = page === null ? Math.ceil(limit / 2) : limit;
      if (page === null) continue;
      yield* page.kvs;
      if (!page.more) return;
      from = successor(new Uint8Array(page.kvs.at(-1)!.key));
      read = { ...read, revision: read.revision ?? page.revision };
    }
  }

  async delete(selection: Selection, options: DeleteOptions = {}): Promise<DeleteResult> {
    const request = deleteRequest(this.#keys, selection, options);
    const answered = await this.#ask({ kind: "deleteRange", request }, options);
    const { answer } = answerOf(answered, "deleteRange");
    return deleteResult(this.#keys, answer, answered.header.revision);
  }

  /** Begins to put a transaction together; `commit` sends it. */
  txn(): Txn {
    return new Txn(async (branches, options) => {
      const request = txnRequest(this.#keys, branches);
      const answered = await this.#ask({ kind: "txn", request }, options);
      return txnResult(this.#keys, answerOf(answered, "txn").answer, answered.header.revision);
    });
  }

  /** Watches from this moment on, or from a revision. Iterate over it. */
  watch(selection: Selection, options: WatchOptions = {}): Watch {
    const { fromRevision = 0, previous = false, progress = false, filters = [], signal } = options;
    const spec = {
      ...this.#keys.range(selection),
      startRevision: fromRevision,
      prevKv: previous,
      progressNotify: progress,
      noPut: filters.includes("noPut"),
      noDelete: filters.includes("noDelete"),
    };
    return new Watch(this.#within.sessions, { keys: this.#keys, spec, signal });
  }

  /** Grants a lease, and keeps it alive unless told otherwise. */
  async grant(ttlSeconds: number, options: GrantOptions = {}): Promise<Lease> {
    return grantLease(this.#leases, ttlSeconds, { ...this.#defaults, ...options });
  }

  /** A lease that is there already, or may be. It is not kept alive here. */
  lease(id: bigint): Lease {
    return new Lease(this.#leases, { id: asLeaseId(id), ttlSeconds: 0, kept: null });
  }

  /** The ids of all leases, the next to end first. */
  async leases(options: CallOptions = {}): Promise<readonly bigint[]> {
    const answered = await this.#ask({ kind: "leaseLeases" }, options);
    return answerOf(answered, "leaseLeases").answer.leases;
  }

  /** Forgets what was before `revision`; with `physical` it is answered once that is gone. */
  async compact(
    revision: number,
    options: WriteOptions & { readonly physical?: boolean | undefined } = {},
  ): Promise<void> {
    const { physical = false } = options;
    await this.#ask({ kind: "compact", revision, physical }, options);
  }

  async members(
    options: CallOptions & { readonly serializable?: boolean | undefined } = {},
  ): Promise<readonly MemberInfo[]> {
    const { serializable = false } = options;
    const answered = await this.#ask({ kind: "memberList", linearizable: !serializable }, options);
    return membersOf(answerOf(answered, "members").answer);
  }

  /** What the leader says of itself. */
  async status(options: CallOptions = {}): Promise<ClusterStatus> {
    const answered = await this.#ask({ kind: "status" }, options);
    return statusOf(answered.header, answerOf(answered, "status").answer);
  }

  /** Ends what is under way, watches and keepalives. Leases end by themselves, and locks with them. */
  close(): void {
    this.#within.keeper.close();
    this.#within.sessions.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get #keys(): KeySpace {
    return this.#within.keys;
  }

  get #leases(): LeaseContext {
    const { sessions: link, keeper, keys } = this.#within;
    return { link, keeper, keys, platform: this.#platform };
  }

  get #defaults(): CallOptions {
    const { timeoutMs } = this.#options;
    return timeoutMs === undefined ? {} : { timeoutMs };
  }

  #ask(request: SessionRequest, options: ReadOptions & WriteOptions): Promise<Answered> {
    return this.#within.sessions.ask(request, askOptionsOf({ ...this.#defaults, ...options }));
  }
}

/** The whole of a cluster, with sessions of its own. */
function everything(options: EdgekeeperOptions, platform: ClientPlatform): Within {
  const source = new TokenSource({ ...options, platform });
  const { url, cluster } = options;
  const sessions = new Sessions({
    url,
    ...(cluster === undefined ? {} : { cluster }),
    platform,
    ...(options.token === undefined && options.user === undefined
      ? {}
      : { tokens: () => source.shown() }),
    ...(options.user === undefined ? {} : { renew: () => source.renew() }),
    diagnose: (shown) => source.diagnose(shown),
  });
  return { sessions, keeper: new LeaseKeeper(sessions, platform), keys: new KeySpace(EMPTY) };
}

const isTooLarge = (error: unknown): boolean =>
  error instanceof EdgekeeperError && error.refusal === "answerTooLarge";
