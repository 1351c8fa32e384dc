// Owns the way of a request to the replica that can answer it: it performs the steps of a `Search`,
// with deadlines. It does not know what the requests mean, beyond whether they write.

import type { RecoveryAnswer, RecoveryOrder } from "../api/recovery.ts";
import type { DeletionAnswer } from "../api/catalog.ts";
import type {
  ClientAnswer,
  ClientRequest,
  Directory,
  Freshness,
  Header,
  Jurisdiction,
} from "../api/replica.ts";
import type { Credentials } from "../base/auth.ts";
import { rangeOfKey } from "../api/kv-json.ts";
import { ZERO_BYTE } from "../base/interval.ts";
import type { Refusal } from "../base/refusal.ts";
import type { Bytes, ClusterId, Term } from "../base/types.ts";
import { askReplica, soundReplica, type Heard, type Question } from "./attempt.ts";
import { ClusterViews, type ClusterView } from "./cluster-view.ts";
import { isSame, type Contact } from "./contact.ts";
import type { LookoutStep } from "./lookout.ts";
import { genesisInTime } from "./genesis-call.ts";
import { GatheredCalls, type GatheringWorld } from "./gathered-calls.ts";
import { randomFraction } from "./platform.ts";
import { Search, type Step } from "./search.ts";
import { isTurnedAway } from "./turned-away.ts";

/** A request may take so long in all, as etcd: 5 s and two election timeouts. */
const REQUEST_MS = 7_000;
/** Who waits for the news of others looks now and then itself: their requests may be dropped. */
const LOOK_AGAIN_MS = 1_000;
/** The cluster that exists without being created. */
export const DEFAULT_CLUSTER = "default";

export interface RouterRequest {
  readonly cluster: string;
  readonly request: ClientRequest;
  /** Of a read: any replica may answer that can show it is fresh enough, the nearest first. */
  readonly freshness?: Freshness;
  /** Who asks; absent: nobody that we know of. */
  readonly credentials?: Credentials;
  /** 16 bytes; every attempt of this request carries the same. */
  readonly requestId: Bytes;
  /** The client's own name for a write. */
  readonly idempotencyKey?: string;
  readonly trace: string;
  /** Where the client is, or null when that is unknown. */
  readonly continent: string | null;
  /** When the client's own limit is over, on the router's clock. */
  readonly deadline?: number;
  /** The client does not want to wait for a leader longer than this, in milliseconds. */
  readonly leaderWithinMs?: number;
}

/** Why there is no answer. */
export type Failure =
  /** No outcome in time; a write may still happen. */
  | "timeout"
  /** No replica knew a leader: nothing has happened. */
  | "noLeader"
  /** The client's own limit is over; a write may still happen. */
  | "deadline"
  | "overloaded"
  | "unknownCluster";

export type Served =
  | { readonly kind: "answered"; readonly header: Header; readonly answer: ClientAnswer }
  | { readonly kind: "refused"; readonly refusal: Refusal; readonly header: Header }
  | { readonly kind: "failed"; readonly failure: Failure };

/** Whoever looks for the leader itself. */
export type Seeker = Pick<
  RouterRequest,
  "cluster" | "continent" | "credentials" | "leaderWithinMs"
>;

export interface RouterDependencies extends GatheringWorld {
  /** Configured regions, in order of preference. */
  readonly regions: readonly string[];
}

/** One request on its way. */
interface Errand extends Question {
  readonly startedAt: number;
  /** The client's limit comes before ours. */
  readonly isLimited: boolean;
  /** Without a leader by then, the client wants to hear of it. */
  readonly leaderBy: number;
  readonly view: ClusterView;
  readonly search: Search;
}

/**
 * Finds the leader and asks it. A write is repeated with the same request id only, and never after
 * the request's deadline: replicas drop repeats, so it happens once at most.
 */
export class Router {
  readonly #dependencies: RouterDependencies & { readonly calls: GatheredCalls };
  readonly #views: ClusterViews;

  constructor(dependencies: RouterDependencies) {
    this.#dependencies = { ...dependencies, calls: new GatheredCalls(dependencies) };
    this.#views = new ClusterViews(dependencies.regions);
  }

