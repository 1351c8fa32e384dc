// Owns the interface between the router and a replica: what is asked, what may come back. The
// router reaches objects only through these types; `object/` implements them.

import type { AuthAnswer, AuthRequest, Credentials } from "../base/auth.ts";
import type { Alarm, AlarmKind } from "../base/alarm.ts";
import type { ClusterLimits } from "../base/cluster-limits.ts";
import type {
  LeaseGrantAnswer,
  LeaseKeepAliveAnswer,
  LeaseLeasesAnswer,
  LeaseTimeToLiveAnswer,
} from "../base/lease.ts";
import type {
  DeleteRangeAnswer,
  DeleteRangeRequest,
  PutAnswer,
  PutRequest,
  RangeAnswer,
  RangeRequest,
  TxnAnswer,
  TxnRequest,
} from "../base/kv.ts";
import type { KvHash, StatusAnswer } from "../base/maintenance.ts";
import type {
  Directory,
  Jurisdiction,
  Member,
  MemberChange,
  MembersAnswer,
  Place,
} from "../base/membership.ts";
import type { Refusal } from "../base/refusal.ts";
import type { Result } from "../base/result.ts";
import type { Bytes, ClusterId, LeaseId, MemberId, Revision, Term } from "../base/types.ts";
import type { DeletionAnswer } from "./catalog.ts";
import type { ReplicaMetrics } from "./metrics.ts";
import type { FoundingOrder, RecoveryAnswer, RecoveryOrder } from "./recovery.ts";
import type { SnapshotHead } from "./snapshot-file.ts";

export type { Directory, Jurisdiction, Member, Place } from "../base/membership.ts";

/** One operation of the client API, parsed and checked for form. */
export type ClientRequest =
  | { readonly kind: "range"; readonly request: RangeRequest; readonly serializable: boolean }
  | { readonly kind: "put"; readonly request: PutRequest }
  | { readonly kind: "deleteRange"; readonly request: DeleteRangeRequest }
  | { readonly kind: "txn"; readonly request: TxnRequest }
  | { readonly kind: "compact"; readonly revision: number; readonly physical: boolean }
  /** The router has picked the id when the client gave none: a repeat then names the same lease. */
  | { readonly kind: "leaseGrant"; readonly id: LeaseId; readonly ttlSeconds: number }
  | { readonly kind: "leaseRevoke"; readonly id: LeaseId }
  | { readonly kind: "leaseKeepAlive"; readonly id: LeaseId }
  | { readonly kind: "leaseTimeToLive"; readonly id: LeaseId; readonly keys: boolean }
  | { readonly kind: "leaseLeases" }
  | { readonly kind: "memberList"; readonly linearizable: boolean }
  /**
   * Adds a replica in `region`. The router sends `member` null; the leader's object, which can hash
   * and ask Genesis, fills it in before the core sees the request.
   */
  | {
      readonly kind: "memberAdd";
      readonly region: string;
      readonly isLearner: boolean;
      readonly member: Member | null;
    }
  | { readonly kind: "memberRemove"; readonly id: MemberId }
  /** A member's region is part of its id: the only update that is accepted changes nothing. */
  | { readonly kind: "memberUpdate"; readonly id: MemberId; readonly region: string }
  | { readonly kind: "memberPromote"; readonly id: MemberId }
  | { readonly kind: "memberChange"; readonly change: MemberChange }
  /** Up to where the cluster version may rise, and at most where it is: before older code returns. */
  | { readonly kind: "capVersion"; readonly cap: number | null }
  /** Hands leadership to a voter; answered once that one leads. */
  | { readonly kind: "moveLeader"; readonly target: MemberId }
  /** Pins the state for a download: it holds everything acknowledged before. */
  | { readonly kind: "snapshot" }
  /** Passwords do not come here, only what the router has made of them. */
  | {
      readonly kind: "auth";
      readonly request: AuthRequest;
      /** Of questions: any replica answers, from what it has. */
      readonly serializable?: boolean;
    }
  /** What the replica that is asked says of itself; no leader is needed. */
  | { readonly kind: "status" }
  /** Of all members and kinds of alarm where etcd has 0: of `member` only what is changed. */
  | {
      readonly kind: "alarm";
      readonly action: "get" | "activate" | "deactivate";
      readonly member: MemberId;
      readonly alarm: AlarmKind | null;
    }
  /** The hash of the history up to `revision`; 0 and less mean the latest. */
  | { readonly kind: "hashKv"; readonly revision: number }
  /** The hash of all replicated state. */
  | { readonly kind: "hash" }
  /** Answered once the replica that is asked has freed what nobody can read any more. */
  | { readonly kind: "defragment" }
  /** Whether the API could go down to a version; what can be said without the state was said. */
  | { readonly kind: "downgrade" }
  | { readonly kind: "setLimits"; readonly limits: ClusterLimits }
  | { readonly kind: "limits" };

