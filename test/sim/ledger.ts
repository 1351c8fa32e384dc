// Owns what must hold of a whole cluster at every moment (Raft's figure 3 and the promises made to
// clients), told by what its databases hold once it is confirmed. It keeps its own books, and knows
// nothing of how replicas work.

import { must } from "./world.ts";

/** One entry of a log, with the hash of the whole log up to it. */
export interface ChainedEntry {
  readonly term: number;
  readonly hash: number;
}

export interface LedgerEvent {
  readonly kind: "put" | "delete";
  readonly key: string;
  readonly value: string;
  readonly version: number;
  readonly createRevision: number;
  readonly lease: bigint;
}

/** One revision as a replica's history has it. */
export interface Change {
  readonly revision: number;
  readonly hash: number;
  readonly events: readonly LedgerEvent[];
}

export interface SeenRequest {
  readonly id: string;
  readonly revision: number;
  readonly time: number;
}

/** What a turn has left in a replica's database, taken at its end. */
export interface Facts {
  readonly at: number;
  readonly term: number;
  readonly vote: string | null;
  readonly incarnation: number;
  readonly leads: boolean;
  readonly applied: number;
  readonly revision: number;
  /** The log from `first` on is `entries`; null when it did not change. */
  readonly tail: { readonly first: number; readonly entries: readonly ChainedEntry[] } | null;
  readonly changes: readonly Change[];
  readonly requests: readonly SeenRequest[];
  /** The state came whole, by snapshot: what led to it was not seen here. */
  readonly isInstalled: boolean;
}

/** What is confirmed of one replica. */
export class Standing {
  readonly name: string;
  term = 0;
  vote: string | null = null;
  incarnation = 0;
  applied = 0;
  revision = 1;
  /** By index; holes where the log was trimmed before it was seen. */
  log: (ChainedEntry | undefined)[] = [];

  constructor(name: string) {
    this.name = name;
  }
}

interface Committed extends ChainedEntry {
  /** The lowest term of a replica that had applied it: no leader of a later term may lack it. */
  knownIn: number;
}

export interface LedgerRevision extends Change {
  /** When the first replica had applied it. */
  readonly at: number;
}

/** How long a repeated request must be recognised, in cluster time. */
const REQUEST_WINDOW_MS = 60_000;

const chainKey = (index: number, term: number): number => term * 2 ** 32 + index;

export class Ledger {
  readonly #chains = new Map<number, number>();
  readonly #leaders = new Map<number, string>();
  readonly #committed: (Committed | undefined)[] = [];
  readonly #revisions: (LedgerRevision | undefined)[] = [];
  readonly #requests = new Map<string, SeenRequest>();
  readonly #standings = new Map<number, Standing>();
  readonly #configurations: (readonly number[])[] = [];
  /** The revision after each entry that ended a turn. */
  readonly #revisionAt = new Map<number, number>();

  /** A replica whose confirmed log counts. */
  register(number: number, standing: Standing): void {
    this.#standings.set(number, standing);
  }

  /** From some moment on these vote. */
  configured(voters: readonly number[]): void {
    this.#configurations.push(voters);
  }

  get revision(): number {
    return Math.max(this.#revisions.length - 1, 1);
  }

  get committedIndex(): number {
    return this.#committed.length - 1;
  }

  get terms(): number {
    return this.#leaders.size;
  }

  /** The change at a revision; undefined when no replica has confirmed one. */
  at(revision: number): LedgerRevision | undefined {
    return this.#revisions[revision];
  }

  /** The entry that is committed at an index. */
  committedAt(index: number): ChainedEntry | undefined {
    return this.#committed[index];
  }

  chainAt(index: number, term: number): number | undefined {
    return this.#chains.get(chainKey(index, term));
  }

  /** A turn of a replica is confirmed. */
  confirmed(standing: Standing, facts: Facts): void {
    this.#ballot(standing, facts);
    if (facts.isInstalled) this.#install(standing, facts);
    if (facts.tail !== null) this.#tail(standing, facts.tail);
    this.#applied(standing, facts);
    for (const change of facts.changes) this.#change(standing, change, facts.at);
    for (const request of facts.requests) this.#request(standing, request);
    if (facts.leads) this.#leader(standing, facts.term);
  }

  /** A snapshot equals the prefix of the log that it stands for: entries, and their revision. */
  #install(standing: Standing, { applied, revision, changes }: Facts): void {
    const { name, log } = standing;
    must(this.#committed[applied] !== undefined, () => `${name}: a snapshot of what is no entry`);
    must(applied > standing.applied, () => `${name}: a snapshot over newer state`);
    // What stood there beyond the applied entries may have been of another log, and is gone.
    for (let index = standing.applied + 1; index <= applied; index++) {
      log[index] = this.#committed[index];
    }
    log.length = applied + 1;
    const known = this.#revisionAt.get(applied);
    must(
      known === undefined || known === revision,
      () => `${name}: a snapshot of entry ${applied} is at revision ${revision}, not ${known}`,
    );
    standing.applied = applied;
    standing.revision = (changes[0]?.revision ?? revision + 1) - 1;
  }

  #ballot(standing: Standing, { term, vote, incarnation }: Facts): void {
    const { name } = standing;
    must(term >= standing.term, () => `${name}: the stored term falls to ${term}`);
    const changed = term === standing.term && standing.vote !== null && vote !== standing.vote;
    must(!changed, () => `${name}: the vote of term ${term} changes`);
    must(incarnation >= standing.incarnation, () => `${name}: the incarnation falls`);
    standing.term = term;
    standing.vote = vote;
    standing.incarnation = incarnation;
  }

