// Owns the client as its users see it: one object for a cluster, or for a namespace in it. What each
// call means is in files of their own; here they get the sessions that carry them.
/// <reference lib="esnext.disposable" preserve="true" />

import { EMPTY } from "../base/bytes.ts";
import { successor } from "../base/interval.ts";
import type { SessionRequest } from "../api/session-call.ts";
import type { Place } from "./address.ts";
import { Election } from "./election.ts";
import { isRefused } from "./error.ts";
import { LeaseKeeper } from "./keeper.ts";
import type { KeyValue } from "./key-value.ts";
import { KeySpace, type BytesLike, type Selection } from "./keys.ts";
import { grantLease, Lease, type GrantOptions, type LeaseContext } from "./lease.ts";
import { Sessions, type AnswerTo } from "./link.ts";
import { contend, SESSION_EXPIRED, type Lock, type LockOptions } from "./lock.ts";
import {
  askOptionsOf,
  deleteRequest,
  deleteResult,
  leaseIdOf,
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
import type { ClusterStatus, MemberInfo } from "./cluster.ts";
import { TokenSource, type UserPassword } from "./tokens.ts";
import { Txn, txnRequest, txnResult } from "./txn.ts";
import { TypedKeys, type Codec } from "./typed.ts";
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
  /** What it takes from the world. */
  readonly platform: ClientPlatform;
  readonly #within: Within;

  /** `within` is for namespaces. */
  constructor(options: EdgekeeperOptions, within?: Within) {
    this.#options = options;
    this.platform = options.platform ?? WEB_PLATFORM;
    this.#within = within ?? everything(options, this.platform);
  }

  /** The same with keys that begin with `prefix`, named without it. It is closed with this one. */
  namespace(prefix: BytesLike): Edgekeeper {
    const keys = this.#within.keys.within(prefix);
    return new Edgekeeper(this.#options, { ...this.#within, keys });
  }

  async put(key: BytesLike, value: BytesLike, options: PutOptions = {}): Promise<PutResult> {
    const request = putRequest(this.#keys, { key, value }, options);
    const { answer, revision } = await this.#ask({ kind: "put", request }, options);
    return putResult(this.#keys, answer, revision);
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
    const { answer, revision } = await this.#ask({ kind: "range", request, serializable }, options);
    return rangeResult(this.#keys, answer, revision);
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
        if (limit === 1 || !isRefused(error, "answerTooLarge")) throw error;
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
    const { answer, revision } = await this.#ask({ kind: "deleteRange", request }, options);
    return deleteResult(this.#keys, answer, revision);
  }

  /** Begins to put a transaction together; `commit` sends it. */
  txn(): Txn {
    return new Txn(async (branches, options) => {
      const request = txnRequest(this.#keys, branches);
      const { answer, revision } = await this.#ask({ kind: "txn", request }, options);
      return txnResult(this.#keys, answer, revision);
    });
  }

  /** Watches from this moment on, or from a revision. Iterate over it. */
  watch(selection: Selection, options: WatchOptions = {}): Watch {
    const { fromRevision = 0, previous = false, progress = false, filters = [], signal } = options;
    const spec = {
      ...this.#keys.range(selection),
      startRevision: Math.trunc(fromRevision),
      prevKv: previous,
      progressNotify: progress,
      noPut: filters.includes("noPut"),
      noDelete: filters.includes("noDelete"),
    };
    return new Watch(this.#within.sessions, { keys: this.#keys, spec, signal });
  }

  /** Grants a lease, and keeps it alive unless told otherwise. */
  async grant(ttlSeconds: number, options: GrantOptions = {}): Promise<Lease> {
    return grantLease(this.#leases, ttlSeconds, this.#timed(options));
  }

  /** A lease that is there already, or may be. It is not kept alive here. */
  lease(id: bigint): Lease {
    return new Lease(this.#leases, { id: leaseIdOf(id), ttlSeconds: 0, kept: null });
  }

  /** The ids of all leases, the next to end first. */
  async leases(options: CallOptions = {}): Promise<readonly bigint[]> {
    return (await this.#ask({ kind: "leaseLeases" }, options)).answer.leases;
  }

  /**
   * The lock `name`, once it is held, for as long as it is not unlocked and this client lives. It is
   * etcd's: `etcdctl lock` and others wait for it as well.
   */
  lock(name: BytesLike, options?: LockOptions & { readonly wait?: true }): Promise<Lock>;
  /** Null when somebody else holds it, and `wait` is false. */
  lock(name: BytesLike, options: LockOptions): Promise<Lock | null>;
  lock(name: BytesLike, options: LockOptions = {}): Promise<Lock | null> {
    return contend(this, { name, value: "", expired: SESSION_EXPIRED }, options);
  }

  /** The election `name`, which is etcd's as well. */
  election(name: BytesLike): Election {
    return new Election(this, name);
  }

  /** The same keys, whose values are what `codec` makes of them. */
  typed<T>(codec: Codec<T>): TypedKeys<T> {
    return new TypedKeys(this, codec);
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
    const request = { kind: "memberList", linearizable: !serializable } as const;
    return (await this.#ask(request, options)).answer.members;
  }

  /** What the leader says of itself. */
  async status(options: CallOptions = {}): Promise<ClusterStatus> {
    const { answer, header } = await this.#ask({ kind: "status" }, options);
    return { ...answer, ...header };
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
    return { link, keeper, keys, platform: this.platform };
  }

  #ask<Kind extends SessionRequest["kind"]>(
    request: Extract<SessionRequest, { kind: Kind }>,
    options: ReadOptions & WriteOptions,
  ): Promise<AnswerTo<Kind>> {
    return this.#within.sessions.ask(request, askOptionsOf(this.#timed(options)));
  }

  /** With the time limit of the client, where the call has none. */
  #timed<Options extends CallOptions>(options: Options): Options {
    return { ...options, timeoutMs: options.timeoutMs ?? this.#options.timeoutMs };
  }
}

/** The whole of a cluster, with sessions of its own. */
function everything(options: EdgekeeperOptions, platform: ClientPlatform): Within {
  const source = new TokenSource({ ...options, platform });
  const { url, cluster, token, user } = options;
  const sessions = new Sessions({
    url,
    cluster,
    platform,
    tokens: token === undefined && user === undefined ? undefined : () => source.shown(),
    renew: user === undefined ? undefined : () => source.renew(),
    diagnose: () => source.diagnose(),
  });
  return { sessions, keeper: new LeaseKeeper(sessions, platform), keys: new KeySpace(EMPTY) };
}
