// Owns a cluster that is played: replicas that do what a test says, and a log of who was asked what.

import type {
  CatalogPage,
  CatalogRpc,
  ClusterList,
  DeletionAnswer,
} from "../../../src/api/catalog.ts";
import type { ReplicaMetrics } from "../../../src/api/metrics.ts";
import type { RecoveryAnswer, RecoveryOrder } from "../../../src/api/recovery.ts";
import type {
  ClientAnswer,
  ClientRequest,
  Directory,
  GenesisRpc,
  Jurisdiction,
  Member,
  Place,
  ReplicaAnswer,
  ReplicaCall,
  ReplicaStatus,
  Whereabouts,
} from "../../../src/api/replica.ts";
import { decodeGatheredCalls } from "../../../src/api/gathered-codec.ts";
import { DEFAULT_LIMITS } from "../../../src/base/cluster-limits.ts";
import { placesIn } from "../../../src/base/membership.ts";
import {
  asClusterId,
  asMemberId,
  asRevision,
  asTerm,
  type Bytes,
  type ClusterId,
} from "../../../src/base/types.ts";
import type { ReplicaNetwork, ReplicaStub } from "../../../src/http/network.ts";
import type { SessionSocket } from "../../../src/http/session-connection.ts";
import { answerTogether } from "../../support/gathered-answers.ts";

/** How a replica takes a call. */
export type Behaviour = (call: ReplicaCall) => Promise<ReplicaAnswer> | ReplicaAnswer;

export const REGIONS = ["wnam", "enam", "weur"] as const;

export const memberId = (region: string): Member["id"] =>
  asMemberId(BigInt(1 + REGIONS.indexOf(region as (typeof REGIONS)[number])));

export const directoryOf = (regions: readonly string[]): Directory => ({
  clusterId: asClusterId(9n),
  members: regions.map((region) => ({ id: memberId(region), region, generation: 1 })),
});

const DIRECTORY = directoryOf(REGIONS);

export const headerOf = (region: string, term: number, revision = 7) => ({
  clusterId: DIRECTORY.clusterId,
  memberId: memberId(region),
  revision: asRevision(revision),
  term: asTerm(term),
});

/** Answers every range as empty, every put as done, and lists itself as the only member. */
export const leads =
  (region: string, term = 1): Behaviour =>
  ({ request }) => ({
    kind: "answered",
    header: headerOf(region, term),
    answer: answerOf(request, region),
  });

function answerOf(request: ClientRequest, region: string): ClientAnswer {
  if (request.kind === "put") return { kind: "put", answer: { prevKv: null } };
  if (request.kind === "capVersion") return { kind: "capVersion" };
  if (request.kind === "limits") return { kind: "limits", limits: DEFAULT_LIMITS };
  if (request.kind === "setLimits") return { kind: "limits", limits: request.limits };
  if (request.kind !== "memberList") {
    return { kind: "range", answer: { kvs: [], more: false, count: 0 } };
  }
  const self = { id: memberId(region), region, generation: 1, isLearner: false, isStarted: true };
  return { kind: "members", answer: { members: [self], added: null } };
}

/** Knows `leader` as the leader of `term`, or none. */
export const follows =
  (leader: string | null, term = 1, regions: readonly string[] = REGIONS): Behaviour =>
  () => ({
    kind: "redirect",
    leader: leader === null ? null : memberId(leader),
    term: asTerm(term),
    directory: directoryOf(regions),
  });

export const hangs: Behaviour = () => Promise.withResolvers<never>().promise;
export const unborn: Behaviour = () => ({ kind: "unborn" });
export const breaks: Behaviour = () => Promise.reject(new Error("Network connection lost."));
export const isOverloaded: Behaviour = () =>
  Promise.reject(Object.assign(new Error("Too many requests queued"), { overloaded: true }));
export const timesOut: Behaviour = () => ({ kind: "timeout" });
export const overwrites: Behaviour = () => ({ kind: "overwritten" });

/** One behaviour after another; the last one stays. */
export function inTurn(...behaviours: Behaviour[]): Behaviour {
  return (call) => (behaviours.length > 1 ? behaviours.shift()! : behaviours[0]!)(call);
}

type SnapshotDoors = Pick<ReplicaStub, "snapshotPart" | "snapshotEnd" | "uploadPart" | "uploadEnd">;
type FoundingDoors = Pick<GenesisRpc, "reserveFounder" | "found">;

const NO_SNAPSHOTS: SnapshotDoors = {
  snapshotPart: async () => null,
  snapshotEnd: async () => {},
  uploadPart: () => Promise.reject(new Error("nothing to fill here")),
  uploadEnd: async () => {},
};

/** The router's question whether a silent replica is there. */
const isProbe = ({ request }: ReplicaCall): boolean =>
  request.kind === "range" && request.serializable && request.request.countOnly;

/** Takes its time over the work, but answers at once that it is there. */
export const slowly =
  (ms: number, behaviour: Behaviour): Behaviour =>
  async (call) => {
    if (isProbe(call)) return behaviour(call);
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, ms);
    await promise;
    return behaviour(call);
  };

