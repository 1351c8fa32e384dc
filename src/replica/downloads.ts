// Owns snapshots on their way to clients: the state is pinned when one is opened, and read part by
// part as it is asked for. Nothing of it is kept but the pin; with the memory of the replica it is
// lost, and so is one that nobody asks for parts of any more.

import { DOWNLOADS_MAX, SNAPSHOT_PATIENCE_MS } from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import type { Refusal } from "../base/refusal.ts";
import { accept, refuse, type Result } from "../base/result.ts";
import { asMilliseconds, later, type Bytes, type Milliseconds } from "../base/types.ts";
import { FIRST_CURSOR } from "../mvcc/snapshot-part.ts";
import { SnapshotSource, type SnapshotPart } from "../mvcc/snapshot-source.ts";
import type { Pin, Store } from "../mvcc/store.ts";
import { UNVERSIONED_OF_FILES } from "./applied-state.ts";

interface Download {
  readonly source: SnapshotSource;
  heardAt: Milliseconds;
}

export class Downloads {
  readonly #sql: SqlPort;
  readonly #store: Store;
  readonly #open = new Map<string, Download>();
  #count = 0;

  constructor(sql: SqlPort, store: Store) {
    this.#sql = sql;
    this.#store = store;
  }

  /** When `tick` is wanted; null when nothing is open. */
  get due(): Milliseconds | null {
    const heard = [...this.#open.values()].map(({ heardAt }) => heardAt);
    if (heard.length === 0) return null;
    return later(asMilliseconds(Math.min(...heard)), SNAPSHOT_PATIENCE_MS);
  }

  /**
   * Pins the state as it is. The name tells the entry, so one that another instance gave, before a
   * restart, can only be taken for a snapshot of the same state.
   */
  begin(now: Milliseconds): Result<{ readonly name: string; readonly pin: Pin }, Refusal> {
    if (this.#open.size >= DOWNLOADS_MAX) return refuse("tooManyRequests");
    const source = new SnapshotSource({
      sql: this.#sql,
      store: this.#store,
      unversioned: UNVERSIONED_OF_FILES,
    });
    const name = `${source.pin.index}/${++this.#count}`;
    this.#open.set(name, { source, heardAt: now });
    return accept({ name, pin: source.pin });
  }

  /**
   * The part at `cursor`, which no bytes stand for at the beginning; null when there is no such pin.
   *
   * @throws CodecError on anything that is no cursor.
   */
  part(name: string, cursor: Bytes, now: Milliseconds): SnapshotPart | null {
    const download = this.#open.get(name);
    if (download === undefined) return null;
    if (!download.source.isPinned) {
      this.end(name);
      return null;
    }
    download.heardAt = now;
    return download.source.part(cursor.length === 0 ? FIRST_CURSOR : cursor);
  }

  end(name: string): void {
    this.#open.get(name)?.source.release();
    this.#open.delete(name);
  }

  /** Lets go of what nobody asked for any more. */
  tick(now: Milliseconds): void {
    for (const [name, { heardAt }] of this.#open) {
      if (now >= later(heardAt, SNAPSHOT_PATIENCE_MS)) this.end(name);
    }
  }
}
