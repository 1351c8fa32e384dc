// Owns a client that lives by leases: it grants one, attaches a key, keeps it alive for a while, and
// then revokes it or lets it expire. What it was promised is checked against when its key went.

import type { ClientRequest } from "../../../src/api/replica.ts";
import { encodeUtf8 } from "../../../src/base/bytes.ts";
import { asLeaseId, type LeaseId } from "../../../src/base/types.ts";
import type { Chance } from "../chance.ts";
import { must } from "../world.ts";
import type { ClientOptions } from "./kv-client.ts";
import type { Result } from "./router.ts";

/** One lease as its client knows it. */
export interface LeaseRecord {
  readonly id: LeaseId;
  readonly key: string;
  readonly ttlMs: number;
  /** When calls began that were answered "alive", each a promise of one TTL from then on. */
  readonly promises: number[];
  /** The revision of the key's put; null while unknown. */
  attachedAt: number | null;
  /** Its end was asked for, so that its key may go at any time from then on. */
  revokeAsked: boolean;
  /** Nobody keeps it alive any more. */
  isLeft: boolean;
}

export class LeaseClient {
  readonly records: LeaseRecord[] = [];
  readonly #options: ClientOptions;
  readonly #chance: Chance;
  #isStopped = false;
  isIdle = true;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#chance = options.world.streams.stream(`lease ${options.router.client}`);
  }

  start(): void {
    const { world, off } = this.#options;
    if (off.has("lease")) return;
    world.schedule.after(this.#chance.between(50, 2_000), () => {
      if (!this.#isStopped) this.#grant();
    });
  }

  /** Grants nothing more, and keeps nothing alive. */
  stop(): void {
    this.#isStopped = true;
    for (const record of this.records) record.isLeft = true;
  }

  #grant(): void {
    const { router } = this.#options;
    const number = this.records.length + 1;
    const id = asLeaseId(BigInt(-router.client * 1_000 + number));
    const ttlSeconds = this.#chance.between(2, 6);
    const record: LeaseRecord = {
      id,
      key: `l${-router.client}-${number}`,
      ttlMs: ttlSeconds * 1_000,
      promises: [],
      attachedAt: null,
      revokeAsked: false,
      isLeft: false,
    };
    this.records.push(record);
    const keepMs = this.#chance.pick([0, 3_000, 8_000, 30_000]);
    this.#ask(record, { kind: "leaseGrant", id, ttlSeconds }, (result) => {
      if (result.kind !== "answered") return this.#leave(record);
      this.#attach(record, keepMs);
    });
  }

  #attach(record: LeaseRecord, keepMs: number): void {
    const { router, world } = this.#options;
    const key = encodeUtf8(record.key);
    const put = { key, value: encodeUtf8(record.key), lease: record.id };
    const options = { prevKv: false, ignoreValue: false, ignoreLease: false };
    const until = world.schedule.now + keepMs;
    router.ask({ kind: "put", request: { ...put, ...options } }, (result) => {
      if (result.kind === "answered") record.attachedAt = result.revision;
      this.#keep(record, until);
    });
  }

  #keep(record: LeaseRecord, until: number): void {
    const { world } = this.#options;
    const pauseMs = record.ttlMs * this.#chance.pick([0.2, 0.4, 0.8, 0.97]);
    world.schedule.after(pauseMs, () => {
      if (this.#isStopped) return this.#leave(record);
      if (world.schedule.now > until) return this.#end(record);
      this.#ask(record, { kind: "leaseKeepAlive", id: record.id }, (result) => {
        const isGone = result.kind === "answered" && ttlOf(result) === 0;
        if (isGone) return this.#leave(record);
        this.#keep(record, until);
      });
    });
  }

  #end(record: LeaseRecord): void {
    if (this.#chance.next() < 0.6) return this.#leave(record);
    record.revokeAsked = true;
    this.#options.router.ask({ kind: "leaseRevoke", id: record.id }, (result) => {
      if (result.kind === "answered") this.#options.world.mark("lease revoked");
      this.#leave(record);
    });
  }

  #leave(record: LeaseRecord): void {
    record.isLeft = true;
    this.start();
  }

  /** Asks, and takes note of a promise. */
  #ask(record: LeaseRecord, request: ClientRequest, done: (result: Result) => void): void {
    const { router, world } = this.#options;
    const began = world.schedule.now;
    router.ask(request, (result) => {
      const ttl = result.kind === "answered" ? ttlOf(result) : 0;
      must(ttl === 0 || ttl === record.ttlMs / 1_000, `lease ${record.id} has its TTL, not ${ttl}`);
      if (ttl > 0) record.promises.push(began);
      world.trace.note("lease", Number(record.id), ttl);
      done(result);
    });
  }
}

function ttlOf(result: Result & { kind: "answered" }): number {
  const { answer } = result;
  const isLease = answer.kind === "leaseGrant" || answer.kind === "leaseKeepAlive";
  return isLease ? answer.answer.ttlSeconds : 0;
}
