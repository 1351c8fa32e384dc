// Owns comparing what replicas hold, as etcd compares theirs: the leader asks all for a hash of the
// state at one revision, and makes its own. Who differs from a majority has lost its integrity; when
// there is no majority, nobody can say who, and the cluster has (member 0).
// Source: etcd server/etcdserver/corrupt.go (CompactHashCheck, checkPeerHashes).
//
//   leader    [slice] [slice] [slice] .................. judges
//      \ index, revision, compacted                     / hash
//   peer  `-> waits until it has applied it  [slice] [slice]
//
// It is bounded by the writes since the last one, and begins with a write only: an idle cluster sleeps
// on, and nobody who sleeps is woken. A hash is made in slices, with requests in between: a slice that
// comes late tells that there are many, and then the next is put off.
// When the store is compacted meanwhile it is given up, for it could be compared with nobody's: so it
// never keeps the sweep waiting. So it is when its pin is lost.

import type { ClusterState } from "../apply/cluster-state.ts";
import { versionOf, type Command } from "../apply/command.ts";
import { bytesKey } from "../base/bytes.ts";
import { Reader, Writer } from "../base/codec.ts";
import {
  COMPARE_COMPACTED_MS,
  COMPARE_MS,
  COMPARE_PATIENCE_MS,
  COMPARE_PAUSE_MS_MAX,
  COMPARE_ROWS_PER_REVISION,
  COMPARE_YIELD,
  SWEEP_PAUSE_MS,
} from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import { asMemberId, asMilliseconds, asRevision, later } from "../base/types.ts";
import type { Bytes, LogIndex, MemberId, Milliseconds, Revision } from "../base/types.ts";
import { STATE_HASH_METHOD as METHOD, StateHashing } from "../mvcc/state-hash.ts";
import type { Store } from "../mvcc/store.ts";
import type { RaftNode } from "../raft/node.ts";
import type { HashAnswer, HashRequest, Message } from "../raft/types.ts";

/** Stands for the cluster as a whole, as in etcd. */
const NOBODY_KNOWS_WHO = asMemberId(0n);

/** What is to be hashed, and for whom. */
interface Task {
  readonly asker: MemberId;
  readonly index: LogIndex;
  readonly revision: Revision;
  readonly compacted: Revision;
}

interface Hashing extends Task {
  readonly hash: StateHashing;
  due: Milliseconds;
}

/** A comparison that this replica leads. */
interface Comparison {
  readonly index: LogIndex;
  readonly members: readonly MemberId[];
  readonly begun: Milliseconds;
  /** Null until this replica has made its own hash, which takes as long as its rows are many. */
  until: Milliseconds | null;
  /** Who holds what. */
  readonly holders: Map<string, MemberId[]>;
}

/** The last time that this replica has hashed its state. */
interface Compared {
  readonly revision: Revision;
  readonly compacted: Revision;
  readonly rows: number;
  readonly at: Milliseconds;
}

export interface IntegrityOptions {
  readonly self: MemberId;
  readonly sql: SqlPort;
  readonly store: Store;
  readonly cluster: ClusterState;
  readonly raft: RaftNode;
  readonly now: Milliseconds;
  readonly send: (message: Message) => void;
}

export class Integrity {
  readonly #options: IntegrityOptions;
  #compared: Compared;
  /** What was applied when it was last looked at. */
  #applied: LogIndex;
  #asked: Task | null = null;
  #hashing: Hashing | null = null;
  #comparison: Comparison | null = null;
  #corrupt: readonly Command[] = [];

  constructor(options: IntegrityOptions) {
    this.#options = options;
    this.#compared = readCompared(options);
    this.#applied = options.store.appliedIndex;
  }

