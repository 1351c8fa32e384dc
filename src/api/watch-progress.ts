// Owns what one watch has passed on so far, which decides where it resumes and what is a repeat.

import type { WatchEvent, WatchSpec } from "../base/watch.ts";
import { bytesKey } from "../base/bytes.ts";

/**
 * The state of one watch of a session client, across connections.
 *
 * A replica that slept, or another one after a loss, delivers again from the last revision that it
 * knows as acknowledged. What was passed on is dropped: whole revisions by number, and within a
 * revision that came in parts by key and kind, since a revision puts and deletes a key once at most.
 */
export class WatchProgress {
  readonly #spec: WatchSpec;
  /** Everything up to and including this revision was passed on; null before `created`. */
  #seen: number | null = null;
  #unfinished: { readonly revision: number; readonly changes: Set<string> } | null = null;

  constructor(spec: WatchSpec) {
    this.#spec = spec;
  }

  get isCreated(): boolean {
    return this.#seen !== null;
  }

  /** What to ask of the next connection. */
  get resumeSpec(): WatchSpec {
    return this.#seen === null ? this.#spec : { ...this.#spec, startRevision: this.#seen + 1 };
  }

  /** The watch exists since `revision`. False when that was known: a resumption. */
  created(revision: number): boolean {
    if (this.#seen !== null) return false;
    this.#seen = this.#spec.startRevision > 0 ? this.#spec.startRevision - 1 : revision;
    return true;
  }

  /** Everything up to and including `revision` was delivered. */
  progressed(revision: number): void {
    if (this.#seen !== null && revision > this.#seen) this.#seen = revision;
  }

  /**
   * The events that are new, taken note of as passed on; null when there is nothing to pass on. An
   * empty list ends a revision of which the first parts were passed on.
   */
  take(delivery: {
    readonly events: readonly WatchEvent[];
    readonly partial: boolean;
  }): readonly WatchEvent[] | null {
    const last = delivery.events.at(-1)?.kv.modRevision ?? 0;
    // A repeat of what was passed on says nothing about a revision that is under way.
    if (last < (this.#unfinished?.revision ?? (this.#seen ?? 0) + 1)) return null;
    const fresh = delivery.events.filter((event) => this.#isNew(event));
    const wasUnfinished = this.#unfinished !== null;
    if (delivery.partial) this.#passPart(last, fresh);
    else {
      this.progressed(last);
      this.#unfinished = null;
    }
    return fresh.length > 0 || (wasUnfinished && !delivery.partial) ? fresh : null;
  }

  #isNew(event: WatchEvent): boolean {
    const { modRevision } = event.kv;
    if (modRevision <= (this.#seen ?? 0)) return false;
    const unfinished = this.#unfinished;
    return unfinished?.revision !== modRevision || !unfinished.changes.has(changeOf(event));
  }

  #passPart(revision: number, fresh: readonly WatchEvent[]): void {
    this.progressed(revision - 1);
    if (this.#unfinished?.revision !== revision) {
      this.#unfinished = { revision, changes: new Set() };
    }
    for (const event of fresh) {
      if (event.kv.modRevision === revision) this.#unfinished.changes.add(changeOf(event));
    }
  }
}

/** What tells one change of a revision from the others. */
const changeOf = ({ kind, kv }: WatchEvent): string => `${kind} ${bytesKey(kv.key)}`;