  /** Log matching (Raft §5.3): an index and a term name one entry and all before it. */
  #tail(standing: Standing, { first, entries }: NonNullable<Facts["tail"]>): void {
    const { log, name } = standing;
    for (let index = first; index <= standing.applied; index++) {
      const kept = entries[index - first];
      const isSame = kept === undefined || kept.hash === log[index]?.hash;
      must(kept !== undefined && isSame, () => `${name}: applied entry ${index} is overwritten`);
    }
    log.length = first;
    for (const entry of entries) {
      const key = chainKey(log.length, entry.term);
      const known = this.#chains.get(key);
      const place = log.length;
      must(
        known === undefined || known === entry.hash,
        () => `${name}: another log up to ${place}/${entry.term}`,
      );
      this.#chains.set(key, entry.hash);
      log.push(entry);
    }
  }

  /** State machine safety (Raft §5.4.3). */
  #applied(standing: Standing, { applied, revision, term }: Facts): void {
    const { name, log } = standing;
    must(applied >= standing.applied, () => `${name}: the applied index falls to ${applied}`);
    for (let index = standing.applied + 1; index <= applied; index++) {
      const entry = log[index];
      must(entry !== undefined, () => `${name}: entry ${index} is applied and not in the log`);
      const known = this.#committed[index];
      if (known === undefined) {
        this.#held(entry, index);
        this.#committed[index] = { ...entry, knownIn: term };
        continue;
      }
      must(known.hash === entry.hash, () => `${name}: applies another entry at ${index}`);
      known.knownIn = Math.min(known.knownIn, term);
    }
    standing.applied = applied;
    const known = this.#revisionAt.get(applied);
    must(
      known === undefined || known === revision,
      () => `${name}: entry ${applied} is at revision ${revision}, elsewhere at ${known}`,
    );
    this.#revisionAt.set(applied, revision);
  }

  /** What is committed is in the confirmed logs of a majority, of some configuration that was. */
  #held(entry: ChainedEntry, index: number): void {
    const holds = (voter: number): boolean => {
      const { log, applied } = this.#standings.get(voter)!;
      return log[index]?.hash === entry.hash || index <= applied;
    };
    const isHeld = this.#configurations.some(
      (voters) => 2 * voters.filter(holds).length > voters.length,
    );
    must(isHeld, () => `entry ${index} is applied, and no majority holds it`);
  }

  /** The same change at a revision on all replicas; revisions are dense. */
  #change(standing: Standing, change: Change, at: number): void {
    const { revision, hash } = change;
    const { name } = standing;
    must(revision === standing.revision + 1, () => `${name}: ${revision} is not the next revision`);
    standing.revision = revision;
    const known = this.#revisions[revision];
    if (known === undefined) this.#revisions[revision] = { ...change, at };
    else must(known.hash === hash, () => `${name}: another change at revision ${revision}`);
  }

  /** A request is applied once within the window. */
  #request(standing: Standing, request: SeenRequest): void {
    const { id, revision, time } = request;
    const known = this.#requests.get(id);
    if (known === undefined || time >= known.time + REQUEST_WINDOW_MS) {
      this.#requests.set(id, request);
      return;
    }
    const isSame = known.time === time && known.revision === revision;
    must(
      isSame || time <= known.time - REQUEST_WINDOW_MS,
      () => `${standing.name}: a request is applied again at revision ${revision}`,
    );
  }

  /** Election safety and leader completeness (Raft §5.2, §5.4). */
  #leader(standing: Standing, term: number): void {
    const known = this.#leaders.get(term);
    if (known === standing.name) return;
    must(known === undefined, () => `term ${term} has leaders ${known} and ${standing.name}`);
    this.#leaders.set(term, standing.name);
    for (let index = this.#committed.length - 1; index > 0; index--) {
      const entry = this.#committed[index];
      if (entry === undefined || entry.knownIn >= term) continue;
      const own = standing.log[index];
      // The hash is that of the whole log up to there; what was trimmed is not looked at.
      const isHeld = own?.hash === entry.hash || index <= standing.applied;
      must(isHeld, () => `${standing.name}: leads term ${term} without committed ${index}`);
      return;
    }
  }
}