  async serve(request: RouterRequest): Promise<Served> {
    const { request: operation, freshness, credentials, cluster, continent } = request;
    const { requestId, idempotencyKey, trace } = request;
    const now = this.#dependencies.clock();
    const { deadline = Infinity, leaderWithinMs = Infinity } = request;
    const view = this.#views.of(cluster);
    const anyReplica = freshness !== undefined || isContent(operation);
    if (anyReplica && request.leaderWithinMs !== undefined) {
      // Whoever would answer may be the one that has no leader.
      const located = await this.locate(request);
      if (located.kind === "failed") return located;
    }
    return this.#run({
      cluster,
      call: {
        request: operation,
        ...(freshness === undefined ? {} : { freshness }),
        ...(credentials === undefined ? {} : { credentials }),
        requestId,
        askedAt: now,
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
        trace,
      },
      startedAt: now,
      deadline: Math.min(now + REQUEST_MS, deadline),
      isLimited: deadline < now + REQUEST_MS,
      leaderBy: now + leaderWithinMs,
      view,
      search: new Search({ view, continent, anyReplica }),
      late: Promise.withResolvers(),
    });
  }

  /**
   * The replica that leads the cluster now. It has just confirmed that, so a session to it begins
   * with everything that was acknowledged before.
   */
  async locate({ cluster, continent, leaderWithinMs }: Seeker): Promise<Located> {
    const request = { ...rangeOfKey(ZERO_BYTE), countOnly: true };
    const served = await this.serve({
      cluster,
      request: { kind: "range", request, serializable: false },
      requestId: this.#dependencies.random(16),
      trace: "",
      continent,
      ...(leaderWithinMs === undefined ? {} : { leaderWithinMs }),
    });
    const { leader } = this.#views.of(cluster);
    if (served.kind === "failed") return served;
    return leader === null
      ? { kind: "failed", failure: "noLeader" }
      : { kind: "located", contact: leader };
  }

  /** The members as Genesis decided them; null when there is no such cluster. */
  async describe(cluster: string): Promise<Directory | null> {
    const directory = await this.#dependencies.network.genesis(cluster).directory();
    if (directory !== null) this.#views.of(cluster).adopt(directory);
    return directory;
  }

  /** Creates the cluster; of one that exists nothing changes. */
  async create(
    cluster: string,
    regions: readonly string[],
    jurisdiction: Jurisdiction | null,
  ): Promise<Directory> {
    const genesis = this.#dependencies.network.genesis(cluster);
    const directory = await genesis.create(regions, jurisdiction);
    this.#views.of(cluster).adopt(directory);
    return directory;
  }

  /** Rebuilds a cluster that has lost its majority; see `Genesis.recover`. */
  async recover(cluster: string, order: RecoveryOrder): Promise<RecoveryAnswer> {
    const answer = await this.#dependencies.network.genesis(cluster).recover(order);
    // What was known of the lost one would only send requests astray.
    if (answer.kind === "recovered") this.#views.of(cluster).adopt(answer.directory);
    return answer;
  }

  /** Deletes the cluster with the id `confirm`; see `Genesis.delete`. */
  async delete(cluster: string, confirm: ClusterId): Promise<DeletionAnswer> {
    const { network, clock } = this.#dependencies;
    const answer = await network.genesis(cluster).delete(confirm);
    if (answer.kind !== "notConfirmed") this.#views.forget(cluster, clock());
    return answer;
  }

  /** A new cluster is there: what was known under its name, if anything, was another. */
  adopt(cluster: string, directory: Directory): void {
    this.#views.of(cluster).adopt(directory);
  }

  /** Who could be asked, as far as this isolate knows. */
  contacts(cluster: string): readonly Contact[] {
    return this.#views.of(cluster).contacts;
  }

  /** The same, the one that leads first, as far as is known: it is awake, and knows most. */
  likeliest(cluster: string): readonly Contact[] {
    const { contacts, leader } = this.#views.of(cluster);
    if (leader === null) return contacts;
    return [leader, ...contacts.filter((contact) => !isSame(contact, leader))];
  }

  async #run(errand: Errand): Promise<Served> {
    const { clock } = this.#dependencies;
    for (let now = clock(); now < errand.deadline; now = clock()) {
      if (isUnknown(errand)) return failed("unknownCluster");
      if (isLeaderless(errand, now)) return failed("noLeader");
      const served = await this.#take(errand, errand.search.next(now));
      if (served !== null) return served;
    }
    if (errand.isLimited) return failed("deadline");
    return failed(errand.search.mayHaveReached ? "timeout" : "noLeader");
  }

  /** What the client gets when the step ends the search, else null. */
  async #take(errand: Errand, step: Step): Promise<Served | null> {
    switch (step.kind) {
      case "ask":
        errand.search.asking(step.contact, this.#dependencies.clock());
        if (isUnsure(errand)) return this.#sound(errand, step.contact);
        return this.#conclude(errand, await askReplica(this.#dependencies, errand, step.contact));
      case "askGenesis":
        return (await this.#consultGenesis(errand)) ? null : failed("unknownCluster");
      case "rest":
        return this.#rest(errand, step.ms);
      case "lookOut":
        return this.#lookOut(errand);
      default:
        return step satisfies never;
    }
  }

  /** Whether the guessed contact is a replica of this cluster; if so it is asked next. */
  async #sound(errand: Errand, contact: Contact): Promise<null> {
    const { outcome } = await soundReplica(this.#dependencies, errand, contact);
    errand.search.sounded(contact, outcome, this.#dependencies.clock());
    return null;
  }

  /** Waits for news, or gets them for all that wait. */
  async #lookOut(errand: Errand): Promise<Served | null> {
    const { clock } = this.#dependencies;
    const { view, search, deadline } = errand;
    const { lookout } = view;
    const now = clock();
    if (lookout.isFull(now) && !search.isFateUnknown) return failed("overloaded");
    lookout.enter(errand, { now, until: deadline });
    try {
      return lookout.take(errand, now)
        ? await this.#keepLookout(errand)
        : await this.#rest(errand, LOOK_AGAIN_MS);
    } finally {
      lookout.leave(errand, clock());
    }
  }

  /** Asks one replica after another with this request, until it need not look out any more. */
  async #keepLookout(errand: Errand): Promise<Served | null> {
    const { clock } = this.#dependencies;
    const { search, view } = errand;
    try {
      for (let now = clock(); now < errand.deadline; now = clock()) {
        const step = search.next(now);
        if (step.kind === "ask" || step.kind === "rest") return null;
        if (isUnknown(errand) || isLeaderless(errand, now)) return null;
        if (!view.lookout.take(errand, now)) return null;
        const taken = step.kind === "lookOut" ? this.#look(errand, now) : step;
        const served = await this.#take(errand, taken);
        if (served === null) continue;
        // Whoever answers one may answer the others.
        if (served.kind !== "failed") view.raise();
        return served;
      }
      return null;
    } finally {
      view.lookout.release(errand);
      // One of those who wait takes it.
      view.news.ring();
    }
  }

  #look({ search, view }: Errand, now: number): LookoutStep {
    const fraction = randomFraction(this.#dependencies.random);
    const step = view.lookout.next(search.candidates(now), now, fraction);
    if (step.kind === "rest") search.roundIsOver();
    return step;
  }

  /** Learns from an outcome; what the client gets when the search is over, else null. */
  #conclude(errand: Errand, { contact, outcome }: Heard): Served | null {
    const now = this.#dependencies.clock();
    const { isFateUnknown } = errand.search;
    errand.search.learn(contact, outcome, now);
    this.#urgeIfLost(errand, now);
    if (isFateUnknown && isTurnedAway(outcome)) return failed("timeout");
    switch (outcome.kind) {
      case "answered":
      case "refused":
        return outcome;
      case "overloaded":
        return failed("overloaded");
      default:
        return null;
    }
  }

  /** Waits, at most so long; a late answer ends the search, and news end the rest. */
  async #rest(errand: Errand, ms: number): Promise<Served | null> {
    const now = this.#dependencies.clock();
    const until = Math.min(errand.deadline, now < errand.leaderBy ? errand.leaderBy : Infinity);
    const timer = this.#dependencies.timer(Math.min(ms, until - now));
    const over = Promise.race([errand.view.news.heard(), timer.over]).then(() => null);
    const late = await Promise.race([errand.late.promise, over]);
    timer.stop();
    return late === null ? null : this.#conclude(errand, late);
  }

  /** False when there is no such cluster. `default` is created by its first request. */
  async #consultGenesis(errand: Errand): Promise<boolean> {
    const { clock, network, regions } = this.#dependencies;
    const { view } = errand;
    view.askingGenesis(clock());
    const genesis = network.genesis(errand.cluster);
    const patience = { ...this.#dependencies, deadline: errand.deadline };
    try {
      const directory = await genesisInTime(patience, genesis.directory());
      if (directory === null && errand.cluster !== DEFAULT_CLUSTER) {
        view.heardUnknown(clock());
        return false;
      }
      const decided = directory ?? (await genesisInTime(patience, genesis.create(regions)));
      view.heardGenesis(decided, clock());
      errand.search.heardGenesis();
    } catch {
      // Genesis is away. Those that are known are asked again until the deadline.
      view.genesisFailed(clock());
    }
    return true;
  }

  /** Gives one other replica leave to campaign when the believed leader is silent. */
  #urgeIfLost(errand: Errand, now: number): void {
    const contact = errand.search.nearestOther(now);
    const term = contact === null ? null : errand.view.takeLostTerm(now);
    if (contact === null || term === null) return;
    void this.#urge(errand.cluster, contact, term);
  }

  async #urge(cluster: string, contact: Contact, term: Term): Promise<void> {
    try {
      await this.#dependencies.network.replica(cluster, contact).urge(term);
    } catch {
      // Whether it worked shows in the next answers; elections come without it, only later.
    }
  }
}

export type Located =
  | { readonly kind: "located"; readonly contact: Contact }
  | { readonly kind: "failed"; readonly failure: Failure };

/** Whether any replica may answer, from what it has. */
const isContent = (request: ClientRequest): boolean =>
  ((request.kind === "range" || request.kind === "auth") && request.serializable === true) ||
  (request.kind === "memberList" && !request.linearizable) ||
  request.kind === "defragment";

/**
 * The first contacts of a cluster are a guess. Within a jurisdiction its replicas are other objects,
 * and nothing of a request may reach one outside; `default` is in none.
 */
const isUnsure = ({ view, cluster }: Errand): boolean =>
  view.isGuess && cluster !== DEFAULT_CLUSTER;

/** Genesis has said, to this request or another, that there is no such cluster. */
const isUnknown = ({ view, startedAt }: Errand): boolean => view.isUnknownSince(startedAt);

/** Nobody was found to lead for as long as the client would wait, and nobody has the request. */
const isLeaderless = ({ leaderBy, search }: Errand, now: number): boolean =>
  now >= leaderBy && !search.isFateUnknown;

const failed = (failure: Failure): Served => ({ kind: "failed", failure });
