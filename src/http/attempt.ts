// Owns asking one replica once: with a deadline, and with the question whether one that is silent is
// there at all. An answer that comes later still counts.

import { rangeOfKey } from "../api/kv-json.ts";
import type { ClientRequest, ReplicaCall } from "../api/replica.ts";
import { ZERO_BYTE } from "../base/interval.ts";
import type { Contact } from "./contact.ts";
import type { GatheredCalls } from "./gathered-calls.ts";
import type { Platform } from "./platform.ts";
import type { Outcome } from "./search.ts";

/** After this, another replica is asked as well; what the first one says still counts. */
const ATTEMPT_MS = 1_000;
/** The end of that time, in which a silent replica is asked whether it is there at all. */
const PROBE_MS = 300;
/** What every replica can answer at once, from what it has. */
const PROBE: ClientRequest = {
  kind: "range",
  request: { ...rangeOfKey(ZERO_BYTE), countOnly: true },
  serializable: true,
};
/** What is asked, until when. */
export interface Question {
  readonly cluster: string;
  readonly call: Omit<ReplicaCall, "timeoutMs">;
  readonly deadline: number;
  /** Resolves when an attempt that was given up answers after all. */
  readonly late: PromiseWithResolvers<Heard>;
}

export interface Heard {
  readonly contact: Contact;
  readonly outcome: Outcome;
}

type World = Platform & { readonly calls: GatheredCalls };

/** Asks `contact`, and waits for it or for one that was asked before, whoever is first. */
export const askReplica = (world: World, question: Question, contact: Contact): Promise<Heard> =>
  new Attempt(world, question, contact).run();

/** Asks `contact` whether it is a replica, and tells it nothing of the question. */
export function soundReplica(world: World, question: Question, contact: Contact): Promise<Heard> {
  const { requestId, trace } = question.call;
  const call = { request: PROBE, requestId, trace };
  return askReplica(world, { ...question, call, late: Promise.withResolvers() }, contact);
}

class Attempt {
  readonly #world: World;
  readonly #question: Question;
  readonly #contact: Contact;

  constructor(world: World, question: Question, contact: Contact) {
    this.#world = world;
    this.#question = question;
    this.#contact = contact;
  }

  async run(): Promise<Heard> {
    const { late } = this.#question;
    const remaining = this.#remaining();
    const asked = this.#call(this.#question.call, remaining);
    const timer = this.#world.timer(Math.min(ATTEMPT_MS - PROBE_MS, remaining));
    const silent = timer.over.then(() => this.#probe());
    const heard = await Promise.race([asked, late.promise, silent]);
    timer.stop();
    const { kind } = heard.outcome;
    if (kind === "hung" || kind === "slow") this.#keepListening(asked);
    return heard;
  }

  /**
   * Tells a replica that hangs from one that is at work: large lists, compactions and writes behind
   * a slow majority take their time, and a healthy leader must not be deposed for them. What is
   * asked costs nothing and waits for nobody.
   */
  async #probe(): Promise<Heard> {
    const contact = this.#contact;
    const hung: Heard = { contact, outcome: { kind: "hung" } };
    const timeoutMs = Math.min(PROBE_MS, this.#remaining());
    if (timeoutMs <= 0) return hung;
    const { requestId, trace } = this.#question.call;
    const asked = this.#call({ request: PROBE, requestId, trace }, timeoutMs);
    // Nobody asks here: with users in force that is refused, which is an answer too.
    const answered = asked.then(
      ({ outcome: { kind } }) => kind === "answered" || kind === "refused",
    );
    const timer = this.#world.timer(timeoutMs);
    const isThere = await Promise.race([answered, timer.over.then(() => false)]);
    timer.stop();
    return isThere ? { contact, outcome: { kind: "slow" } } : hung;
  }

  /** Never rejects: what a call throws is an outcome. */
  async #call(call: Question["call"], timeoutMs: number): Promise<Heard> {
    const contact = this.#contact;
    try {
      const { cluster } = this.#question;
      const outcome = await this.#world.calls.serve(cluster, contact, { ...call, timeoutMs });
      return { contact, outcome };
    } catch (error) {
      return { contact, outcome: { kind: isOverloaded(error) ? "overloaded" : "broken" } };
    }
  }

  #keepListening(asked: Promise<Heard>): void {
    void asked.then((heard) => {
      const { kind } = heard.outcome;
      if (kind === "answered" || kind === "refused") this.#question.late.resolve(heard);
    });
  }

  #remaining(): number {
    return Math.max(0, this.#question.deadline - this.#world.clock());
  }
}

/** The platform marks errors of an object that has too much to do; repeating would add to it. */
const isOverloaded = (error: unknown): boolean =>
  error instanceof Error && "overloaded" in error && error.overloaded === true;
