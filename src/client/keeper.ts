// Owns keeping leases alive: one timer for all of a client's, a request for each every third of its
// TTL. By its own clock, and from when it asked, it also knows when a lease can no longer be relied on.

import { GRPC } from "../api/grpc-code.ts";
import type { LeaseId } from "../base/types.ts";
import { EdgekeeperError, unavailable } from "./error.ts";
import type { Link } from "./link.ts";
import type { ClientPlatform } from "./platform.ts";

/** A lease that is kept alive. */
export interface KeptLease {
  readonly id: LeaseId;
  readonly lost: AbortController;
  /** Until when it is sure to live, by the platform's clock; ms. */
  deadline: number;
  /** When it is to be kept alive next. */
  dueAt: number;
  isAsking: boolean;
}

/** Keepalives in each TTL, as etcd's client. */
const KEEPALIVES_PER_TTL = 3;
/** After one that failed; ms. */
const RETRY_MS = 500;
/** What timers can do; ms. */
const SLEEP_MS_MAX = 2 ** 31 - 1;

export class LeaseKeeper {
  readonly #link: Link;
  readonly #platform: ClientPlatform;
  readonly #leases = new Set<KeptLease>();
  #isRunning = false;
  /** Ends the current sleep. */
  #alarm = new AbortController();

  constructor(link: Link, platform: ClientPlatform) {
    this.#link = link;
    this.#platform = platform;
  }

  /** Keeps a lease alive that had `ttlSeconds` at `askedAt`, until it is dropped or lost. */
  keep(id: LeaseId, { ttlSeconds, askedAt }: { ttlSeconds: number; askedAt: number }): KeptLease {
    const lost = new AbortController();
    const lease = { id, lost, deadline: 0, dueAt: 0, isAsking: false };
    lives(lease, ttlSeconds, askedAt);
    this.#leases.add(lease);
    this.#alarm.abort();
    void this.#run();
    return lease;
  }

  /** Keeps it alive no longer. It is lost to whoever relied on that. */
  drop(lease: KeptLease, reason: EdgekeeperError): void {
    if (this.#leases.delete(lease)) lease.lost.abort(reason);
    this.#alarm.abort();
  }

  close(): void {
    for (const lease of this.#leases)
      this.drop(lease, unavailable("edgekeeper: the client is closed"));
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const { clock, sleep } = this.#platform;
    while (this.#leases.size > 0) {
      this.#alarm = new AbortController();
      for (const lease of this.#leases) this.#attend(lease);
      const wakeAt = Math.min(...[...this.#leases].map((lease) => nextOf(lease)));
      const ms = Math.max(0, Math.min(wakeAt - clock(), SLEEP_MS_MAX));
      if (this.#leases.size > 0) await sleep(ms, this.#alarm.signal);
    }
    this.#isRunning = false;
  }

  #attend(lease: KeptLease): void {
    const now = this.#platform.clock();
    if (lease.deadline <= now) this.drop(lease, leaseLost(lease.id));
    else if (lease.dueAt <= now && !lease.isAsking) void this.#ask(lease);
  }

  async #ask(lease: KeptLease): Promise<void> {
    const { clock } = this.#platform;
    const askedAt = clock();
    lease.isAsking = true;
    try {
      const { answer } = await this.#link.ask(
        { kind: "leaseKeepAlive", id: lease.id },
        { timeoutMs: lease.deadline - askedAt },
      );
      const { ttlSeconds } = answer;
      if (ttlSeconds <= 0) this.drop(lease, leaseLost(lease.id));
      else lives(lease, ttlSeconds, askedAt);
    } catch {
      // Whatever it was: what counts is whether one is acknowledged in time.
      lease.dueAt = clock() + RETRY_MS;
    }
    lease.isAsking = false;
    this.#alarm.abort();
  }
}

/** It was given so much more at `askedAt`, at the earliest. */
function lives(lease: KeptLease, ttlSeconds: number, askedAt: number): void {
  lease.deadline = askedAt + ttlSeconds * 1_000;
  lease.dueAt = askedAt + (ttlSeconds * 1_000) / KEEPALIVES_PER_TTL;
}

const nextOf = ({ isAsking, dueAt, deadline }: KeptLease): number =>
  isAsking ? deadline : Math.min(dueAt, deadline);

export const leaseLost = (id: bigint): EdgekeeperError =>
  new EdgekeeperError(`edgekeeper: lease ${id.toString(16)} is lost`, {
    code: GRPC.notFound,
    refusal: "leaseNotFound",
  });
