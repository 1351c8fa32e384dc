// Owns the requests that clients make within their sessions: any number at once up to a bound, each
// a call like those of the router, answered in whatever order their outcomes come.
//
// Nothing is begun, and no read answered, for a client that does not take its answers: so its
// requests cost what they weigh, and its answers no more than the credit and the one that exceeds it.

import type { Header, ReplicaAnswer, ReplicaCall } from "../api/replica.ts";
import { encodeSessionAnswer, refusedAnswer } from "../api/session-answer-codec.ts";
import { SESSION_RESULTS, type SessionAnswer, type SessionResult } from "../api/session-call.ts";
import type { SessionIdentity } from "../api/session-identity.ts";
import type { ReceiverFrame } from "../api/session.ts";
import { assert } from "../base/assert.ts";
import { SESSION_TIMEOUT_MS_MAX, SESSIONS_REQUEST_BYTES_MAX } from "../base/limits.ts";
import type { Milliseconds } from "../base/types.ts";
import type { ServedRequest, SessionEffects } from "./effects.ts";
import { Pipeline, type Asked } from "./pipeline.ts";

type RequestFrame = Extract<ReceiverFrame, { kind: "request" }>;

/**
 * The core's numbers of these calls begin here: the shell counts its own from 1 up, and whoever waits to
 * be assured of something from -1 down.
 */
const FIRST_CALL = 2 ** 52;

/** How a request is served; the core's number names it. */
export interface Server {
  begin(id: number, call: ReplicaCall): void;
  /** Answers a read that was held back. */
  resume(id: number): void;
}

interface Client {
  /** Null: the router's own session, in which nobody asks anything. */
  readonly identity: SessionIdentity | null;
  readonly pipeline: Pipeline;
}

interface Served {
  readonly session: number;
  readonly pipeline: Pipeline;
  readonly asked: Asked;
}

export class Pipelines {
  readonly #server: Server;
  readonly #header: () => Header;
  readonly #clients = new Map<number, Client>();
  /** Under way, by the core's number. */
  readonly #calls = new Map<number, Served>();
  /** Sessions that may have something to begin, to go on with, or to say. */
  readonly #stirring = new Set<number>();
  readonly #outgoing = new Set<number>();
  #served: ServedRequest[] = [];
  #nextCall = FIRST_CALL;
  /** Of all requests of all sessions that are not answered. */
  #bytes = 0;

  constructor(server: Server, header: () => Header) {
    this.#server = server;
    this.#header = header;
  }

  /** Whether anybody waits for an answer. */
  get areAsked(): boolean {
    return this.#calls.size > 0;
  }

  open(session: number, identity: SessionIdentity | null): void {
    this.#clients.set(session, { identity, pipeline: new Pipeline() });
  }

  /** What is under way goes on, and nobody hears of it. */
  close(session: number): void {
    this.#bytes -= this.#clients.get(session)?.pipeline.bytes ?? 0;
    this.#clients.delete(session);
    this.#stirring.delete(session);
    this.#outgoing.delete(session);
  }

