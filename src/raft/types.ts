// Owns the words of consensus: entries, hard state, configuration, messages, and the storage port.
// Sources: Raft = Ongaro & Ousterhout 2014; Raft thesis = Ongaro 2014.

import type {
  Bytes,
  Incarnation,
  LogIndex,
  MemberId,
  Milliseconds,
  Revision,
  Term,
} from "../base/types.ts";

export type { Configuration } from "../base/membership.ts";

/**
 * One entry of the log. The data of an ENTRY_LEADER is its author's id, 8 bytes: the first entry
 * of each term is one, and names the only member that can ever have led that term.
 */
export interface Entry {
  readonly index: LogIndex;
  readonly term: Term;
  readonly kind: number;
  readonly data: Bytes;
}

/** What a proposer hands in: an entry without its place in the log. */
export interface Payload {
  readonly kind: number;
  readonly data: Bytes;
}

/** What must be durable before a message that depends on it leaves (Raft figure 2). */
export interface HardState {
  readonly term: Term;
  readonly vote: MemberId | null;
}

/**
 * Where a log begins: the last entry that is no longer held, trimmed or covered by a snapshot.
 * `author` is who opened that entry's term, null when unknown. Index 0, term 0 in a whole log.
 */
export interface LogBase {
  readonly index: LogIndex;
  readonly term: Term;
  readonly author: MemberId | null;
}

/**
 * The log and the hard state, synchronous: when a call returns, what it wrote is part of the turn,
 * and nothing that is sent afterwards leaves before it is durable.
 */
export interface RaftStorage {
  hardState(): HardState;
  saveHardState(state: HardState): void;
  /** The index of the first entry held; `lastIndex() + 1` when none is. */
  firstIndex(): LogIndex;
  /** The index of the last entry; 0 when the log is empty. */
  lastIndex(): LogIndex;
  /** What lies before the first entry; `firstIndex()` is one more than its index. */
  base(): LogBase;
  /** The term at `index`, also at the base's; null when neither. */
  termAt(index: LogIndex): Term | null;
  /** Entries `[first, end)`, cut after `bytesMax` of data but never to none. All must be held. */
  entries(first: LogIndex, end: LogIndex, bytesMax: number): Entry[];
  /** Stores consecutive entries, first dropping all entries from `entries[0].index` on. */
  append(entries: readonly Entry[]): void;
  /**
   * Drops entries from the front, up to `index` at most: whole tables, so it may drop fewer or none.
   * Some entry always stays, or the base's term tells what stood last.
   */
  trim(index: LogIndex): void;
}

interface Envelope {
  readonly from: MemberId;
  readonly to: MemberId;
  /** The sender's term; in preVote and its grant, the term that is asked for. */
  readonly term: Term;
}

/** "Would you vote for me?", without raising anyone's term (Raft thesis §9.6). */
export interface PreVoteMessage extends Envelope {
  readonly kind: "preVote";
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  /** The router asked for this campaign: a voter that hears its leader still grants. */
  readonly urged: boolean;
}

export interface VoteMessage extends Envelope {
  readonly kind: "vote";
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  readonly urged: boolean;
  /** The leader itself has handed over (thesis §3.10): who hears it still grants. */
  readonly handedOver: boolean;
}

export interface PreVoteAnswer extends Envelope {
  readonly kind: "preVoteAnswer";
  readonly granted: boolean;
}

export interface VoteAnswer extends Envelope {
  readonly kind: "voteAnswer";
  readonly granted: boolean;
}

/** AppendEntries with entries, or a probe without (Raft §5.3). */
export interface AppendMessage extends Envelope {
  readonly kind: "append";
  readonly incarnation: Incarnation;
  readonly previousIndex: LogIndex;
  readonly previousTerm: Term;
  readonly entries: readonly Entry[];
  readonly commit: LogIndex;
}

export interface AppendAnswer extends Envelope {
  readonly kind: "appendAnswer";
  readonly incarnation: Incarnation;
  /** Accepted: the last index known to match. Rejected: the refused `previousIndex`. */
  readonly index: LogIndex;
  /** Null when accepted; else where the follower's log may agree (fast backtracking). */
  readonly rejected: { readonly hintIndex: LogIndex; readonly hintTerm: Term } | null;
  /** Somebody waits at the follower for what is committed: it is to be told soon. */
  readonly isAwaited: boolean;
}

/** "I still lead": keeps followers, tells what is committed, and carries a read round. */
export interface HeartbeatMessage extends Envelope {
  readonly kind: "heartbeat";
  readonly incarnation: Incarnation;
  /** At most what is known to match at the receiver, so that no check is needed. */
  readonly commit: LogIndex;
  /** The read round this heartbeat confirms when answered; 0 when none waits. */
  readonly round: number;
  /** The leader's steady time when it was sent; comes back in the answer. */
  readonly sentAt: Milliseconds;
}

