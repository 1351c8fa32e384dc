// Owns the search for a replica that answers, as a state machine without input or output: `next`
// says what to do, `learn` takes what came of it. One search serves one request.
//
//   an object is no replica, or no longer, and genesis was not asked lately  ->  ask genesis
//   a leader is believed in, not avoided, not asked since there was news     ->  ask it
//   (a read that any replica may answer: the nearest such contact, instead)
//   the request is at work at some replica, and asked the others lately      ->  rest
//   else                                                                     ->  look out
//
// Looking out is shared by all requests of the cluster (`lookout.ts`). Each asks a contact once until
// there is news, that is a higher term or someone who answers again: redirects cannot go in circles.

import type { ReplicaAnswer } from "../api/replica.ts";
import type { ClusterView } from "./cluster-view.ts";
import { contactName, isSame, type Contact } from "./contact.ts";
import { byDistance } from "./distance.ts";

/** What came of asking a contact; `hung` and `broken` say nothing about the fate of a write. */
export type Outcome =
  | ReplicaAnswer
  | { readonly kind: "hung" }
  /** No answer yet, but the replica is there: it is still at work on it. */
  | { readonly kind: "slow" }
  | { readonly kind: "broken" }
  | { readonly kind: "overloaded" };

export type Step =
  | { readonly kind: "ask"; readonly contact: Contact }
  | { readonly kind: "askGenesis" }
  | { readonly kind: "rest"; readonly ms: number }
  | { readonly kind: "lookOut" };

/** While a replica is at work on the request, the others are asked for news only. */
const REST_MS = 1_000;

export class Search {
  readonly #view: ClusterView;
  readonly #continent: string | null;
  /** Any replica may answer: the request is content with what it has. */
  readonly #anyReplica: boolean;
  /** Who was asked, and the view's epoch then. */
  readonly #asked = new Map<string, number>();
  /** Who is still at work on it: not asked again, since its answer counts when it comes. */
  readonly #atWork = new Set<string>();
  #restsUntil = 0;
  #heardReplica = false;
  #isLost = false;
  #mayHaveReached = false;
  #isFateUnknown = false;

  constructor(options: {
    readonly view: ClusterView;
    readonly continent: string | null;
    readonly anyReplica: boolean;
  }) {
    this.#view = options.view;
    this.#continent = options.continent;
    this.#anyReplica = options.anyReplica;
  }

  /** Some replica may have taken the request, or named a leader that could have. */
  get mayHaveReached(): boolean {
    return this.#mayHaveReached;
  }

  /** An attempt broke or gave no answer: what it asked for may have happened, or may yet. */
  get isFateUnknown(): boolean {
    return this.#isFateUnknown;
  }

  next(now: number): Step {
    if (this.#isLost && this.#view.mayAskGenesis(now)) return { kind: "askGenesis" };
    const contact = this.#direct(now);
    if (contact !== null) return { kind: "ask", contact };
    if (this.#atWork.size > 0 && now < this.#restsUntil) {
      return { kind: "rest", ms: this.#restsUntil - now };
    }
    return { kind: "lookOut" };
  }

  /** Whom to ask when looking out, the best first. */
  candidates(now: number): Contact[] {
    const { leader } = this.#view;
    const others = this.#byDistance().filter(
      (contact) => leader === null || !isSame(contact, leader),
    );
    const all = leader === null || this.#anyReplica ? this.#byDistance() : [leader, ...others];
    return all.filter((contact) => this.#mayAsk(contact, now));
  }

  /** The contact is asked now. */
  asking(contact: Contact, now: number): void {
    this.#asked.set(contactName(contact), this.#view.epoch);
    this.#view.asking(contact, now);
    if (!this.#anyReplica) this.#view.lookout.asked(contact);
    this.#restsUntil = now + REST_MS;
  }

  /** A whole round has found nobody to ask: genesis may know of others. */
  roundIsOver(): void {
    this.#isLost ||= !this.#heardReplica;
  }

  /** Takes note of what came of asking a guessed contact whether it is there, and nothing more. */
  sounded(contact: Contact, outcome: Outcome, now: number): void {
    switch (outcome.kind) {
      case "unborn":
      case "removed":
        return this.learn(contact, outcome, now);
      case "hung":
      case "timeout":
      case "broken":
        return this.#view.failed(contact, { hung: outcome.kind !== "broken", now });
      default:
        this.#view.heardBorn(contact);
    }
  }

  /** Takes note of an outcome that does not end the search. */
  learn(contact: Contact, outcome: Outcome, now: number): void {
    switch (outcome.kind) {
      case "redirect":
        this.#heardReplica = true;
        this.#mayHaveReached ||= outcome.leader !== null;
        this.#view.heardRedirect(contact, outcome);
        return;
      case "overwritten":
        this.#heardReplica = true;
        this.#view.heardStepDown(contact);
        return;
      case "unborn":
        this.#isLost = true;
        this.#view.heardUnborn(contact, now);
        return;
      case "removed":
        this.#view.heardRemoved(contact, outcome.directory);
        this.#isLost ||= this.#view.contacts.length === 0;
        return;
      case "hung":
      case "timeout":
        this.#lostSight();
        this.#view.failed(contact, { hung: true, now });
        return;
      case "slow":
        this.#lostSight();
        this.#heardReplica = true;
        this.#atWork.add(contactName(contact));
        if (!this.#anyReplica) this.#view.heardAtWork(contact);
        return;
      case "broken":
        this.#lostSight();
        this.#view.failed(contact, { hung: false, now });
        return;
      case "answered":
      case "refused":
        if (!this.#anyReplica) this.#view.heardLeader(contact, outcome.header);
        else this.#view.heardFrom(contact);
        return;
      case "overloaded":
        this.#view.heardFrom(contact);
        return;
      default:
        outcome satisfies never;
    }
  }

  /** Genesis has told who the members are: they are asked anew. */
  heardGenesis(): void {
    this.#asked.clear();
  }

  /** The nearest contact that is not the leader and not known to be silent. */
  nearestOther(now: number): Contact | null {
    const { leader } = this.#view;
    const others = this.#byDistance().filter(
      (contact) =>
        (leader === null || !isSame(contact, leader)) && !this.#view.isAvoided(contact, now),
    );
    return others[0] ?? null;
  }

  /** What was asked of a contact may have reached it, or may yet. */
  #lostSight(): void {
    this.#mayHaveReached = true;
    this.#isFateUnknown = true;
  }

  /** Who can be asked without looking out. */
  #direct(now: number): Contact | null {
    const { leader } = this.#view;
    const believed = leader === null ? [] : [leader];
    const contacts = this.#anyReplica ? this.#byDistance() : believed;
    return contacts.find((one) => this.#isNew(one) && this.#mayAsk(one, now)) ?? null;
  }

  #isNew(contact: Contact): boolean {
    const askedAt = this.#asked.get(contactName(contact));
    return askedAt === undefined || askedAt < this.#view.epoch;
  }

  #mayAsk(contact: Contact, now: number): boolean {
    return !this.#view.isAvoided(contact, now) && !this.#atWork.has(contactName(contact));
  }

  #byDistance(): Contact[] {
    return byDistance(this.#view.contacts, this.#continent);
  }
}