  /** Takes a request in, or turns it away. False: it breaks the protocol. */
  ask(session: number, frame: RequestFrame, now: Milliseconds): boolean {
    const pipeline = this.#clients.get(session)?.pipeline;
    if (pipeline === undefined) return true;
    const { request, call, bytes } = frame;
    if (pipeline.isAsked(request)) return false;
    const hasRoom = this.#bytes + bytes <= SESSIONS_REQUEST_BYTES_MAX;
    if (call !== null && hasRoom && pipeline.hasRoomFor(frame)) {
      pipeline.wait({ request, call, bytes, askedAt: now });
      this.#bytes += bytes;
      this.#stirring.add(session);
    } else {
      const refused = refusedAnswer("tooManyRequests", this.#header());
      const answer = call === null ? ({ kind: "unsupported" } as const) : refused;
      pipeline.turnAway(request, encodeSessionAnswer(answer));
      this.#outgoing.add(session);
    }
    return true;
  }

  taken(session: number, bytes: number): void {
    this.#clients.get(session)?.pipeline.taken(bytes);
    this.#stirring.add(session);
  }

  /** Its client asks on and on, and takes no answer. */
  isFlooded(session: number): boolean {
    return this.#clients.get(session)?.pipeline.isFlooded === true;
  }

  /** Begins what may be begun, and goes on with what was held back. */
  advance(now: Milliseconds): void {
    for (const session of this.#stirring) {
      const client = this.#clients.get(session);
      if (client === undefined) continue;
      const { pipeline } = client;
      for (let id = pipeline.nextHeld(); id !== null; id = pipeline.nextHeld()) {
        this.#server.resume(id);
      }
      for (let asked = pipeline.next(); asked !== null; asked = pipeline.next()) {
        this.#begin(session, client, asked, now);
      }
    }
    this.#stirring.clear();
  }

  /** Whether the read is to wait: its client has not taken what it got before. */
  holds(id: number): boolean {
    const served = this.#calls.get(id);
    if (served === undefined) return false;
    // Of a session that has ended nobody wants to know; its call ends by its timeout.
    if (!this.#clients.has(served.session)) return true;
    if (served.pipeline.hasCredit) return false;
    served.pipeline.hold(id);
    return true;
  }

  /** The outcome of a call of ours. False: it is somebody else's. */
  answered(id: number, answer: ReplicaAnswer): boolean {
    const served = this.#calls.get(id);
    if (served === undefined) return false;
    this.#calls.delete(id);
    const { session, asked } = served;
    this.#served.push({ request: asked.call.request, answer, askedAt: asked.askedAt });
    if (!this.#clients.has(session)) return true;
    this.#say(served, answerOf(answer));
    return true;
  }

  takeFrames(): SessionEffects["frames"][number][] {
    const taken = [...this.#outgoing].flatMap((session) => {
      const frames = this.#clients.get(session)?.pipeline.takeFrames() ?? [];
      return frames.length === 0 ? [] : [{ session, frames }];
    });
    this.#outgoing.clear();
    return taken;
  }

  takeServed(): ServedRequest[] {
    const served = this.#served;
    this.#served = [];
    return served;
  }

  #begin(session: number, client: Client, asked: Asked, now: Milliseconds): void {
    const { identity, pipeline } = client;
    const served = { session, pipeline, asked };
    const timeoutMs = Math.min(asked.call.timeoutMs, SESSION_TIMEOUT_MS_MAX);
    const left = asked.askedAt + timeoutMs - now;
    // It has waited so long for credit that nobody expects it to happen any more.
    if (left <= 0) return this.#say(served, { kind: "timeout" });
    const id = this.#nextCall++;
    this.#calls.set(id, served);
    const credentials = identity?.credentials ?? { kind: "none" };
    this.#server.begin(id, { ...asked.call, credentials, timeoutMs: left });
  }

  #say({ session, pipeline, asked }: Served, answer: SessionAnswer): void {
    pipeline.answer(asked, encodeSessionAnswer(answer));
    this.#bytes -= asked.bytes;
    this.#outgoing.add(session);
    // What comes after it may be begun, but not in the midst of this.
    this.#stirring.add(session);
  }
}

/** An outcome as a client hears it: of places where objects are it is not told. */
function answerOf(answer: ReplicaAnswer): SessionAnswer {
  switch (answer.kind) {
    case "answered":
      return { kind: "answered", header: answer.header, result: resultOf(answer.answer) };
    case "refused":
      return refusedAnswer(answer.refusal, answer.header);
    case "redirect":
      return { kind: "redirect", leader: answer.leader, term: answer.term };
    case "overwritten":
    case "timeout":
      return answer;
    case "unborn":
    case "removed":
      return { kind: "timeout" };
    default:
      return answer satisfies never;
  }
}

function resultOf(answer: { readonly kind: string }): SessionResult {
  const isResult = (SESSION_RESULTS as readonly string[]).includes(answer.kind);
  assert(isResult, "a client's request has a client's result");
  return answer as SessionResult;
}
