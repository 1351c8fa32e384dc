// Owns what a write is told for the sake of its idempotency key: the first answer, that the key is of
// another request, or that no more keys can be remembered.

import { equalBytes } from "../base/bytes.ts";
import { ANSWER_KEPT_BYTES_MAX } from "../base/limits.ts";
import { present } from "../base/assert.ts";
import type { SqlPort } from "../base/ports.ts";
import { refuse } from "../base/result.ts";
import type { Bytes, ClusterTime, LogIndex } from "../base/types.ts";
import type { Store } from "../mvcc/store.ts";
import type { Done } from "./batch.ts";
import { NOT_KEPT, type Proposal } from "./command.ts";
import { NOBODY, scopedKey } from "./keyed.ts";
import { KeyedMemory } from "./keyed-memory.ts";
import { recall } from "./outcome.ts";

/** A key, and whose it is: null is nobody's. */
interface KeyOf {
  readonly user: string | null;
  readonly key: string;
}

export class KeyedAnswers {
  readonly #sql: SqlPort;
  readonly #store: Store;
  /** Read at first use: not while the object starts, nor where nobody has a use for keys. */
  #known: KeyedMemory | null = null;

  constructor(sql: SqlPort, store: Store) {
    this.#sql = sql;
    this.#store = store;
  }

  /**
   * Whether a write with this key may come at `now`, by the leader's clock: the key is remembered, or
   * can be. Its entry would find out otherwise.
   */
  hasRoomFor(name: KeyOf, now: ClusterTime): boolean {
    return !this.#memory.willBeFull(now) || this.recalls(name, now);
  }

  /** Whether a write with this key was applied, as far as is applied here. */
  recalls({ user, key }: KeyOf, now: ClusterTime): boolean {
    return this.#memory.recalls(scopedKey(user ?? NOBODY, key), now);
  }

  /** Whether nothing is remembered by an entry of `now`. */
  isEmpty(now: ClusterTime): boolean {
    return this.#memory.isEmpty(now);
  }

  /** What the keyed write of an entry of `now` is told; null: it is the first, and to be applied. */
  done(proposal: Proposal, now: ClusterTime): Done | null {
    const { key, fingerprint, user } = nameOf(proposal);
    const { revision } = this.#store;
    const first = this.#memory.find(scopedKey(user, key), now);
    if (first === null) {
      return this.#memory.isFull(now) ? { outcome: refuse("tooManyRequests"), revision } : null;
    }
    if (!equalBytes(first.fingerprint, fingerprint)) {
      return { outcome: refuse("idempotencyMismatch"), revision };
    }
    return { outcome: recall(first.answer, proposal.command), revision: first.revision };
  }

  /** The keyed write was applied: `encoded` is its answer. */
  remember(
    proposal: Proposal,
    applied: { readonly index: LogIndex; readonly time: ClusterTime; readonly encoded: Bytes },
  ): void {
    const { index, time, encoded } = applied;
    const answer = encoded.length <= ANSWER_KEPT_BYTES_MAX ? encoded : NOT_KEPT;
    const { revision } = this.#store;
    this.#memory.remember({ index, time, revision, ...nameOf(proposal), answer });
  }

  /** Ends a batch, the last entry of which is of `now`, within its transaction. */
  flush(now: ClusterTime): void {
    this.#known?.flush(now);
  }

  /** As of the last batch: it is first read before a batch has changed anything of it. */
  get #memory(): KeyedMemory {
    return (this.#known ??= new KeyedMemory(this.#sql, this.#store.clusterTime));
  }
}

function nameOf({ keyed, requester = null }: Proposal) {
  const { key, fingerprint } = present(keyed, "the write has a key");
  return { key, fingerprint, user: requester?.name ?? NOBODY };
}