  /** When `tick` is wanted; null when nothing is under way. An answer that is missing wakes nobody. */
  get due(): Milliseconds | null {
    if (this.#hashing !== null) return this.#hashing.due;
    return (this.#comparison?.holders.size ?? 0) > 1 ? this.#comparison!.until : null;
  }

  /** Begins what is due. Returns the alarms to propose: for whoever was found to differ, each once. */
  follow(isLeading: boolean, now: Milliseconds): readonly Command[] {
    const { appliedIndex } = this.#options.store;
    const isAtWork = appliedIndex > this.#applied;
    this.#applied = appliedIndex;
    if (!isLeading) this.#comparison = null;
    else if (isAtWork && this.#isDue(now)) this.#compare(now);
    if (this.#asked !== null) this.#beginAsked(this.#asked, now);
    if (this.#corrupt.length === 0) return this.#corrupt;
    const found = this.#corrupt;
    this.#corrupt = [];
    return isLeading ? found : [];
  }

  receive(message: HashRequest | HashAnswer, now: Milliseconds): void {
    if (message.kind === "hashAnswer") return this.#take(message, now);
    const { from: asker, method, index, revision, compacted } = message;
    if (method === METHOD) this.#asked = { asker, index, revision, compacted };
  }

  tick(now: Milliseconds): void {
    if (this.#hashing !== null && now >= this.#hashing.due) this.#step(this.#hashing, now);
    this.#judge(now);
  }

  #isDue(now: Milliseconds): boolean {
    const { store, cluster, raft } = this.#options;
    const { revision, compacted, rows, at } = this.#compared;
    const isCompacted = store.compacted !== compacted;
    if (store.revision === revision && !isCompacted) return false;
    if (now < later(at, isCompacted ? COMPARE_COMPACTED_MS : COMPARE_MS)) return false;
    if (rows > (store.revision - revision) * COMPARE_ROWS_PER_REVISION) return false;
    // Where there is an alarm already, or cannot be one yet, nothing would come of it.
    if (cluster.alarms.has("corrupt") || cluster.version < versionOf("alarm")) return false;
    const isBusy = this.#hashing !== null || (this.#comparison?.until ?? -Infinity) > now;
    return !isBusy && raft.peers().length > 0;
  }

  #compare(now: Milliseconds): void {
    const { self, store, raft, send } = this.#options;
    const { appliedIndex: index, revision, compacted } = store;
    const members = raft.peers().map(({ id }) => id);
    const { term } = raft.status();
    const request = { kind: "hashRequest", method: METHOD, index, revision, compacted } as const;
    for (const to of members) send({ ...request, from: self, to, term });
    const all = [self, ...members];
    this.#comparison = { index, members: all, begun: now, until: null, holders: new Map() };
    this.#begin({ asker: self, index, revision, compacted }, now);
  }

  /** One that is compacted elsewhere by now has nothing to compare: the asker is told nothing. */
  #beginAsked(task: Task, now: Milliseconds): void {
    const { store } = this.#options;
    if (store.appliedIndex < task.index) return;
    this.#asked = null;
    if (store.compacted !== task.compacted) return;
    // At that entry it is there, unless this replica has lost its way; what it has instead, it tells.
    this.#begin({ ...task, revision: asRevision(Math.min(task.revision, store.revision)) }, now);
  }

  #begin(task: Task, now: Milliseconds): void {
    const { sql, store } = this.#options;
    this.#hashing?.hash.release();
    this.#hashing = { ...task, hash: new StateHashing(sql, store, task.revision), due: now };
  }

  #step(hashing: Hashing, now: Milliseconds): void {
    const { store } = this.#options;
    if (store.compacted !== hashing.compacted || !hashing.hash.isPinned) {
      hashing.hash.release();
      this.#hashing = null;
      return;
    }
    hashing.due = later(now, pauseAfter(now - hashing.due));
    const state = hashing.hash.step();
    if (state === null) return;
    this.#hashing = null;
    const { asker, index, revision, compacted } = hashing;
    this.#compared = { revision, compacted, rows: state.rows, at: now };
    writeCompared(this.#options.sql, this.#compared);
    this.#tell(asker, { index, revision, digest: state.digest }, now);
  }

  #tell(
    to: MemberId,
    told: Pick<HashAnswer, "index" | "revision" | "digest">,
    now: Milliseconds,
  ): void {
    const { self: from, raft, send } = this.#options;
    const answer: HashAnswer = { kind: "hashAnswer", from, to, term: raft.status().term, ...told };
    if (to === from) this.#take(answer, now);
    else send(answer);
  }

  #take({ from, index, revision, digest }: HashAnswer, now: Milliseconds): void {
    if (this.#comparison?.index !== index || !this.#comparison.members.includes(from)) return;
    const { holders } = this.#comparison;
    if ([...holders.values()].some((members) => members.includes(from))) return;
    const held = `${revision} ${bytesKey(digest)}`;
    holders.set(held, [...(holders.get(held) ?? []), from]);
    if (from === this.#options.self) this.#comparison.until = patienceOf(this.#comparison, now);
    this.#judge(now);
  }

  #judge(now: Milliseconds): void {
    if (this.#comparison === null) return;
    const { holders, members, until } = this.#comparison;
    const groups = [...holders.values()];
    const isOver = groups.flat().length === members.length || (until !== null && now >= until);
    const isMajority = (group: readonly MemberId[]): boolean => 2 * group.length > members.length;
    const differs = groups.length > 1;
    if (differs && groups.some(isMajority)) {
      const wrong = groups.filter((group) => !isMajority(group)).flat();
      this.#corrupt = wrong.map(alarmOf);
    } else if (differs && isOver) this.#corrupt = [alarmOf(NOBODY_KNOWS_WHO)];
    if (isOver || this.#corrupt.length > 0) this.#comparison = null;
  }
}

/** How long to wait after a slice that came so late; ms. */
const pauseAfter = (lateMs: number): number =>
  Math.min(Math.max(SWEEP_PAUSE_MS, lateMs * COMPARE_YIELD), COMPARE_PAUSE_MS_MAX);

/** Others may be as much busier as they like, but not for ever. */
const patienceOf = ({ begun }: Comparison, now: Milliseconds): Milliseconds =>
  later(now, now - begun + COMPARE_PATIENCE_MS);

/** It stays until a person lowers it. */
const alarmOf = (member: MemberId): Command => ({
  kind: "alarm",
  raises: true,
  automatic: false,
  member,
  alarm: "corrupt",
});

/** For one that never was stands the oldest thing that the history remembers. */
function readCompared({ sql, store, now }: IntegrityOptions): Compared {
  const [row] = sql.all<{ compared: Bytes | null }>("SELECT compared FROM meta WHERE id = 0");
  const bytes = row?.compared ?? null;
  if (bytes === null) {
    const at = store.oldestWall ?? now;
    return { revision: asRevision(1), compacted: asRevision(-1), rows: 0, at };
  }
  const reader = new Reader(bytes);
  const revision = asRevision(reader.uint());
  const compacted = asRevision(reader.int());
  const rows = reader.uint();
  return { revision, compacted, rows, at: asMilliseconds(reader.uint()) };
}

function writeCompared(sql: SqlPort, { revision, compacted, rows, at }: Compared): void {
  const writer = new Writer().uint(revision).int(compacted).uint(rows).uint(Math.floor(at));
  sql.run("UPDATE meta SET compared = ? WHERE id = 0", writer.finish());
}