const nowhere = (): Promise<Whereabouts> => Promise.reject(new Error("of older code"));

const NO_FOUNDING: FoundingDoors = {
  reserveFounder: async () => null,
  found: () => Promise.reject(new Error("nothing to found here")),
};

export class FakeNetwork implements ReplicaNetwork {
  readonly replicas = new Map<string, Behaviour>();
  readonly statuses = new Map<string, () => Promise<ReplicaStatus | null>>();
  readonly whereabouts = new Map<string, () => Promise<Whereabouts>>();
  readonly metrics = new Map<string, () => Promise<ReplicaMetrics | null>>();
  /** `serve wnam`, `urge enam 3`, `genesis directory`, ... in order. */
  readonly log: string[] = [];
  readonly calls: ReplicaCall[] = [];
  /** How many came together, in each gathered call. */
  readonly gathered: number[] = [];
  /** How replicas take gathered calls: one that breaks, or is overloaded, takes none of them. */
  serveAll = (calls: Bytes, serve: (call: ReplicaCall) => Promise<ReplicaAnswer>): Promise<Bytes> =>
    answerTogether(calls, serve);
  /** What Genesis has decided; null before. */
  directory: Directory | null = DIRECTORY;
  /** Regions that do not hear of a deletion. */
  readonly away = new Set<string>();
  /** Of the objects that were reached. */
  readonly jurisdictions = new Set<Jurisdiction | null>();
  onList: (page: CatalogPage) => Promise<ClusterList> = async () => ({ clusters: [], more: false });
  /** Of each replica; whether downloads and uploads work is for tests with real ones. */
  snapshotDoors = NO_SNAPSHOTS;
  foundingDoors = NO_FOUNDING;
  /** What Genesis says to an order to rebuild a cluster. */
  onRecover: (order: RecoveryOrder) => Promise<RecoveryAnswer> = () =>
    Promise.reject(new Error("nothing to rebuild here"));
  /** Plays the replicas' doors for sessions. */
  openSocket: (region: string) => Promise<SessionSocket> = () =>
    Promise.reject(new Error("no sessions here"));
  onLab: (region: string, order: string) => Promise<void> = () => Promise.resolve();

  constructor(replicas: Readonly<Record<string, Behaviour>> = {}) {
    for (const [region, behaviour] of Object.entries(replicas)) {
      this.replicas.set(region, behaviour);
    }
  }

  catalog(): CatalogRpc {
    return { list: (page) => this.onList(page) };
  }

  replica(_cluster: string, { region, jurisdiction }: Place): ReplicaStub {
    this.jurisdictions.add(jurisdiction);
    const serve = async (call: ReplicaCall): Promise<ReplicaAnswer> => {
      this.log.push(`${isProbe(call) ? "probe" : "serve"} ${region}`);
      this.calls.push(call);
      return (this.replicas.get(region) ?? unborn)(call);
    };
    return {
      serve,
      serveAll: (calls) => {
        this.gathered.push(decodeGatheredCalls(calls)!.length);
        return this.serveAll(calls, serve);
      },
      ...this.snapshotDoors,
      urge: async (term) => void this.log.push(`urge ${region} ${term}`),
      status: () => (this.statuses.get(region) ?? (async () => null))(),
      whereabouts: () => (this.whereabouts.get(region) ?? nowhere)(),
      metrics: () => (this.metrics.get(region) ?? (async () => null))(),
      cost: async () => ({ rowsWritten: 12, peerCalls: 7 }),
      lab: async (order) => {
        this.log.push(`lab ${region} ${order}`);
        await this.onLab(region, order);
      },
      fetch: async () => ({ webSocket: await this.openSocket(region) }) as unknown as Response,
    };
  }

  genesis(cluster: string) {
    return {
      directory: async () => {
        this.log.push(`genesis directory ${cluster}`);
        return this.directory;
      },
      create: async (regions: readonly string[], jurisdiction: Jurisdiction | null = null) => {
        this.log.push(`genesis create ${cluster}`);
        const bounds = jurisdiction === null ? {} : { jurisdiction };
        this.directory ??= { ...directoryOf(regions), ...bounds };
        for (const region of regions) {
          if (!this.replicas.has(region)) this.replicas.set(region, leads(region));
        }
        return this.directory;
      },
      delete: async (confirm: ClusterId): Promise<DeletionAnswer> => {
        this.log.push(`genesis delete ${cluster}`);
        if (this.directory === null) return { kind: "unknown" };
        if (this.directory.clusterId !== confirm) return { kind: "notConfirmed" };
        const untold = placesIn(this.directory).filter(({ region }) => this.away.has(region));
        this.directory = null;
        return { kind: "deleted", untold };
      },
      recover: async (order: RecoveryOrder) => {
        this.log.push(`genesis recover ${cluster}`);
        return this.onRecover(order);
      },
      ...this.foundingDoors,
    };
  }
}
