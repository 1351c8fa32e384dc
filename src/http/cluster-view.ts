// Owns what this isolate believes about clusters: who the members are, who leads, who was silent.
// All of it is hints: a wrong one costs a redirect, never a wrong answer.

import type { Directory, Header, ReplicaAnswer } from "../api/replica.ts";
import { asTerm, type MemberId, type Term } from "../base/types.ts";

/** A replica that can be asked. Its id is unknown until something was heard of it. */
export interface Contact {
  readonly region: string;
  readonly generation: number;
  readonly id: MemberId | null;
}

type Redirect = Extract<ReplicaAnswer, { kind: "redirect" }>;

/** The name of a contact within its cluster. */
export const contactName = ({ region, generation }: Contact): string => `${region}/${generation}`;

/** A replica that hung is left alone for so long; the call may still be under way. */
const AVOID_HUNG_MS = 2_000;
/** One whose call broke may be back in a moment: doubled with each failure, up to the above. */
const AVOID_BROKEN_MS = 20;
/** Breaks in a row after which a leader is believed lost, and not merely restarting. */
const BREAKS_OF_A_LOST_LEADER = 3;

interface Avoidance {
  readonly until: number;
  readonly failures: number;
  /** It hung, or broke again and again. */
  readonly isLost: boolean;
}

/** What is known of one cluster. */
export class ClusterView {
  #contacts: readonly Contact[];
  #leader: Contact | null = null;
  #term: Term = asTerm(0);
  /** The last term whose loss led to a campaign. */
  #urgedTerm: Term = asTerm(0);
  readonly #avoided = new Map<string, Avoidance>();

  /** Before anything was heard: the configured regions, each with its first replica. */
  constructor(regions: readonly string[]) {
    this.#contacts = regions.map((region) => ({ region, generation: 1, id: null }));
  }

  get contacts(): readonly Contact[] {
    return this.#contacts;
  }

  get leader(): Contact | null {
    return this.#leader;
  }

  get term(): Term {
    return this.#term;
  }

  isAvoided(contact: Contact, now: number): boolean {
    const avoided = this.#avoided.get(contactName(contact));
    return avoided !== undefined && now < avoided.until;
  }

  /** `contact` answered as the leader of the header's term. */
  heardLeader(contact: Contact, header: Header): void {
    this.#avoided.delete(contactName(contact));
    if (header.term < this.#term) return;
    this.#term = header.term;
    this.#leader = { ...contact, id: header.memberId };
  }

  /** `contact` is there, but does not lead. What it says of a lower term is out of date. */
  heardRedirect(contact: Contact, redirect: Redirect): void {
    this.#avoided.delete(contactName(contact));
    if (redirect.term < this.#term) return;
    this.adopt(redirect.directory);
    const named = this.#contacts.find(({ id }) => id !== null && id === redirect.leader) ?? null;
    const isNews = redirect.term > this.#term;
    const steppedDown = this.#leader !== null && isSame(this.#leader, contact);
    // Within one term there is one leader at most: "I know none" takes nothing back.
    if (named !== null || isNews || steppedDown) this.#leader = named;
    this.#term = redirect.term;
  }

  /** `contact` no longer leads, and knows no other. */
  heardStepDown(contact: Contact): void {
    if (this.#leader !== null && isSame(this.#leader, contact)) this.#leader = null;
  }

  /** Takes the members from a directory. */
  adopt({ members }: Directory): void {
    if (members.length === 0) return;
    this.#contacts = members.map(({ id, region, generation }) => ({ id, region, generation }));
  }

  /** A call to `contact` gave nothing: it hung, or it broke. */
  failed(contact: Contact, failure: { readonly hung: boolean; readonly now: number }): void {
    const name = contactName(contact);
    const before = this.#avoided.get(name);
    // The calls under way when an object restarts all break at once: that is one failure.
    if (!failure.hung && before !== undefined && failure.now < before.until) return;
    const failures = (before?.failures ?? 0) + 1;
    const backOff = Math.min(AVOID_BROKEN_MS * 2 ** (failures - 1), AVOID_HUNG_MS);
    const until = failure.now + (failure.hung ? AVOID_HUNG_MS : backOff);
    const isLost = failure.hung || failures >= BREAKS_OF_A_LOST_LEADER;
    this.#avoided.set(name, { until, failures, isLost });
  }

  /** The term of a leader that is believed to be lost and was not reported yet; once per term. */
  takeLostTerm(now: number): Term | null {
    if (this.#leader === null || !this.isAvoided(this.#leader, now)) return null;
    // One that restarts resumes its term; a campaign would only depose it.
    if (this.#avoided.get(contactName(this.#leader))?.isLost !== true) return null;
    if (this.#term <= this.#urgedTerm) return null;
    this.#urgedTerm = this.#term;
    return this.#term;
  }
}

const isSame = (a: Contact, b: Contact): boolean => contactName(a) === contactName(b);

/** Clusters that an isolate remembers; the one unused for longest is forgotten first. */
const CLUSTERS_REMEMBERED_MAX = 1_000;

export class ClusterViews {
  readonly #regions: readonly string[];
  readonly #views = new Map<string, ClusterView>();

  constructor(regions: readonly string[]) {
    this.#regions = regions;
  }

  of(cluster: string): ClusterView {
    const view = this.#views.get(cluster) ?? new ClusterView(this.#regions);
    this.#views.delete(cluster);
    this.#views.set(cluster, view);
    if (this.#views.size > CLUSTERS_REMEMBERED_MAX) {
      const [oldest] = this.#views.keys();
      this.#views.delete(oldest!);
    }
    return view;
  }
}
