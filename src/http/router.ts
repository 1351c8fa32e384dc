// Owns the way of a request to the replica that can answer it: it performs the steps of a `Search`,
// with deadlines. It does not know what the requests mean, beyond whether they write.

import type {
  ClientAnswer,
  ClientRequest,
  Directory,
  Freshness,
  Header,
  ReplicaCall,
} from "../api/replica.ts";
import { rangeOfKey } from "../api/kv-json.ts";
import { ZERO_BYTE } from "../base/interval.ts";
import type { Refusal } from "../base/refusal.ts";
import type { Bytes, Term } from "../base/types.ts";
import { ClusterViews, type ClusterView, type Contact } from "./cluster-view.ts";
import type { ReplicaNetwork } from "./network.ts";
import { randomFraction, type Platform } from "./platform.ts";
import { Search, type Outcome } from "./search.ts";

/** A request may take so long in all, as etcd: 5 s and two election timeouts. */
const REQUEST_MS = 7_000;
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
/** Genesis may be far away, and creating a cluster calls its replicas. */
const GENESIS_MS = 3_000;
/** The cluster that exists without being created. */
export const DEFAULT_CLUSTER = "default";

export interface RouterRequest {
  readonly cluster: string;
  readonly request: ClientRequest;
  /** Of a read: any replica may answer that can show it is fresh enough, the nearest first. */
  readonly freshness?: Freshness;
  /** 16 bytes; every attempt of this request carries the same. */
  readonly requestId: Bytes;
  readonly trace: string;
  /** Where the client is, or null when that is unknown. */
  readonly continent: string | null;
}

/** Why there is no answer. */
export type Failure =
  /** No outcome in time; a write may still happen. */
  | "timeout"
  /** No replica knew a leader: nothing has happened. */
  | "noLeader"
  | "overloaded"
  | "unknownCluster";

export type Served =
  | { readonly kind: "answered"; readonly header: Header; readonly answer: ClientAnswer }
  | { readonly kind: "refused"; readonly refusal: Refusal; readonly header: Header }
  | { readonly kind: "failed"; readonly failure: Failure };

export interface RouterDependencies extends Platform {
  readonly network: ReplicaNetwork;
  /** Configured regions, in order of preference. */
  readonly regions: readonly string[];
}

/** One request on its way. */
interface Errand {
  readonly cluster: string;
  readonly call: Omit<ReplicaCall, "timeoutMs">;
  readonly deadline: number;
  readonly view: ClusterView;
  readonly search: Search;
  /** Resolves when an attempt that was given up as hung answers after all. */
  readonly late: PromiseWithResolvers<Heard>;
}

interface Heard {
  readonly contact: Contact;
  readonly outcome: Outcome;
}

/**
 * Finds the leader and asks it. A write is repeated with the same request id only, and never after
 * the request's deadline: replicas drop repeats, so it happens once at most.
 */
export class Router {
  readonly #dependencies: RouterDependencies;
  readonly #views: ClusterViews;

  constructor(dependencies: RouterDependencies) {
    this.#dependencies = dependencies;
    this.#views = new ClusterViews(dependencies.regions);
  }

