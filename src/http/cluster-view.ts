// Owns what this isolate believes about clusters: who the members are, who leads, who was silent.
// All of it is hints: a wrong one costs a redirect, never a wrong answer.

import type { Directory, Header, ReplicaAnswer } from "../api/replica.ts";
import { placeIn } from "../base/membership.ts";
import { asTerm, type ClusterId, type Term } from "../base/types.ts";
import { Bell } from "./bell.ts";
import { contactName, isSame, type Contact } from "./contact.ts";
import { Lookout } from "./lookout.ts";

type Redirect = Extract<ReplicaAnswer, { kind: "redirect" }>;

/** A replica that hung is left alone for so long; the call may still be under way. */
const AVOID_HUNG_MS = 2_000;
/** One whose call broke may be back in a moment: doubled with each failure, up to the above. */
const AVOID_BROKEN_MS = 20;
/** Breaks in a row after which a leader is believed lost, and not merely restarting. */
const BREAKS_OF_A_LOST_LEADER = 3;

/** Genesis is asked for who is where at most so often by an isolate, and again when it was away. */
const GENESIS_RESTS_MS = 10_000;
const GENESIS_FAILED_MS = 1_000;
/** One request asks it for all, and may be dropped before it hears the answer. */
const GENESIS_ASKED_MS = 3_000;

interface Avoidance {
  readonly until: number;
  readonly failures: number;
  /** It hung, or broke again and again. */
  readonly isLost: boolean;
  /** Its time was over and one request asks it again, while the others go on avoiding it. */
  readonly isOnTrial: boolean;
}

/** What is known of one cluster. */
export class ClusterView {
  /** Rings when something is heard that may help a request that waits. */
  readonly news = new Bell();
  /** The search for a leader that the cluster's requests share. */
  readonly lookout = new Lookout();
  #contacts: readonly Contact[];
  /** Of the cluster that all this is about; null before it was heard. */
  #clusterId: ClusterId | null = null;
  /** The version of the directory that the contacts are from; null: the configured regions. */
  #version: number | null = null;
  /** Names that are gone for ever; a directory that still has them is out of date. */
  readonly #removed = new Set<string>();
  #leader: Contact | null = null;
  #term: Term = asTerm(0);
  /** The last term in which a leader has answered as such: a hint alone says less. */
  #servedTerm: Term = asTerm(0);
  /** The last term whose loss led to a campaign. */
  #urgedTerm: Term = asTerm(0);
  readonly #avoided = new Map<string, Avoidance>();
  /** Some contact is a replica: the configured regions are a guess that was right. */
  #hasBorn = false;
  /** Those that are no replicas, though genesis said that they are. */
  readonly #unborn = new Set<string>();
  #epoch = 0;
  #genesisAskedAt = Number.NEGATIVE_INFINITY;
  #genesisRestsUntil = 0;
  #unknownAt = -1;