export interface HeartbeatAnswer extends Envelope {
  readonly kind: "heartbeatAnswer";
  readonly incarnation: Incarnation;
  readonly round: number;
  /** The heartbeat's `sentAt`: since then at least, the receiver takes the sender for its leader. */
  readonly sentAt: Milliseconds;
  /** The receiver's last index: tells a leader that it lags, without another probe. */
  readonly lastIndex: LogIndex;
  /** The version of the receiver's code: which meanings it knows. */
  readonly version: number;
  /** The receiver's database has no room left: an alarm is to be raised for it. */
  readonly isFull: boolean;
  /** As in `AppendAnswer`. */
  readonly isAwaited: boolean;
}

/** "Campaign at once, in the next term": the end of a transfer of leadership (thesis §3.10). */
export interface TimeoutNowMessage extends Envelope {
  readonly kind: "timeoutNow";
  readonly incarnation: Incarnation;
}

/** "Nothing is left to do: stop your clock." Everything up to `commit` is known to match. */
export interface QuiesceMessage extends Envelope {
  readonly kind: "quiesce";
  readonly incarnation: Incarnation;
  readonly commit: LogIndex;
}

/** "Are you there, and is there news?", to the leader; a heartbeat or an append says yes. */
export interface WakeMessage extends Envelope {
  readonly kind: "wake";
}

/** A follower asks its leader for an index at which its waiting reads may be answered. */
export interface ReadRequest extends Envelope {
  readonly kind: "readRequest";
  /** The asking instance and its round, so that no answer is taken for that to another request. */
  readonly incarnation: Incarnation;
  readonly round: number;
}

export interface ReadAnswer extends Envelope {
  readonly kind: "readAnswer";
  readonly incarnation: Incarnation;
  readonly round: number;
  /** The leader's commit index, confirmed after the request arrived. Nothing to commit by. */
  readonly index: LogIndex;
}

/**
 * One part of the leader's state (InstallSnapshot, Raft §7), for a peer whose next entry is trimmed.
 * Consensus passes it on: what it holds is the state machine's affair.
 */
export interface SnapshotMessage extends Envelope {
  readonly kind: "snapshot";
  readonly incarnation: Incarnation;
  /** Names the snapshot: parts of different ones must not mix. */
  readonly snapshot: string;
  /** The last entry that the snapshot covers. */
  readonly index: LogIndex;
  readonly indexTerm: Term;
  /** From 0 on. */
  readonly part: number;
  readonly data: Bytes;
}

/** What the receiver of a snapshot has durably, and where it goes on. */
export interface SnapshotAnswer extends Envelope {
  readonly kind: "snapshotAnswer";
  readonly incarnation: Incarnation;
  readonly snapshot: string;
  /** The part wanted next, and the cursor where it begins: the state machine's to understand. */
  readonly part: number;
  readonly cursor: Bytes;
  /** Nothing is wanted: the receiver's state covers the snapshot, installed or had already. */
  readonly isDone: boolean;
}

/** "You were removed from the cluster", to a member that goes on asking for votes. */
export interface RemovedMessage extends Envelope {
  readonly kind: "removed";
}

/** "Hash what you hold at this revision": the owner's affair, of which Raft knows nothing. */
export interface HashRequest extends Envelope {
  readonly kind: "hashRequest";
  /** How it is hashed: code that does it otherwise does not answer. */
  readonly method: number;
  /** The entry after which the asker stood at that revision, and was compacted so far. */
  readonly index: LogIndex;
  readonly revision: Revision;
  readonly compacted: Revision;
}

export interface HashAnswer extends Envelope {
  readonly kind: "hashAnswer";
  /** As it was asked for. */
  readonly index: LogIndex;
  /** That of the hash: lower than what was asked for only if this replica does not have that. */
  readonly revision: Revision;
  readonly digest: Bytes;
}

/** What only a term's leader sends. */
export type LeaderMessage =
  | AppendMessage
  | HeartbeatMessage
  | QuiesceMessage
  | TimeoutNowMessage
  | SnapshotMessage;

const LEADER_KINDS: ReadonlySet<Message["kind"]> = new Set([
  "append",
  "heartbeat",
  "quiesce",
  "timeoutNow",
  "snapshot",
]);

export const isFromLeader = (message: Message): message is LeaderMessage =>
  LEADER_KINDS.has(message.kind);

export type Message =
  | PreVoteMessage
  | PreVoteAnswer
  | VoteMessage
  | VoteAnswer
  | AppendMessage
  | AppendAnswer
  | HeartbeatMessage
  | HeartbeatAnswer
  | TimeoutNowMessage
  | QuiesceMessage
  | WakeMessage
  | ReadRequest
  | ReadAnswer
  | SnapshotMessage
  | SnapshotAnswer
  | RemovedMessage
  | HashRequest
  | HashAnswer;

/** What replicas tell each other besides consensus: Raft takes no notice. */
export type OwnersMessage = RemovedMessage | HashRequest | HashAnswer;

export const isOwners = (message: Message): message is OwnersMessage =>
  message.kind === "removed" || message.kind === "hashRequest" || message.kind === "hashAnswer";

export type Role = "leader" | "follower" | "candidate" | "learner";