  async serve(request: RouterRequest): Promise<Served> {
    const { request: operation, freshness, requestId, trace, cluster, continent } = request;
    const view = this.#views.of(cluster);
    const anyReplica = freshness !== undefined || isContent(operation);
    return this.#run({
      cluster,
      call: {
        request: operation,
        ...(freshness === undefined ? {} : { freshness }),
        requestId,
        trace,
      },
      deadline: this.#dependencies.clock() + REQUEST_MS,
      view,
      search: new Search({ view, continent, anyReplica }),
      late: Promise.withResolvers(),
    });
  }

  /**
   * The replica that leads the cluster now. It has just confirmed that, so a session to it begins
   * with everything that was acknowledged before.
   */
  async locate(cluster: string, continent: string | null): Promise<Located> {
    const request = { ...rangeOfKey(ZERO_BYTE), countOnly: true };
    const served = await this.serve({
      cluster,
      request: { kind: "range", request, serializable: false },
      requestId: this.#dependencies.random(16),
      trace: "",
      continent,
    });
    const { leader } = this.#views.of(cluster);
    if (served.kind === "failed") return served;
    return leader === null
      ? { kind: "failed", failure: "noLeader" }
      : { kind: "located", contact: leader };
  }

  /** The members as Genesis decided them; null when there is no such cluster. */
  async describe(cluster: string): Promise<Directory | null> {
    return this.#dependencies.network.genesis(cluster).directory();
  }

  /** Creates the cluster; of one that exists nothing changes. */
  async create(cluster: string, regions: readonly string[]): Promise<Directory> {
    const directory = await this.#dependencies.network.genesis(cluster).create(regions);
    this.#views.of(cluster).adopt(directory);
    return directory;
  }

  /** Who could be asked, as far as this isolate knows. */
  contacts(cluster: string): readonly Contact[] {
    return this.#views.of(cluster).contacts;
  }

  async #run(errand: Errand): Promise<Served> {
    const { clock } = this.#dependencies;
    for (let now = clock(); now < errand.deadline; now = clock()) {
      const step = errand.search.next(now);
      switch (step.kind) {
        case "ask": {
          const served = this.#conclude(errand, await this.#attempt(errand, step.contact));
          if (served !== null) return served;
          break;
        }
        case "askGenesis": {
          if (!(await this.#consultGenesis(errand))) return failed("unknownCluster");
          break;
        }
        case "pause": {
          const late = await this.#pause(errand, step.ms);
          const served = late === null ? null : this.#conclude(errand, late);
          if (served !== null) return served;
          break;
        }
        default:
          step satisfies never;
      }
    }
    return failed(errand.search.mayHaveReached ? "timeout" : "noLeader");
  }

  /** Learns from an outcome; what the client gets when the search is over, else null. */
  #conclude(errand: Errand, { contact, outcome }: Heard): Served | null {
    const now = this.#dependencies.clock();
    const { isFateUnknown } = errand.search;
    errand.search.learn(contact, outcome, now);
    this.#urgeIfLost(errand, now);
    // "Too many requests" would say that it did not happen, which an earlier attempt may belie.
    const isTurnedAway =
      outcome.kind === "overloaded" ||
      (outcome.kind === "refused" && outcome.refusal === "tooManyRequests");
    if (isTurnedAway && isFateUnknown) return failed("timeout");
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

  /** Asks one replica, and waits for it or for one that was asked before, whoever is first. */
  async #attempt(errand: Errand, contact: Contact): Promise<Heard> {
    const { clock, sleep } = this.#dependencies;
    const remaining = errand.deadline - clock();
    const asked = this.#ask(errand, contact, remaining);
    const timer = new AbortController();
    const silent = sleep(Math.min(ATTEMPT_MS - PROBE_MS, remaining), timer.signal).then(() =>
      this.#probe(errand, contact, timer.signal),
    );
    const heard = await Promise.race([asked, errand.late.promise, silent]);
    timer.abort();
    const { kind } = heard.outcome;
    if (kind === "hung" || kind === "slow") this.#keepListening(errand, asked);
    return heard;
  }

  /**
   * Tells a replica that hangs from one that is at work: large lists, compactions and writes behind
   * a slow majority take their time, and a healthy leader must not be deposed for them. What is
   * asked costs nothing and waits for nobody.
   */
  async #probe(errand: Errand, contact: Contact, signal: AbortSignal): Promise<Heard> {
    const hung: Heard = { contact, outcome: { kind: "hung" } };
    const { clock, sleep } = this.#dependencies;
    const timeoutMs = Math.min(PROBE_MS, errand.deadline - clock());
    if (signal.aborted || timeoutMs <= 0) return hung;
    const { requestId, trace } = errand.call;
    const question = { ...errand, call: { request: PROBE, requestId, trace } };
    const asked = this.#ask(question, contact, timeoutMs);
    const answered = asked.then(({ outcome }) => outcome.kind === "answered");
    const timer = new AbortController();
    const over = sleep(timeoutMs, timer.signal).then(() => false);
    const isThere = await Promise.race([answered, over]);
    timer.abort();
    return isThere ? { contact, outcome: { kind: "slow" } } : hung;
  }

  /** Never rejects: what a call throws is an outcome. */
  async #ask(errand: Errand, contact: Contact, timeoutMs: number): Promise<Heard> {
    try {
      const replica = this.#dependencies.network.replica(errand.cluster, contact);
      return { contact, outcome: await replica.serve({ ...errand.call, timeoutMs }) };
    } catch (error) {
      return { contact, outcome: { kind: isOverloaded(error) ? "overloaded" : "broken" } };
    }
  }

  #keepListening(errand: Errand, asked: Promise<Heard>): void {
    void asked.then((heard) => {
      const { kind } = heard.outcome;
      if (kind === "answered" || kind === "refused") errand.late.resolve(heard);
    });
  }

  /** Jittered, so that the requests of an isolate do not come back as one. */
  async #pause(errand: Errand, ms: number): Promise<Heard | null> {
    const { clock, sleep, random } = this.#dependencies;
    const jittered = ms * (0.5 + randomFraction(random));
    const timer = new AbortController();
    const rested = sleep(Math.min(jittered, errand.deadline - clock()), timer.signal);
    const late = await Promise.race([errand.late.promise, rested.then(() => null)]);
    timer.abort();
    return late;
  }

  /** False when there is no such cluster. `default` is created by its first request. */
  async #consultGenesis(errand: Errand): Promise<boolean> {
    const genesis = this.#dependencies.network.genesis(errand.cluster);
    try {
      const directory = await this.#patiently(errand, genesis.directory());
      if (directory === null && errand.cluster !== DEFAULT_CLUSTER) return false;
      const { regions } = this.#dependencies;
      errand.view.adopt(directory ?? (await this.#patiently(errand, genesis.create(regions))));
      errand.search.heardGenesis();
    } catch {
      // Genesis is away. Those that are known are asked again until the deadline.
    }
    return true;
  }

  /** Waits for Genesis, but not for ever. @throws Error when it does not answer in time. */
  async #patiently<T>(errand: Errand, work: Promise<T>): Promise<T> {
    const { clock, sleep } = this.#dependencies;
    const timer = new AbortController();
    const ms = Math.min(GENESIS_MS, errand.deadline - clock());
    const over = sleep(ms, timer.signal).then((): never => {
      throw new Error("genesis does not answer; asking again is safe");
    });
    try {
      return await Promise.race([work, over]);
    } finally {
      over.catch(() => undefined);
      timer.abort();
    }
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
  (request.kind === "range" && request.serializable) ||
  (request.kind === "memberList" && !request.linearizable);

const failed = (failure: Failure): Served => ({ kind: "failed", failure });

/** The platform marks errors of an object that has too much to do; repeating would add to it. */
const isOverloaded = (error: unknown): boolean =>
  error instanceof Error && "overloaded" in error && error.overloaded === true;