  /** Before anything was heard: the configured regions, each with its first replica. */
  constructor(regions: readonly string[]) {
    this.#contacts = regions.map((region) => ({
      region,
      generation: 1,
      jurisdiction: null,
      id: null,
    }));
  }

  get contacts(): readonly Contact[] {
    return this.#contacts;
  }

  /** Nothing was heard of this cluster: whether its contacts are its replicas is not known. */
  get isGuess(): boolean {
    return this.#version === null && !this.#hasBorn;
  }

  get leader(): Contact | null {
    return this.#leader;
  }

  get term(): Term {
    return this.#term;
  }

  /** Rises when it makes sense to ask again whoever was asked before. */
  get epoch(): number {
    return this.#epoch;
  }

  isAvoided(contact: Contact, now: number): boolean {
    const avoided = this.#avoided.get(contactName(contact));
    return avoided !== undefined && now < avoided.until;
  }

  /** `contact` is being asked. One that has failed before is not asked by others meanwhile. */
  asking(contact: Contact, now: number): void {
    const name = contactName(contact);
    const avoided = this.#avoided.get(name);
    if (avoided === undefined) return;
    this.#avoided.set(name, { ...avoided, until: now + AVOID_HUNG_MS, isOnTrial: true });
  }

  /** `contact` is a replica of this cluster, and may be asked for more. */
  heardBorn(contact: Contact): void {
    this.#hasBorn = true;
    this.heardFrom(contact);
    this.lookout.restart();
    this.raise();
  }

  /** `contact` answered, whatever it said. */
  heardFrom(contact: Contact): void {
    this.#unborn.delete(contactName(contact));
    if (this.#avoided.delete(contactName(contact))) this.raise();
  }

  /** `contact` answered as the leader of the header's term. */
  heardLeader(contact: Contact, header: Header): void {
    this.heardFrom(contact);
    this.#clusterId ??= header.clusterId;
    if (header.term < this.#term) return;
    // Whoever asked it before it led in this term was turned away, and has to hear that it does now.
    const isFirst = header.term > this.#servedTerm;
    const isNews = isFirst || this.#leader === null || !isSame(this.#leader, contact);
    this.#term = header.term;
    this.#servedTerm = header.term;
    this.#leader = { ...contact, id: header.memberId };
    if (isNews) this.raise();
  }

  /** `contact` is there, but does not lead. What it says of a lower term is out of date. */
  heardRedirect(contact: Contact, redirect: Redirect): void {
    this.heardFrom(contact);
    // It belongs to a cluster of this name that is no more; only genesis may say so of ours.
    if (this.#isForeign(redirect.directory)) return;
    this.adopt(redirect.directory);
    if (redirect.term < this.#term) return;
    const named = this.#contacts.find(({ id }) => id !== null && id === redirect.leader) ?? null;
    const isNews = redirect.term > this.#term;
    const steppedDown = this.#leader !== null && isSame(this.#leader, contact);
    this.#term = redirect.term;
    // Within one term there is one leader at most: "I know none" takes nothing back.
    if (named !== null || isNews || steppedDown) this.#believe(named);
    if (isNews) this.raise();
  }

  /** `contact` no longer leads, and knows no other. */
  heardStepDown(contact: Contact): void {
    if (this.#leader !== null && isSame(this.#leader, contact)) this.#leader = null;
  }

  /** `contact` works on what only a leader takes: it leads, as far as anybody knows. */
  heardAtWork(contact: Contact): void {
    this.heardFrom(contact);
    if (this.#leader === null) this.#believe(contact);
  }

  /**
   * `contact` has no birth certificate. Before genesis was heard that is to be expected; afterwards
   * it has lost its database, or is late; if none has one, the cluster may have been deleted, and
   * only genesis can tell.
   */
  heardUnborn(contact: Contact, now: number): void {
    if (this.#version === null) return;
    this.failed(contact, { hung: false, now });
    this.#unborn.add(contactName(contact));
    if (!this.#contacts.every((one) => this.#unborn.has(contactName(one)))) return;
    const soon = this.#genesisAskedAt + GENESIS_FAILED_MS;
    this.#genesisRestsUntil = Math.min(this.#genesisRestsUntil, soon);
  }

  /** `contact` is no member any more; `directory` is the last that it knew. */
  heardRemoved(contact: Contact, directory: Directory): void {
    if (this.#isForeign(directory)) return;
    this.#removed.add(contactName(contact));
    this.heardStepDown(contact);
    this.#contacts = this.#contacts.filter((other) => !isSame(other, contact));
    this.adopt(directory);
    this.raise();
  }

  /** Takes the members from a directory, unless it is older than what is known. */
  adopt(directory: Directory): void {
    const { clusterId, members, version = 0 } = directory;
    if (members.length === 0) return;
    if (this.#isForeign(directory)) this.#forget();
    if (this.#version !== null && version < this.#version) return;
    const isNews = this.#version === null || version > this.#version;
    this.#clusterId = clusterId;
    this.#version = version;
    this.#contacts = members
      .map((member) => ({ id: member.id, ...placeIn(directory, member) }))
      .filter((contact) => !this.#removed.has(contactName(contact)));
    if (isNews) this.raise();
  }

  /** Genesis knows the cluster. It is not asked again for a while. */
  heardGenesis(directory: Directory, now: number): void {
    this.#genesisRestsUntil = now + GENESIS_RESTS_MS;
    this.#unborn.clear();
    this.adopt(directory);
    // Who was removed can at least tell where the others went.
    if (this.#contacts.length === 0) this.#removed.clear();
    if (this.#contacts.length === 0) this.adopt(directory);
    this.lookout.restart();
    this.raise();
  }

  /** Genesis is being asked; the others wait for what it says, but not for long. */
  askingGenesis(now: number): void {
    this.#genesisAskedAt = now;
    this.#genesisRestsUntil = now + GENESIS_ASKED_MS;
  }

  genesisFailed(now: number): void {
    this.#genesisRestsUntil = now + GENESIS_FAILED_MS;
  }

  mayAskGenesis(now: number): boolean {
    return now >= this.#genesisRestsUntil;
  }

  /** Genesis has said that there is no such cluster; requests that wait are told so. */
  heardUnknown(now: number): void {
    this.#unknownAt = now;
    this.#genesisRestsUntil = now;
    this.raise();
  }

  /** Whether genesis has said so since `time`. */
  isUnknownSince(time: number): boolean {
    return this.#unknownAt >= time;
  }

  /** A call to `contact` gave nothing: it hung, or it broke. */
  failed(contact: Contact, failure: { readonly hung: boolean; readonly now: number }): void {
    const name = contactName(contact);
    const before = this.#avoided.get(name);
    // The calls under way when an object restarts all break at once: that is one failure.
    const isCounted = before !== undefined && !before.isOnTrial && failure.now < before.until;
    if (!failure.hung && isCounted) return;
    const failures = (before?.failures ?? 0) + 1;
    const backOff = Math.min(AVOID_BROKEN_MS * 2 ** (failures - 1), AVOID_HUNG_MS);
    const until = failure.now + (failure.hung ? AVOID_HUNG_MS : backOff);
    const isLost = failure.hung || failures >= BREAKS_OF_A_LOST_LEADER;
    this.#avoided.set(name, { until, failures, isLost, isOnTrial: false });
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

  /** There is news, and whoever was asked before may be asked again. */
  raise(): void {
    this.#epoch++;
    this.news.ring();
  }

  /**
   * A hint does not raise the epoch: two replicas that name each other would send every request to
   * and fro. Those that wait have not asked this leader yet, and may.
   */
  #believe(leader: Contact | null): void {
    const isNews = leader !== null && (this.#leader === null || !isSame(this.#leader, leader));
    this.#leader = leader;
    if (isNews) this.news.ring();
  }

  #isForeign({ clusterId }: Directory): boolean {
    return this.#clusterId !== null && this.#clusterId !== clusterId;
  }

  /** The cluster was rebuilt under another id: nothing that was known of the old one holds. */
  #forget(): void {
    this.#clusterId = null;
    this.#version = null;
    this.#removed.clear();
    this.#leader = null;
    this.#term = asTerm(0);
    this.#servedTerm = asTerm(0);
    this.#urgedTerm = asTerm(0);
  }
}

/** Clusters that an isolate remembers; the one unused for longest is forgotten first. */
const CLUSTERS_REMEMBERED_MAX = 1_000;

export class ClusterViews {
  readonly #regions: readonly string[];
  readonly #views = new Map<string, ClusterView>();

  constructor(regions: readonly string[]) {
    this.#regions = regions;
  }

  /** The cluster was deleted, as genesis has said. */
  forget(cluster: string, now: number): void {
    this.of(cluster).heardUnknown(now);
    this.#views.delete(cluster);
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