export type ClientAnswer =
  | { readonly kind: "range"; readonly answer: RangeAnswer }
  | { readonly kind: "put"; readonly answer: PutAnswer }
  | { readonly kind: "deleteRange"; readonly answer: DeleteRangeAnswer }
  | { readonly kind: "txn"; readonly answer: TxnAnswer }
  | { readonly kind: "compact" }
  | { readonly kind: "leaseGrant"; readonly answer: LeaseGrantAnswer }
  | { readonly kind: "leaseRevoke" }
  | { readonly kind: "leaseKeepAlive"; readonly answer: LeaseKeepAliveAnswer }
  | { readonly kind: "leaseTimeToLive"; readonly answer: LeaseTimeToLiveAnswer }
  | { readonly kind: "leaseLeases"; readonly answer: LeaseLeasesAnswer }
  | { readonly kind: "members"; readonly answer: MembersAnswer }
  | { readonly kind: "capVersion" }
  | { readonly kind: "moveLeader" }
  | { readonly kind: "snapshot"; readonly answer: SnapshotOpened }
  | { readonly kind: "auth"; readonly answer: AuthAnswer }
  | { readonly kind: "status"; readonly answer: StatusAnswer }
  /** All that are active, or those that were changed. */
  | { readonly kind: "alarm"; readonly alarms: readonly Alarm[] }
  | { readonly kind: "hashKv"; readonly answer: KvHash }
  | { readonly kind: "hash"; readonly hash: number }
  | { readonly kind: "defragment" }
  | { readonly kind: "downgrade" }
  | { readonly kind: "limits"; readonly limits: ClusterLimits };

/** A snapshot that is ready to be read, part by part, of the replica that opened it. */
export interface SnapshotOpened {
  readonly head: SnapshotHead;
  readonly name: string;
  readonly place: Place;
}

/** One part of it, and the cursor of the next: null after the last. */
export interface SnapshotDownload {
  readonly data: Bytes;
  readonly next: Bytes | null;
  /** Bytes of the replica's database. */
  readonly databaseBytes: number;
}

/** etcd's response header. */
export interface Header {
  readonly clusterId: ClusterId;
  readonly memberId: MemberId;
  readonly revision: Revision;
  readonly term: Term;
}

/**
 * How old the answer to a read may be. Any replica answers it: at once when it can show that it is
 * recent enough, else after it has asked the leader for an index and applied it.
 */
export interface Freshness {
  /** The answer shows at least this revision: what the client wrote or saw before. */
  readonly minRevision: Revision | null;
  /** The answer is as of at most this many milliseconds ago. */
  readonly maxStalenessMs: number | null;
}

/** A call of the router. */
export interface ReplicaCall {
  readonly request: ClientRequest;
  /** Of reads: without it, as the request says, linearizable or serializable. */
  readonly freshness?: Freshness;
  /** Who asks; absent: nobody that we know of. */
  readonly credentials?: Credentials;
  /**
   * 16 bytes that name the write. The router repeats a write whose fate it does not know with the
   * same id only; applying drops the repeat and gives the first answer. Ignored for reads.
   */
  readonly requestId: Bytes;
  /**
   * When the router began with the request, by its machine's clock, in Unix milliseconds: a call that the
   * network has held back until its repeats are forgotten does nothing any more. Absent: nobody repeats it.
   */
  readonly askedAt?: number;
  /**
   * The client's own name for a write of keys or leases: 1 to 255 visible characters of ASCII. Who asks
   * again with it gets the first answer, for 10 min. Ignored for all else.
   */
  readonly idempotencyKey?: string;
  /** The client's trace id, or empty. It travels in the entry to every replica's log line. */
  readonly trace: string;
  /** How long the caller waits; the replica gives up its own waiting then. */
  readonly timeoutMs: number;
}

