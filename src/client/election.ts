// Owns elections: candidates queue, the head of the queue leads, and its key's value is what it
// proclaims.

import type { KeyValue } from "./key-value.ts";
import type { BytesLike } from "./keys.ts";
import { contend, NOT_LEADER, type Leadership } from "./lock.ts";
import {
  HEAD,
  nextEvent,
  prefixOf,
  untilCompacted,
  type ContendOptions,
  type QueueStore,
} from "./queue.ts";
import { insist } from "./retry.ts";

export class Election {
  readonly #store: QueueStore;
  readonly #name: BytesLike;

  constructor(store: QueueStore, name: BytesLike) {
    this.#store = store;
    this.#name = name;
  }

  /**
   * Resolves when this candidate leads, and says `value`. Whoever stops waiting leaves the queue.
   *
   * @throws EdgekeeperError; the reason of the signal.
   */
  async campaign(value: BytesLike, options: ContendOptions = {}): Promise<Leadership> {
    const about = { name: this.#name, value, expired: NOT_LEADER };
    // Only who does not wait gets nothing.
    return (await contend(this.#store, about, { ...options, wait: true }))!;
  }

  /** The key of who leads, and what it proclaims; null when nobody does. */
  async leader(): Promise<KeyValue | null> {
    return (await this.#store.range({ prefix: prefixOf(this.#name) }, HEAD)).kvs[0] ?? null;
  }

  /** Who leads, and each change of that, or of what it proclaims, without end. */
  async *observe(
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<KeyValue, never, void> {
    const { signal = new AbortController().signal } = options;
    let last: KeyValue | null = null;
    for (;;) {
      const { leader, revision } = await this.#nextLeader(signal);
      // After a watch that could not go on it may be the one that was told already.
      if (last === null || !isSame(last, leader)) yield leader;
      last = leader;
      const news = this.#store.watch(leader.key, { fromRevision: revision + 1, signal });
      for await (const { type, kv } of untilCompacted(news)) {
        if (type === "delete") break;
        last = kv;
        yield kv;
      }
    }
  }

  /** The leader, or the first that comes, and as of when. */
  async #nextLeader(signal: AbortSignal): Promise<{ leader: KeyValue; revision: number }> {
    const store = this.#store;
    const prefix = prefixOf(this.#name);
    for (;;) {
      const read = () => store.range({ prefix }, { ...HEAD, signal });
      const { kvs, revision } = await insist(store.platform, signal, read);
      if (kvs[0] !== undefined) return { leader: kvs[0], revision };
      const since = { fromRevision: revision + 1, filters: ["noDelete"], signal } as const;
      const leader = await nextEvent(store.watch({ prefix }, since));
      if (leader !== null) return { leader: leader.kv, revision: leader.kv.modRevision };
    }
  }
}

const isSame = (a: KeyValue, b: KeyValue): boolean =>
  a.modRevision === b.modRevision && a.keyText() === b.keyText();
