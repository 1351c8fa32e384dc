// Owns the search for a replica that answers, as a state machine without input or output: `next`
// says what to do, `learn` takes what came of it. One search serves one request.
//
//   an object said that it is no replica                              ->  ask genesis, once
//   a leader is believed in, not avoided, not asked in this round     ->  ask it
//   else some contact is not avoided and was not asked in this round  ->  ask the nearest
//   else nothing was heard from anyone                                ->  ask genesis, once
//   else                                                              ->  pause, next round
//
// Each round asks each contact once, and a believed leader again only for a higher term: redirects
// cannot go in circles.

import type { ReplicaAnswer } from "../api/replica.ts";
import type { Term } from "../base/types.ts";
import { contactName, type ClusterView, type Contact } from "./cluster-view.ts";
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
  | { readonly kind: "pause"; readonly ms: number };

const PAUSE_MS_MIN = 40;
const PAUSE_MS_MAX = 250;
/** While a replica is at work on the request, the others are asked for news only. */
const PAUSE_AT_WORK_MS = 1_000;

export class Search {
  readonly #view: ClusterView;
  readonly #continent: string | null;
  /** Any replica may answer: the request is content with what it has. */
  readonly #anyReplica: boolean;
  /** Who was asked in this round, and at which term as then believed. */
  readonly #asked = new Map<string, Term>();
  /** Who is still at work on it: not asked again, since its answer counts when it comes. */
  readonly #atWork = new Set<string>();
  #rounds = 0;
  #heardAnything = false;
  #unbornSeen = false;
  #genesisAsked = false;
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
    if (this.#unbornSeen && !this.#genesisAsked) return this.#askGenesis();
    const contact = this.#candidate(now);
    if (contact !== null) {
      this.#asked.set(contactName(contact), this.#view.term);
      return { kind: "ask", contact };
    }
    return this.#heardAnything || this.#genesisAsked ? this.#pause() : this.#askGenesis();
  }

  /** Takes note of an outcome that does not end the search. */
  learn(contact: Contact, outcome: Outcome, now: number): void {
    this.#heardAnything ||= outcome.kind !== "hung" && outcome.kind !== "broken";
    switch (outcome.kind) {
      case "redirect":
        this.#mayHaveReached ||= outcome.leader !== null;
        this.#view.heardRedirect(contact, outcome);
        return;
      case "overwritten":
        this.#view.heardStepDown(contact);
        return;
      case "unborn":
      case "removed":
        this.#unbornSeen = true;
        return;
      case "hung":
      case "timeout":
        this.#mayHaveReached = true;
        this.#isFateUnknown = true;
        this.#view.failed(contact, { hung: true, now });
        return;
      case "slow":
        this.#mayHaveReached = true;
        this.#isFateUnknown = true;
        this.#atWork.add(contactName(contact));
        return;
      case "broken":
        this.#mayHaveReached = true;
        this.#isFateUnknown = true;
        this.#view.failed(contact, { hung: false, now });
        return;
      case "answered":
      case "refused":
        if (!this.#anyReplica) this.#view.heardLeader(contact, outcome.header);
        break;
      case "overloaded":
        break;
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
        (leader === null || contactName(contact) !== contactName(leader)) &&
        !this.#view.isAvoided(contact, now),
    );
    return others[0] ?? null;
  }

  #candidate(now: number): Contact | null {
    const { leader } = this.#view;
    if (leader !== null && !this.#anyReplica && this.#mayAskLeader(leader, now)) return leader;
    const unasked = this.#byDistance().find(
      (contact) => !this.#asked.has(contactName(contact)) && this.#mayAsk(contact, now),
    );
    return unasked ?? null;
  }

  #mayAskLeader(leader: Contact, now: number): boolean {
    const askedAt = this.#asked.get(contactName(leader));
    return this.#mayAsk(leader, now) && (askedAt === undefined || askedAt < this.#view.term);
  }

  #mayAsk(contact: Contact, now: number): boolean {
    return !this.#view.isAvoided(contact, now) && !this.#atWork.has(contactName(contact));
  }

  #askGenesis(): Step {
    this.#genesisAsked = true;
    return { kind: "askGenesis" };
  }

  #pause(): Step {
    this.#asked.clear();
    const msMax = this.#atWork.size > 0 ? PAUSE_AT_WORK_MS : PAUSE_MS_MAX;
    const ms = Math.min(PAUSE_MS_MIN * 2 ** this.#rounds, msMax);
    this.#rounds++;
    return { kind: "pause", ms };
  }

  #byDistance(): Contact[] {
    return byDistance(this.#view.contacts, this.#continent);
  }
}