export type ReplicaAnswer =
  | { readonly kind: "answered"; readonly header: Header; readonly answer: ClientAnswer }
  /** Refused; nothing has changed. */
  | { readonly kind: "refused"; readonly refusal: Refusal; readonly header: Header }
  /** Not the leader. `leader` is null while none is known; hints with lower terms are stale. */
  | {
      readonly kind: "redirect";
      readonly leader: MemberId | null;
      readonly term: Term;
      readonly directory: Directory;
    }
  /** The write's entry was overwritten by another leader: it never happened, and may be retried. */
  | { readonly kind: "overwritten" }
  /** No outcome in time: a write may still happen; a read may be asked again. */
  | { readonly kind: "timeout" }
  /** No birth certificate: this object is not a replica (yet). */
  | { readonly kind: "unborn" }
  /** This replica was removed from the cluster, for ever; `directory` is the last it knew. */
  | { readonly kind: "removed"; readonly directory: Directory };

/** What a replica tells about itself; for the lab and for people. */
export interface ReplicaStatus {
  readonly role: "leader" | "follower" | "candidate" | "learner";
  readonly memberId: MemberId;
  readonly leader: MemberId | null;
  readonly term: Term;
  readonly commit: number;
  readonly applied: number;
  readonly revision: number;
  readonly incarnation: number;
  /** Nothing is to do: it has no timer. */
  readonly isAsleep: boolean;
  /** What entries may mean: the lowest version of the members' code. */
  readonly clusterVersion: number;
  /** The alarms that are active, as far as it has applied. */
  readonly alarms: readonly Alarm[];
  /** Whether users are in force, as far as it has applied; absent from code that knows none. */
  readonly authEnabled?: boolean;
}

/** What a replica has cost since its object was last constructed. */
export interface ReplicaCost {
  /** Rows written, as the platform bills them. */
  readonly rowsWritten: number;
  /** Calls made to peers. */
  readonly peerCalls: number;
}

/** Where a replica really is: its region is a wish. */
export interface Whereabouts {
  /** The code of the data center; null when it is not known. */
  readonly location: string | null;
  /** Its clock, in ms since 1970. */
  readonly clockMs: number;
}

/** What the router calls on a replica. */
export interface ReplicaRpc {
  serve(call: ReplicaCall): Promise<ReplicaAnswer>;
  /** Leave to campaign at once: the router could not reach the leader of `term`. */
  urge(term: Term): Promise<void>;
  /** Null from an object that is not a replica. */
  status(): Promise<ReplicaStatus | null>;
  /** The part of an opened snapshot that begins at `cursor`; null when its pin is lost. */
  snapshotPart(name: string, cursor: Bytes): Promise<SnapshotDownload | null>;
  /** The snapshot is not read further. */
  snapshotEnd(name: string): Promise<void>;
  /** Takes part `part` of a snapshot in, as a replica that Genesis has reserved; or says why not. */
  uploadPart(nonce: string, part: number, data: Bytes): Promise<Result<null, string>>;
  /** Empties a replica that was being filled. */
  uploadEnd(nonce: string): Promise<void>;
  /** For operators and tests. */
  cost(): Promise<ReplicaCost>;
  /** Asks the platform: for people who look. Code before it does not know the question. */
  whereabouts(): Promise<Whereabouts>;
  /** Null from an object that is not a replica. */
  metrics(): Promise<ReplicaMetrics | null>;
  /** Refused (it throws) where the lab is not enabled. */
  lab(order: LabOrder): Promise<void>;
}

/** Faults that the development server can switch on. Refused where the lab is not enabled. */
export type LabOrder = "abort" | "isolate" | "heal";

/** A replica that may become a cluster: only who knows its nonce can fill it. */
export interface Founder {
  readonly member: Member;
  /** Of the cluster: null is none. */
  readonly jurisdiction: Jurisdiction | null;
  readonly nonce: string;
}

/** What the router calls on the cluster's Genesis. */
export interface GenesisRpc {
  /** The members, as last heard; null when there is no such cluster. Creates nothing. */
  directory(): Promise<Directory | null>;
  /** Decides the cluster's id and first members, once: later calls return its directory. */
  create(regions: readonly string[], jurisdiction?: Jurisdiction | null): Promise<Directory>;
  /** Ends the cluster with the id `confirm`, and empties its replicas. */
  delete(confirm: ClusterId): Promise<DeletionAnswer>;
  /** Rebuilds a cluster that has lost its majority. It takes seconds, and as long as the copy. */
  recover(order: RecoveryOrder): Promise<RecoveryAnswer>;
  /** A name for the first replica of a cluster that is to be restored; null when there is one. */
  reserveFounder(region: string, jurisdiction: Jurisdiction | null): Promise<Founder | null>;
  /** Makes a cluster of the replica that was reserved and filled. Decides last, and at once. */
  found(order: FoundingOrder): Promise<RecoveryAnswer>;
}
