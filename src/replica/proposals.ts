// Owns the way of writes up to the log: a queue in which proposals gather while the batch before
// them is made durable, and the places of those that are in the log and not yet applied.

import { present } from "../base/assert.ts";
import {
  APPEND_BYTES_MAX,
  ENTRIES_UNAPPLIED_MAX,
  PROPOSALS_WAITING_BYTES_MAX,
  PROPOSALS_WAITING_MAX,
} from "../base/limits.ts";
import { nextIndex, type LogIndex, type Milliseconds, type Term } from "../base/types.ts";
import type { RaftNode } from "../raft/node.ts";
import type { Proposed } from "../raft/ready.ts";
import type { Payload } from "../raft/types.ts";

/** A proposal; `call` is null when no client waits for it. */
export interface QueuedProposal {
  readonly call: number | null;
  readonly payload: Payload;
}

interface Placed {
  readonly call: number;
  readonly term: Term;
}

/** Bytes that an entry takes around its data, about. */
const ENTRY_OVERHEAD_BYTES = 16;

export class Proposals {
  #queue: QueuedProposal[] = [];
  #queuedBytes = 0;
  #isUnconfirmed = false;
  #awaitsDurable = false;
  readonly #placed = new Map<LogIndex, Placed>();

  /**
   * Whether another proposal may come, while the log has `unapplied` entries that are not applied;
   * if not, the client is told "too many requests".
   */
  hasRoom(unapplied: number): boolean {
    return (
      unapplied <= ENTRIES_UNAPPLIED_MAX &&
      this.#queue.length < PROPOSALS_WAITING_MAX &&
      this.#queuedBytes < PROPOSALS_WAITING_BYTES_MAX
    );
  }

  enqueue(proposal: QueuedProposal): void {
    this.#queue.push(proposal);
    this.#queuedBytes += proposal.payload.data.length;
  }

  /**
   * Group commit: appends what has gathered as one batch, unless the batch before it is not yet
   * durable; then it goes on gathering. Returns whether anything was appended.
   */
  append(raft: RaftNode, now: Milliseconds): boolean {
    if (this.#isUnconfirmed || this.#queue.length === 0) return false;
    // Who takes over needs the whole log first: what comes meanwhile waits for the outcome.
    if (raft.status().isHandingOver) return false;
    const batch = this.#takeBatch();
    const payloads = batch.map(({ payload }) => payload);
    const proposed = present(raft.propose(payloads, now), "only a leader appends");
    for (const [offset, { call }] of batch.entries()) {
      if (call === null) continue;
      this.#placed.set(nextIndex(proposed.first, offset), { call, term: proposed.term });
    }
    this.#isUnconfirmed = true;
    this.#awaitsDurable = true;
    return true;
  }

  /** `call` waits for an entry that was appended by itself. */
  place(call: number, { first, term }: Proposed): void {
    this.#placed.set(first, { call, term });
  }

  /** The batch is durable: the next one may be appended. */
  confirm(): void {
    this.#isUnconfirmed = false;
  }

  /** Whether a batch was appended since the last call, and its confirmation is wanted. */
  takeAwaitsDurable(): boolean {
    const awaits = this.#awaitsDurable;
    this.#awaitsDurable = false;
    return awaits;
  }

  /** Whether a call waits for what becomes of `index`. */
  isAwaited(index: LogIndex): boolean {
    return this.#placed.has(index);
  }

  /** The call that waits for `index`, and the term in which its entry was proposed; once. */
  settle(index: LogIndex): Placed | null {
    const placed = this.#placed.get(index) ?? null;
    this.#placed.delete(index);
    return placed;
  }

  /** Removes and returns the calls whose entries at or above `index` were overwritten. */
  overwrittenFrom(index: LogIndex): number[] {
    const lost = [...this.#placed].filter(([placedAt]) => placedAt >= index);
    for (const [placedAt] of lost) this.#placed.delete(placedAt);
    return lost.map(([, { call }]) => call);
  }

  /** Removes and returns the calls that never reached the log. */
  dropQueued(): number[] {
    const dropped = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    return dropped.flatMap(({ call }) => (call === null ? [] : [call]));
  }

  /** One append's worth, and at least one proposal. */
  #takeBatch(): QueuedProposal[] {
    let size = 0;
    let count = 0;
    for (const { payload } of this.#queue) {
      size += payload.data.length + ENTRY_OVERHEAD_BYTES;
      if (count > 0 && size > APPEND_BYTES_MAX) break;
      this.#queuedBytes -= payload.data.length;
      count++;
    }
    return this.#queue.splice(0, count);
  }
}
