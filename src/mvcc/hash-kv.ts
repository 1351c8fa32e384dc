// Owns the history hash: a CRC-32C over what etcd would have in its bucket of versions up to a
// revision, bit for bit. Replicas that applied the same entries have the same, however far each has
// swept; so has an etcd with the same history. Source: etcd server/storage/mvcc/hash.go, kvstore.go
// (hashByRev), key_index.go (keep).
//
// With C compacted and R the revision asked for, etcd hashes, in the order of revisions,
//
//   1. of the versions up to C those that are live at R: what a compaction at R would keep;
//   2. everything from C + 1 to R, deletions included.
//
// One oddity is part of it: when no key at all lives at R, nothing is skipped in 1, and what the
// compaction at C has left is hashed, which is what was live at C.
//
// The second part is the history, read in order. The first stands in `now` and `old` in the order of
// keys, and beside the events that replaced it. Its versions are hashed one by one as they come, and the
// hashes joined in order at the end, so that no value waits in memory and SQLite has nothing to sort.
//
// For a revision to which it compacted, an etcd answers what it computed before the compaction, until
// it restarts. That is another question, and has another compacted revision in the answer.

import { present } from "../base/assert.ts";
import { EMPTY, encodeUtf8 } from "../base/bytes.ts";
import { crc32c } from "../base/checksum.ts";
import { CATCH_UP_BYTES_MAX, COMPACTION_SLICE_ROWS } from "../base/limits.ts";
import type { KeyValue } from "../base/kv.ts";
import type { KvHash } from "../base/maintenance.ts";
import type { SqlPort } from "../base/ports.ts";
import type { Refusal } from "../base/refusal.ts";
import { accept, refuse, type Result } from "../base/result.ts";
import { asRevision, nextRevision } from "../base/types.ts";
import type { Bytes, Revision } from "../base/types.ts";
import { HashedHistory } from "./hashed-history.ts";
import { HashedVersions } from "./hashed-versions.ts";
import type { History } from "./history.ts";
import { bucketBytes } from "./kv-proto.ts";
import { toKeyValue } from "./rows.ts";
import type { Pin, Store } from "./store.ts";
import { liveRun, supersededRun, type SupersededPlace } from "./version-walk.ts";

/** The name of etcd's bucket, with which every hash begins. */
const BUCKET = encodeUtf8("key");

/** What one slice reads: a few milliseconds. */
const SLICE = { rowsMax: COMPACTION_SLICE_ROWS, bytesMax: CATCH_UP_BYTES_MAX };

type Stage =
  | { readonly kind: "live"; readonly after: Bytes }
  | { readonly kind: "superseded"; readonly after: SupersededPlace }
  | { readonly kind: "replaced"; readonly from: Revision }
  | { readonly kind: "history"; readonly hashed: HashedHistory }
  | { readonly kind: "done"; readonly crc: number };

/**
 * Begins to hash up to `revision`; 0 means the latest. The store is pinned until the hash is there, or
 * `release` is called: a caller may let other work in between two slices.
 */
export function beginHashKv(
  sql: SqlPort,
  store: Store,
  revision: number,
): Result<KvHashing, Refusal> {
  if (revision > store.revision) return refuse("futureRevision");
  if (revision > 0 && revision < store.compacted) return refuse("compacted");
  return accept(new KvHashing(sql, store, asRevision(revision === 0 ? store.revision : revision)));
}

/** The hash, in one go. */
export function hashKv(sql: SqlPort, store: Store, revision: number): Result<KvHash, Refusal> {
  const begun = beginHashKv(sql, store, revision);
  if (!begun.ok) return begun;
  for (;;) {
    const hash = begun.value.step();
    if (hash !== null) return accept(hash);
  }
}

/** A hash under way. */
export class KvHashing {
  readonly #sql: SqlPort;
  readonly #store: Store;
  readonly #pin: Pin;
  readonly #history: History;
  readonly #revision: Revision;
  #hashed = new HashedVersions();
  /** Whether a replaced version is live at the revision asked for. */
  #hasLiveReplaced = false;
  #stage: Stage;

