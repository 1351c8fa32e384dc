// Owns the sessions of one user, who is whoever shows the same: one for requests, and as many for watches
// as these take. What watches hold back never holds back a request.

import { GATEWAY_ERRORS } from "../api/error.ts";
import { protoSize } from "../api/proto-size.ts";
import type { SessionRequest } from "../api/session-call.ts";
import { mayWrite } from "../api/may-write.ts";
import type { Answered } from "../client/requests.ts";
import { Gate } from "./gate.ts";
import { StoreSession } from "./store-session.ts";
import { UpstreamError, type CallContext } from "./upstream.ts";
import { WatchSeats, type WatchSeatsOptions } from "./watch-seats.ts";

/** A request may take so long in all, as etcd: 5 s and two election timeouts. */
const REQUEST_MS = 7_000;
/** etcd answers at once without a leader; here one is looked for first, for an election timeout. */
const LEADER_MS = 1_000;
const LOOK_MS = 100;
/**
 * An object takes the messages of a socket one after another, and the writes of each are one batch of the
 * log: so while it is at work, requests are gathered for so long and go in one message.
 */
const GATHER_MS = 3;
/** What a request takes besides its keys and values, at least; bytes. */
const REQUEST_BYTES = 64;
/** A session without requests is kept for so long: to open another takes some round trips. */
const IDLE_MS_MAX = 60_000;

export class UserSessions {
  readonly seats: WatchSeats;
  readonly #options: WatchSeatsOptions;
  readonly #gate = new Gate();
  #requests: StoreSession | null = null;
  /** Requests that the store has, as far as is known. */
  #underWay = 0;
  #next: Promise<void> | null = null;
  #usedAt = Date.now();

  constructor(options: WatchSeatsOptions) {
    this.#options = options;
    this.seats = new WatchSeats(options);
  }

  /** Whether nothing is under way. */
  get isIdle(): boolean {
    return this.#gate.isEmpty && this.seats.isEmpty;
  }

  get isClosed(): boolean {
    return this.isIdle && this.#requests === null;
  }

  /** @throws UpstreamError */
  async ask(request: SessionRequest, context: CallContext): Promise<Answered> {
    this.#usedAt = Date.now();
    const end = this.#usedAt + Math.min(REQUEST_MS, context.timeoutMs ?? REQUEST_MS);
    const patience = (): AbortSignal =>
      AbortSignal.any([context.signal, AbortSignal.timeout(REQUEST_MS)]);
    const leave = await this.#gate.enter(REQUEST_BYTES + protoSize(request), patience);
    if (this.#underWay > 0) await this.#departure();
    const timeoutMs = end - Date.now();
    if (leave === null || timeoutMs <= 0) {
      leave?.();
      throw told(GATEWAY_ERRORS.overloaded);
    }
    const session = this.#session();
    this.#underWay++;
    const leader = context.needsLeader ? new LeaderWatch(session, request) : null;
    try {
      const { idempotencyKey } = context;
      const named = idempotencyKey === null ? {} : { idempotencyKey };
      const asked = session.ask(request, { timeoutMs, ...named });
      const answered = await (leader === null ? asked : Promise.race([asked, leader.unled]));
      this.seats.heardRevision(answered.header.revision);
      return answered;
    } finally {
      leader?.end();
      this.#underWay--;
      this.#usedAt = Date.now();
      leave();
    }
  }

  /** When all that wait leave together. */
  #departure(): Promise<void> {
    this.#next ??= new Promise((resolve) => {
      setTimeout(() => {
        this.#next = null;
        resolve();
      }, GATHER_MS);
    });
    return this.#next;
  }

  closeIdle(now: number): void {
    this.seats.closeDeserted(now);
    if (this.#gate.isEmpty && now - this.#usedAt >= IDLE_MS_MAX) this.#closeRequests();
  }

  close(): void {
    this.#closeRequests();
    this.seats.close();
  }

  #session(): StoreSession {
    const { url, headers } = this.#options;
    this.#requests ??= new StoreSession({
      url,
      headers,
      isPatient: false,
      // Whoever asks next tries again.
      onFailed: () => (this.#requests = null),
    });
    return this.#requests;
  }

  #closeRequests(): void {
    this.#requests?.close();
    this.#requests = null;
  }
}

/** Looks whether a leader is found for as long as whoever needs one would wait. */
class LeaderWatch {
  readonly #unled = Promise.withResolvers<never>();
  readonly #timer: NodeJS.Timeout;

  constructor(session: StoreSession, request: SessionRequest) {
    const askedAt = Date.now();
    this.#unled.promise.catch(() => {});
    this.#timer = setInterval(() => {
      const { downSince } = session;
      // A write that was sent may have reached a leader: nobody may say that there is none.
      const isUnsent = downSince !== null && (downSince <= askedAt || !mayWrite(request));
      if (!isUnsent || Date.now() - Math.max(downSince, askedAt) < LEADER_MS) return;
      this.#unled.reject(told(GATEWAY_ERRORS.noLeader));
    }, LOOK_MS);
  }

  /** Rejects when there is none. */
  get unled(): Promise<never> {
    return this.#unled.promise;
  }

  end(): void {
    clearInterval(this.#timer);
  }
}

const told = ({ code, message }: { readonly code: number; readonly message: string }) =>
  new UpstreamError(code, message);
