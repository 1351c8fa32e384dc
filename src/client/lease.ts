// Owns a lease as its holder sees it.

import { asLeaseId, type LeaseId } from "../base/types.ts";
import { unlessLeaseIsGone } from "./error.ts";
import type { KeySpace } from "./keys.ts";
import { leaseLost, type KeptLease, type LeaseKeeper } from "./keeper.ts";
import type { Link } from "./link.ts";
import { askOptionsOf, leaseIdOf, type CallOptions, type WriteOptions } from "./operations.ts";
import type { ClientPlatform } from "./platform.ts";

export interface GrantOptions extends WriteOptions {
  /** Its id; absent: one that nobody can guess. */
  readonly id?: bigint | undefined;
  /** Whether to keep it alive until it is revoked, or the client closed. Yes unless said. */
  readonly keepAlive?: boolean | undefined;
}

export interface TimeToLive {
  /** Seconds left, rounded down; -1 when there is no such lease. */
  readonly ttlSeconds: number;
  readonly grantedTtlSeconds: number;
  /** Keys that end with it; empty unless asked for. */
  readonly keys: readonly Uint8Array[];
}

/** What leases are made with. */
export interface LeaseContext {
  readonly link: Link;
  readonly keeper: LeaseKeeper;
  readonly platform: ClientPlatform;
  readonly keys: KeySpace;
}

export class Lease {
  readonly id: bigint;
  /** What it was granted for; 0 of one that is only referred to. */
  readonly ttlSeconds: number;
  /**
   * Aborts when the lease can no longer be relied on: revoked, gone, or not kept alive in time by this
   * machine's clock. One that is not kept alive here never says so.
   */
  readonly lost: AbortSignal;
  readonly #context: LeaseContext;
  readonly #kept: KeptLease | null;

  constructor(
    context: LeaseContext,
    { id, ttlSeconds, kept }: { id: LeaseId; ttlSeconds: number; kept: KeptLease | null },
  ) {
    this.#context = context;
    this.#kept = kept;
    this.id = id;
    this.ttlSeconds = ttlSeconds;
    this.lost = kept?.lost.signal ?? new AbortController().signal;
  }

  /** Ends it, and deletes its keys. @throws EdgekeeperError `leaseNotFound` when there is none. */
  async revoke(options: WriteOptions = {}): Promise<void> {
    const id = asLeaseId(this.id);
    if (this.#kept !== null) this.#context.keeper.drop(this.#kept, leaseLost(id));
    await this.#context.link.ask({ kind: "leaseRevoke", id }, askOptionsOf(options));
  }

  /** Keeps it alive once; resolves to the seconds that it has, 0 when it is gone. */
  async keepAliveOnce(options: CallOptions = {}): Promise<number> {
    const request = { kind: "leaseKeepAlive", id: asLeaseId(this.id) } as const;
    const { answer } = await this.#context.link.ask(request, askOptionsOf(options));
    return answer.ttlSeconds;
  }

  /** How long it has, and with `keys` what ends with it. */
  async timeToLive(options: CallOptions & { readonly keys?: boolean } = {}): Promise<TimeToLive> {
    const { keys = false } = options;
    const request = { kind: "leaseTimeToLive", id: asLeaseId(this.id), keys } as const;
    const { answer } = await this.#context.link.ask(request, askOptionsOf(options));
    return {
      ttlSeconds: answer.ttlSeconds,
      grantedTtlSeconds: answer.grantedTtlSeconds,
      keys: this.#context.keys.own(answer.keys),
    };
  }

  /** Revokes it, unless it is gone already. */
  [Symbol.asyncDispose](): Promise<void> {
    return unlessLeaseIsGone(this.revoke());
  }
}

/** Grants a lease. @throws EdgekeeperError; the reason of the signal. */
export async function grantLease(
  context: LeaseContext,
  ttlSeconds: number,
  options: GrantOptions,
): Promise<Lease> {
  const { link, keeper, platform } = context;
  const id = leaseIdOf(options.id ?? randomId(platform));
  const askedAt = platform.clock();
  const { answer } = await link.ask({ kind: "leaseGrant", id, ttlSeconds }, askOptionsOf(options));
  const { ttlSeconds: granted } = answer;
  const kept =
    options.keepAlive === false ? null : keeper.keep(id, { ttlSeconds: granted, askedAt });
  return new Lease(context, { id, ttlSeconds: granted, kept });
}

/** Of 63 bits, as etcd's servers pick them; 0 would be none. */
function randomId({ random }: ClientPlatform): bigint {
  const bytes = random(8);
  const bits = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0);
  return BigInt.asUintN(63, bits) || 1n;
}
