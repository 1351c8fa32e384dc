// Owns the requests of a client's session across connections: each is repeated with the same request
// id only, until it has an outcome or its time is over. It sends nothing itself.

import { decodeSessionAnswer } from "../api/session-answer-codec.ts";
import type { SessionAnswer, SessionCall, SessionResult } from "../api/session-call.ts";
import { GRPC, type GrpcCode } from "../api/error.ts";
import type { Header } from "../api/replica.ts";
import type { ReceiverFrame } from "../api/session.ts";
import { TURNED_AWAY } from "../api/turned-away.ts";
import { SESSION_REQUESTS_MAX } from "../base/limits.ts";
import type { Refusal } from "../base/refusal.ts";
import type { Bytes } from "../base/types.ts";

/** An answer, with etcd's header. */
export interface Answered {
  readonly header: Header;
  readonly result: SessionResult;
}

/** Why there is none. */
export class SessionError extends Error {
  override readonly name = "SessionError";
  readonly code: GrpcCode;
  readonly refusal: Refusal | null;
  /** The write may have happened, or may yet. */
  readonly isFateUnknown: boolean;

  constructor(
    message: string,
    about: {
      readonly code: GrpcCode;
      readonly refusal?: Refusal | null;
      readonly isFateUnknown: boolean;
    },
  ) {
    super(message);
    this.code = about.code;
    this.refusal = about.refusal ?? null;
    this.isFateUnknown = about.isFateUnknown;
  }
}

interface Pending {
  readonly call: SessionCall;
  readonly deadline: number;
  readonly outcome: PromiseWithResolvers<Answered>;
  /** On the connection that there is. */
  isSent: boolean;
  /** An attempt broke, or had no outcome: what it asked for may have happened. */
  isFateUnknown: boolean;
}

/** What its owner does after an answer. */
export type Next = "nothing" | "send" | "reopen";

export class Requests {
  readonly #pending = new Map<number, Pending>();
  #sent = 0;
  #last = 0;

  get isEmpty(): boolean {
    return this.#pending.size === 0;
  }

  add(call: SessionCall, now: number): Promise<Answered> {
    const outcome = Promise.withResolvers<Answered>();
    const deadline = now + call.timeoutMs;
    const state = { isSent: false, isFateUnknown: false };
    this.#pending.set(++this.#last, { call, deadline, outcome, ...state });
    return outcome.promise;
  }

  /** Those to be sent now: as many as a replica takes at once, the oldest first. */
  takeUnsent(now: number): ReceiverFrame[] {
    const frames: ReceiverFrame[] = [];
    if (this.#sent === this.#pending.size) return frames;
    for (const [request, pending] of this.#pending) {
      if (this.#sent >= SESSION_REQUESTS_MAX) break;
      const timeoutMs = pending.deadline - now;
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
  fail(error: SessionError): void {
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
        this.#settle(request, pending, answer);
        return "send";
    }
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
      outcome.reject(new SessionError("edgekeeper: the replica does not know the request", about));
    } else if (isFateUnknown && isTurnedAway(answer.refusal)) {
      // It says that nothing has happened, which an earlier attempt may belie.
      outcome.reject(timeout({ isFateUnknown }));
    } else {
      const { code, refusal, message } = answer;
      outcome.reject(new SessionError(message, { code, refusal, isFateUnknown: false }));
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

const timeout = (about: { readonly isFateUnknown: boolean }): SessionError =>
  new SessionError("etcdserver: request timed out", { code: GRPC.deadlineExceeded, ...about });