  constructor(sql: SqlPort, store: Store, revision: Revision) {
    this.#sql = sql;
    this.#store = store;
    this.#revision = revision;
    this.#pin = store.pin();
    this.#history = store.historyOf(this.#pin);
    this.#stage = { kind: "live", after: EMPTY };
  }

  /** One slice; the hash with the last. */
  step(): KvHash | null {
    this.#stage = this.#next(this.#stage);
    if (this.#stage.kind !== "done") return null;
    this.release();
    const { crc: hash } = this.#stage;
    return { hash, hashRevision: this.#revision, compactRevision: this.#pin.compacted };
  }

  /** Gives up, or ends: the sweep may go on (see `Store.sweepPending`). */
  release(): void {
    this.#store.release(this.#pin);
  }

  /** False once it is released, or lost: it comes to nothing then. */
  get isPinned(): boolean {
    return this.#store.holds(this.#pin);
  }

  #next(stage: Stage): Stage {
    switch (stage.kind) {
      case "live":
        return this.#hashLive(stage.after);
      case "superseded":
        return this.#hashSuperseded(stage.after);
      case "replaced":
        return this.#hashReplaced(stage.from);
      case "history":
        return stage.hashed.step(SLICE.bytesMax) ? stage : { kind: "done", crc: stage.hashed.crc };
      case "done":
        return stage;
      default:
        return stage satisfies never;
    }
  }

  #hashLive(after: Bytes): Stage {
    const { compacted } = this.#pin;
    const run = liveRun(this.#sql, after, { ...SLICE, modMax: compacted });
    for (const row of run.rows) this.#add(toKeyValue(row), row.sub, true);
    if (run.last !== null) return { kind: "live", after: run.last };
    return { kind: "superseded", after: { key: EMPTY, until: 0 } };
  }

  #hashSuperseded(after: SupersededPlace): Stage {
    const { compacted } = this.#pin;
    const which = { modMax: compacted, untilMin: compacted };
    const run = supersededRun(this.#sql, after, { ...SLICE, ...which });
    for (const row of run.rows) this.#add(toKeyValue(row), row.sub, row.until > this.#revision);
    if (run.last !== null) return { kind: "superseded", after: run.last };
    return { kind: "replaced", from: nextRevision(compacted) };
  }

  #hashReplaced(from: Revision): Stage {
    const { compacted } = this.#pin;
    const { versions, next } = this.#history.readReplaced(from, SLICE.bytesMax);
    for (const { kv, sub, until } of versions) {
      const isLive = until > this.#revision;
      if (kv.modRevision <= compacted) this.#add(kv, sub, isLive);
      else if (isLive && kv.modRevision <= this.#revision) this.#hasLiveReplaced = true;
    }
    if (next !== null) return { kind: "replaced", from: next };
    const range = { from: nextRevision(compacted), to: this.#revision, crc: this.#join() };
    return { kind: "history", hashed: new HashedHistory(this.#history, range) };
  }

  #add(kv: KeyValue, sub: number, isLive: boolean): void {
    const { modRevision: main } = kv;
    const bytes = bucketBytes({ main, sub }, kv);
    this.#hashed.add({ main, sub, crc: crc32c(bytes), length: bytes.length, isLive });
  }

  /** The hash of the versions up to the compacted revision. */
  #join(): number {
    const skips = this.#hashed.hasLive || (this.#hashed.size > 0 && this.#hasLiveKey());
    const hash = this.#hashed.join(crc32c(BUCKET), skips ? "live" : "all");
    this.#hashed = new HashedVersions();
    return hash;
  }

  /** Whether any key lives at the revision asked for. Asked only if none does that is older than C. */
  #hasLiveKey(): boolean {
    if (this.#hasLiveReplaced) return true;
    const [found] = this.#sql.all<{ found: number }>(
      `SELECT EXISTS (SELECT 1 FROM now WHERE mod_revision <= ?)
         OR EXISTS (SELECT 1 FROM old WHERE mod_revision <= ? AND until > ?) AS found`,
      this.#revision,
      this.#revision,
      this.#revision,
    );
    return present(found, "a question of existence has an answer").found === 1;
  }
}
