// Owns what must hold of a whole cluster: Raft's figure 3, and the promises made to clients. It
// watches replicas from outside, keeps its own ledger, and knows nothing of how they work.

import { authorOf } from "../../../src/raft/entry-codec.ts";
import type { LogIndex, MemberId } from "../../../src/base/types.ts";
import type { RaftStatus } from "../../../src/raft/ready.ts";
import type { Entry, HardState } from "../../../src/raft/types.ts";

/** Something that must never happen has happened. */
export class SafetyViolation extends Error {
  override readonly name = "SafetyViolation";
}

interface Committed {
  readonly entry: Entry;
  /** The lowest term of a node that had it committed: no leader of a later term may lack it. */
  term: number;
}

interface LogView {
  readonly id: MemberId;
  readonly entries: readonly Entry[];
}

/** One cluster's ledger. Every `saw...` throws a SafetyViolation when a promise is broken. */
export class Checker {
  readonly #leaders = new Map<number, MemberId>();
  /** By "index/term": the hash of the log up to that entry. */
  readonly #chains = new Map<string, number>();
  readonly #committed: Committed[] = [];
  readonly #failed = new Set<string>();
  #acknowledged = 0;

  /** The highest index that a client was told is committed. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  get committedCount(): number {
    return this.#committed.length;
  }

  /** Election safety and leader completeness (Raft §5.2, §5.4). */
  sawStatus(log: LogView, status: RaftStatus): void {
    if (status.role !== "leader") return;
    const known = this.#leaders.get(status.term);
    if (known === log.id) return;
    must(known === undefined, `term ${status.term} has leaders ${known} and ${log.id}`);
    this.#leaders.set(status.term, log.id);
    for (const [position, { entry, term }] of this.#committed.entries()) {
      const own = log.entries[position];
      const held = own !== undefined && same(own, entry);
      must(term >= status.term || held, `leader ${log.id} lacks committed ${entry.index}`);
    }
  }

  /** Log matching (Raft §5.3), for entries of a log from position `from` on. */
  sawLog(log: LogView, from: number): void {
    for (let position = from; position < log.entries.length; position++) {
      const entry = log.entries[position]!;
      const previous = log.entries[position - 1];
      const before = previous === undefined ? 0 : this.#chains.get(name(previous))!;
      const hash = mix(mix(before, hashEntry(entry)), entry.term);
      const known = this.#chains.get(name(entry));
      must(known === undefined || known === hash, `two logs differ up to ${name(entry)}`);
      this.#chains.set(name(entry), hash);
      const opens = previous === undefined || previous.term !== entry.term;
      must(!opens || authorOf(entry) !== null, `term ${entry.term} opens with its author`);
    }
  }

  /** State machine safety (Raft §5.4.3): one entry for each index, applied in order. */
  sawApplied(id: MemberId, entry: Entry, term: number): void {
    const position = entry.index - 1;
    const known = this.#committed[position];
    must(known !== undefined || position === this.#committed.length, `${id} applies with a gap`);
    if (known === undefined) this.#committed.push({ entry, term });
    else {
      must(same(known.entry, entry), `${id} applies another entry at ${entry.index}`);
      known.term = Math.min(known.term, term);
    }
    must(!this.#failed.has(name(entry)), `${name(entry)} was told to have failed, and commits`);
  }

  /** A client was told that its proposal is committed. */
  sawAcknowledged(index: LogIndex, term: number): void {
    const entry = this.#committed[index - 1]?.entry;
    must(entry?.term === term, `acknowledged ${index}/${term} is committed`);
    this.#acknowledged = Math.max(this.#acknowledged, index);
  }

  /** A client was told that its proposal never happens. */
  sawFailed(index: LogIndex, term: number): void {
    const failed = `${index}/${term}`;
    const entry = this.#committed[index - 1]?.entry;
    must(entry?.term !== term, `${failed} is told to have failed, and was committed`);
    this.#failed.add(failed);
  }

  /** A read that began when `floor` was acknowledged is answered as of `index`. */
  sawRead(index: number, floor: number): void {
    must(index >= floor, `a read as of ${index} began after ${floor} was acknowledged`);
  }

  /**
   * What a leader takes for granted about a peer: the match never falls, lies before what is sent
   * next, and is in the peer's durable log, unless the peer has gone on to a later term.
   */
  sawProgress(
    leader: { term: number; entries: readonly Entry[] },
    peer: { term: number; entries: readonly Entry[]; match: number; before: number; next: number },
  ): void {
    const { match } = peer;
    must(match >= peer.before, `match falls from ${peer.before} to ${match}`);
    must(match < peer.next, `next ${peer.next} lies behind match ${match}`);
    if (match === 0 || peer.term > leader.term) return;
    const held = peer.entries[match - 1];
    must(held !== undefined && same(held, leader.entries[match - 1]!), `the peer holds ${match}`);
  }

  /** What was confirmed durable: term never falls, one vote in a term, applied never falls. */
  sawConfirmed(
    before: { hardState: HardState; applied: number },
    after: { hardState: HardState; applied: number },
  ): void {
    const { term, vote } = before.hardState;
    must(after.hardState.term >= term, "a confirmed term falls");
    const changed = after.hardState.term === term && vote !== null && after.hardState.vote !== vote;
    must(!changed, `a confirmed vote of term ${term} changes`);
    must(after.applied >= before.applied, "a confirmed applied index falls");
  }
}

function must(condition: boolean, violation: string): asserts condition {
  if (!condition) throw new SafetyViolation(violation);
}

const name = (entry: Entry): string => `${entry.index}/${entry.term}`;

const same = (a: Entry, b: Entry): boolean =>
  a.index === b.index && a.term === b.term && hashEntry(a) === hashEntry(b);

function hashEntry(entry: Entry): number {
  let hash = mix(entry.index, entry.kind);
  for (const byte of entry.data) hash = mix(hash, byte);
  return hash;
}

/** One step of FNV-1a over 32-bit words. */
export const mix = (hash: number, value: number): number =>
  Math.imul((hash ^ value) >>> 0, 0x01000193) >>> 0;
