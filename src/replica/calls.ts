// Owns the calls of clients that are not answered yet: who waits, until when, and for what request.

import type { ClientAnswer, Header, ReplicaAnswer, ReplicaCall } from "../api/replica.ts";
import { DeadlineQueue } from "../base/deadline-queue.ts";
import type { Refusal } from "../base/refusal.ts";
import type { Milliseconds, Revision } from "../base/types.ts";
import type { CallAnswer } from "./effects.ts";

/** What an answer says of the replica besides what was asked. */
export interface Vantage {
  header(): Header;
  redirect(): ReplicaAnswer & { kind: "redirect" };
}

/** Takes answers to calls that the replica made itself, of what came in its sessions. */
export interface OwnCalls {
  /** False: the call is the shell's. */
  answered(id: number, answer: ReplicaAnswer): boolean;
  /** Whether the read is not to be answered yet; its owner will say when. */
  holds(id: number): boolean;
}

/** Every call is answered exactly once: by its outcome, by a redirect, or by its timeout. */
export class Calls {
  readonly #vantage: Vantage;
  readonly #own: OwnCalls;
  readonly #pending = new Map<number, ReplicaCall>();
  readonly #timeouts = new DeadlineQueue<number>();
  #answers: CallAnswer[] = [];

  constructor(vantage: Vantage, own: OwnCalls) {
    this.#vantage = vantage;
    this.#own = own;
  }

  open(id: number, call: ReplicaCall, now: Milliseconds): void {
    this.#pending.set(id, call);
    this.#timeouts.set(id, now + call.timeoutMs);
  }

  /** The call, or null when it was answered already. */
  get(id: number): ReplicaCall | null {
    return this.#pending.get(id) ?? null;
  }

  /** Whether the read is to wait until its owner resumes it. */
  holds(id: number): boolean {
    return this.#own.holds(id);
  }

  /** Answers a call; one that was answered already (by its timeout) is passed over. */
  answer(id: number, answer: ReplicaAnswer): void {
    if (!this.#pending.delete(id)) return;
    this.#timeouts.delete(id);
    if (!this.#own.answered(id, answer)) this.#answers.push({ call: id, answer });
  }

  /** Answers with what was asked for; a write's header shows the revision it made. */
  succeed(id: number, answer: ClientAnswer, revision?: Revision): void {
    this.answer(id, { kind: "answered", header: this.#headerAt(revision), answer });
  }

  refuse(id: number, refusal: Refusal, revision?: Revision): void {
    this.answer(id, { kind: "refused", refusal, header: this.#headerAt(revision) });
  }

  redirect(id: number): void {
    this.answer(id, this.#vantage.redirect());
  }

  expire(now: Milliseconds): void {
    for (const id of this.#timeouts.due(now)) this.answer(id, { kind: "timeout" });
  }

  nextTimeout(): number | null {
    return this.#timeouts.next();
  }

  #headerAt(revision: Revision | undefined): Header {
    const header = this.#vantage.header();
    return revision === undefined ? header : { ...header, revision };
  }

  takeAnswers(): CallAnswer[] {
    const taken = this.#answers;
    this.#answers = [];
    return taken;
  }
}
