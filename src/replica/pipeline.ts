// Owns one client's requests within its session: which wait, which are under way, and what of their
// answers the client has not taken yet.

import type { SessionCall } from "../api/session-call.ts";
import { answerWeight, type ReceiverFrame, type ReplicaFrame } from "../api/session.ts";
import {
  SESSION_ANSWER_CREDIT_BYTES,
  SESSION_HEAVY_WRITES_MAX,
  SESSION_REQUEST_BYTES_MAX,
  SESSION_REQUESTS_MAX,
  SESSION_TURNED_AWAY_MAX,
} from "../base/limits.ts";
import type { Bytes, Milliseconds } from "../base/types.ts";

type RequestFrame = Extract<ReceiverFrame, { kind: "request" }>;

/** A request that was taken in. */
export interface Asked {
  readonly request: number;
  readonly call: SessionCall;
  readonly bytes: number;
  readonly askedAt: Milliseconds;
}

export class Pipeline {
  /** In the order in which they came. */
  readonly #waiting: Asked[] = [];
  /** Reads that could be answered if there were credit, by the core's number of the call. */
  #held: number[] = [];
  /** The client's numbers of all that is not answered. */
  readonly #unanswered = new Set<number>();
  #bytes = 0;
  #heavyWrites = 0;
  #untaken = 0;
  #turnedAway = 0;
  #outbox: ReplicaFrame[] = [];

  get hasCredit(): boolean {
    return this.#untaken < SESSION_ANSWER_CREDIT_BYTES;
  }

  /** Requests that are not answered. */
  get count(): number {
    return this.#unanswered.size;
  }

  /** Bytes of those. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The client asks and asks, and takes nothing. */
  get isFlooded(): boolean {
    return this.#turnedAway > SESSION_TURNED_AWAY_MAX;
  }

  isAsked(request: number): boolean {
    return this.#unanswered.has(request);
  }

  hasRoomFor({ bytes }: RequestFrame): boolean {
    const isLone = this.#unanswered.size === 0;
    return (
      this.#unanswered.size < SESSION_REQUESTS_MAX &&
      (isLone || this.#bytes + bytes <= SESSION_REQUEST_BYTES_MAX)
    );
  }

  wait(asked: Asked): void {
    this.#unanswered.add(asked.request);
    this.#bytes += asked.bytes;
    this.#waiting.push(asked);
  }

  /** The next that may be begun, now under way; null while none may. */
  next(): Asked | null {
    const first = this.#waiting[0];
    if (first === undefined || !this.hasCredit) return null;
    const isHeavy = isHeavyWrite(first.call);
    if (isHeavy && this.#heavyWrites >= SESSION_HEAVY_WRITES_MAX) return null;
    if (isHeavy) this.#heavyWrites++;
    this.#waiting.shift();
    return first;
  }

  /** The read under the core's number `id` waits for credit. */
  hold(id: number): void {
    this.#held.push(id);
  }

  /** The next read that waited and may be answered; null while none may. */
  nextHeld(): number | null {
    return this.hasCredit ? (this.#held.shift() ?? null) : null;
  }

  /** The request that `next` gave is answered. */
  answer({ request, call, bytes }: Asked, body: Bytes): void {
    this.#unanswered.delete(request);
    this.#bytes -= bytes;
    if (isHeavyWrite(call)) this.#heavyWrites--;
    this.#say(request, body);
  }

  /** Answers a request that was not taken in. */
  turnAway(request: number, body: Bytes): void {
    this.#turnedAway++;
    this.#say(request, body);
  }

  /**
   * The client has taken answers; what it says beyond what is on the way counts for nothing.
   *
   * One that lies has its answers wait in the platform, which tells nobody how much waits there. It
   * cannot be told from one that reads: sizes can be guessed without having read, and whoever claims too
   * much may be honest, since a sleep forgets what was on the way. Proof would be something of each answer
   * that has to be said back. So the credit protects from those who are slow, and from nobody who has been
   * let in and means harm.
   */
  taken(bytes: number): void {
    this.#untaken = Math.max(0, this.#untaken - bytes);
    this.#turnedAway = 0;
  }

  takeFrames(): ReplicaFrame[] {
    const frames = this.#outbox;
    this.#outbox = [];
    return frames;
  }

  #say(request: number, body: Bytes): void {
    this.#untaken += answerWeight(body);
    this.#outbox.push({ kind: "answer", request, body });
  }
}

/** A write whose answer may be large. */
function isHeavyWrite({ request }: SessionCall): boolean {
  switch (request.kind) {
    case "put":
    case "deleteRange":
      return request.request.prevKv;
    case "txn":
      return true;
    default:
      return false;
  }
}
