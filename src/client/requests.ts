// Owns the requests of a client's session across connections: each is repeated with the same request
// id only, until it has an outcome or its time is over. It sends nothing itself.

import { decodeSessionAnswer } from "../api/session-answer-codec.ts";
import type { SessionAnswer, SessionCall, SessionResult } from "../api/session-call.ts";
import { GRPC } from "../api/grpc-code.ts";
import type { Header } from "../api/replica.ts";
import type { ReceiverFrame } from "../api/session.ts";
import { TURNED_AWAY } from "../api/turned-away.ts";
import { SESSION_REQUESTS_MAX } from "../base/limits.ts";
import type { Refusal } from "../base/refusal.ts";
import type { Bytes } from "../base/types.ts";
import { EdgekeeperError } from "./error.ts";

/** An answer, with etcd's header. */
export interface Answered {
  readonly header: Header;
  readonly result: SessionResult;
}

interface Pending {
  readonly call: SessionCall;
  readonly deadline: number;
  readonly outcome: PromiseWithResolvers<Answered>;
  /** On the connection that there is. */
  isSent: boolean;
  /** An attempt broke, or had no outcome: what it asked for may have happened. */
  isFateUnknown: boolean;
  /** It was refused because of what its session had shown, and goes on with something newer. */
  isRenewed: boolean;
}

/** What its owner does after an answer; `renew`: open another session, and show other tokens there. */
export type Next = "send" | "reopen" | "renew";

/** What a session may be refused for that shows another token the next time. */
const STALE_TOKEN: readonly Refusal[] = ["invalidAuthToken", "authRevisionOld"];

export class Requests {
  readonly #canRenew: boolean;
  readonly #pending = new Map<number, Pending>();
  #sent = 0;
  #last = 0;

  /** `canRenew`: a token that is refused as out of date can be replaced by another. */
  constructor({ canRenew }: { readonly canRenew: boolean }) {
    this.#canRenew = canRenew;
  }

  get isEmpty(): boolean {
    return this.#pending.size === 0;
  }

  /** Once `signal` aborts, nobody waits any more: the answer is its reason. */
  add(call: SessionCall, now: number, signal?: AbortSignal): Promise<Answered> {
    const outcome = Promise.withResolvers<Answered>();
    const deadline = now + call.timeoutMs;
    const state = { isSent: false, isFateUnknown: false, isRenewed: false };
    const request = ++this.#last;
    this.#pending.set(request, { call, deadline, outcome, ...state });
    if (signal === undefined) return outcome.promise;
    const abort = (): void => {
      this.#remove(request);
      outcome.reject(signal.reason);
    };
    signal.addEventListener("abort", abort);
    return outcome.promise.finally(() => signal.removeEventListener("abort", abort));
  }

  /** Those to be sent now: as many as a replica takes at once, the oldest first. */
  takeUnsent(now: number): ReceiverFrame[] {
    const frames: ReceiverFrame[] = [];
    if (this.#sent === this.#pending.size) return frames;
    for (const [request, pending] of this.#pending) {
      if (this.#sent >= SESSION_REQUESTS_MAX) break;
      const timeoutMs = Math.ceil(pending.deadline - now);
      if (pending.isSent || timeoutMs <= 0) continue;
      pending.isSent = true;
      this.#sent++;
      frames.push({ kind: "request", request, call: { ...pending.call, timeoutMs }, bytes: 0 });
    }
    return frames;
  }

  /** The connection is gone: what was on it is sent again on the next. */
  disconnected(): void {
    for (const pending of this.#pending.values()) this.#unsend(pending, { isLost: true });
  }

  /** Ends those whose time is over. */
  expire(now: number): void {
    for (const [request, { deadline }] of this.#pending) {
      if (deadline <= now) this.#timeOut(request);
    }
  }

  /** Ends all. */
  fail(error: EdgekeeperError): void {
    for (const { outcome } of this.#pending.values()) outcome.reject(error);
    this.#pending.clear();
    this.#sent = 0;
  }

  /** @throws CodecError when the body is no answer. */
  heard(request: number, body: Bytes): Next {
    const pending = this.#pending.get(request);
    // Its time was over, and its caller was told so.
    if (pending === undefined) return "send";
    const answer = decodeSessionAnswer(body);
    switch (answer.kind) {
      case "redirect":
        this.#unsend(pending, { isLost: false });
        return "reopen";
      case "overwritten":
        this.#unsend(pending, { isLost: false });
        return "send";
      case "timeout":
        this.#unsend(pending, { isLost: true });
        this.#timeOut(request);
        return "send";
      default:
        if (this.#isRenewable(pending, answer)) return "renew";
        this.#settle(request, pending, answer);
        return "send";
    }
  }

  /** Once for each request: what is refused with a token that is new stays refused. */
  #isRenewable(pending: Pending, answer: SessionAnswer): boolean {
    if (!this.#canRenew || pending.isRenewed || answer.kind !== "refused") return false;
    if (answer.refusal === null || !STALE_TOKEN.includes(answer.refusal)) return false;
    pending.isRenewed = true;
    this.#unsend(pending, { isLost: false });
    return true;
  }

  #settle(
    request: number,
    pending: Pending,
    answer: Extract<SessionAnswer, { kind: "answered" | "refused" | "unsupported" }>,
  ): void {
    const { outcome, isFateUnknown } = pending;
    this.#remove(request);
    if (answer.kind === "answered") {
      outcome.resolve({ header: answer.header, result: answer.result });
    } else if (answer.kind === "unsupported") {
      const about = { code: GRPC.unimplemented, isFateUnknown };
      outcome.reject(
        new EdgekeeperError("edgekeeper: the replica does not know the request", about),
      );
    } else if (isFateUnknown && isTurnedAway(answer.refusal)) {
      // It says that nothing has happened, which an earlier attempt may belie.
      outcome.reject(timeout({ isFateUnknown }));
    } else {
      const { code, refusal, message } = answer;
      outcome.reject(new EdgekeeperError(message, { code, refusal, isFateUnknown: false }));
    }
  }

  #timeOut(request: number): void {
    const { outcome, isSent, isFateUnknown } = this.#pending.get(request)!;
    this.#remove(request);
    outcome.reject(timeout({ isFateUnknown: isSent || isFateUnknown }));
  }

  #remove(request: number): void {
    if (this.#pending.get(request)?.isSent === true) this.#sent--;
    this.#pending.delete(request);
  }

  #unsend(pending: Pending, { isLost }: { readonly isLost: boolean }): void {
    if (!pending.isSent) return;
    pending.isSent = false;
    pending.isFateUnknown ||= isLost;
    this.#sent--;
  }
}

/** One that is not known may be of those as well. */
const isTurnedAway = (refusal: Refusal | null): boolean =>
  refusal === null || TURNED_AWAY.includes(refusal);

const timeout = (about: { readonly isFateUnknown: boolean }): EdgekeeperError =>
  new EdgekeeperError("etcdserver: request timed out", { code: GRPC.deadlineExceeded, ...about });
