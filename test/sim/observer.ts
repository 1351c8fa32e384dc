// Owns reading a replica's database at the end of a turn, as far as it has changed: what the ledger
// is told once the turn is confirmed.

import type { ReplicaStatus } from "../../src/api/replica.ts";
import { bytesKey } from "../../src/base/bytes.ts";
import type { KeyEvent } from "../../src/base/kv.ts";
import type { Bytes } from "../../src/base/types.ts";
import { unpackEvents, unpackRequests } from "../../src/mvcc/history-row.ts";
import { decodePayloads } from "../../src/raft/entry-codec.ts";
import { hashBytes, hashText, mix } from "./chance.ts";
import { WROTE, type SimDatabase } from "./database.ts";
import type { ChainedEntry, Change, Facts, Ledger, LedgerEvent, SeenRequest } from "./ledger.ts";
import { must, type World } from "./world.ts";
import { Standing } from "./ledger.ts";

type LogRow = { first: number; count: number; term: number; body: Bytes };
type HistoryRow = {
  revision: number;
  applied: number;
  part: number;
  requests: Bytes;
  events: Bytes;
};

/** Where reading has come to: the log as last seen, and the last history row. */
interface Tip {
  log: (ChainedEntry | undefined)[];
  segment: number;
  revision: number;
  applied: number;
  part: number;
}

interface Gathered {
  readonly revision: number;
  hash: number;
  readonly events: LedgerEvent[];
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

export class Observer {
  readonly standing: Standing;
  readonly #database: SimDatabase;
  readonly #ledger: Ledger;
  readonly #world: World;
  #tip: Tip = { log: [], segment: 0, revision: 0, applied: 0, part: -1 };
  #meta = { term: 0, vote: null as string | null, incarnation: 0 };

  constructor(number: number, parts: { database: SimDatabase; ledger: Ledger; world: World }) {
    this.standing = new Standing(`replica ${number}`);
    this.#database = parts.database;
    this.#ledger = parts.ledger;
    this.#world = parts.world;
    parts.ledger.register(number, this.standing);
    this.reset();
  }

  /** Turns were taken back: everything is as the database has it. */
  reset(): void {
    const { log, applied } = this.standing;
    this.#tip = { log: log.slice(), segment: 0, revision: 0, applied, part: 1_000_000 };
    this.#tip.revision = this.standing.revision;
    this.#readMeta();
  }

  /** What the turn that has just ended left behind; `wrote` are bits of WROTE. */
  observe(wrote: number, status: ReplicaStatus, isInstalled: boolean): Facts {
    if (wrote & WROTE.meta) this.#readMeta();
    if (isInstalled) return this.#observeInstalled();
    const tail = wrote & WROTE.log ? this.#readTail() : null;
    const batch = wrote & WROTE.history ? this.#readHistory() : NOTHING;
    const { name } = this.standing;
    const { applied, revision } = this.#tip;
    must(
      status.applied === applied && status.revision === revision,
      () =>
        `${name}: applied ${status.applied} at revision ${status.revision}, but stored ` +
        `${applied} at ${revision}`,
    );
    return {
      at: this.#world.schedule.now,
      ...this.#meta,
      leads: status.role === "leader" && status.term === this.#meta.term,
      applied,
      revision,
      tail,
      ...batch,
      isInstalled: false,
    };
  }

  /** A snapshot took the place of everything: log and history begin where it says. */
  #observeInstalled(): Facts {
    const [base] = this.#database.all<{ index: number; term: number }>(
      'SELECT log_index AS "index", log_term AS term FROM meta',
      [],
    );
    const { index } = base!;
    const { log } = this.#tip;
    // What stood there beyond the applied entries may have been of another log, and is gone.
    for (let at = this.standing.applied + 1; at <= index; at++) {
      log[at] = this.#ledger.committedAt(at);
    }
    log.length = index + 1;
    this.#tip = { log, segment: 0, revision: 0, applied: 0, part: -1 };
    const { changes, requests } = this.#readHistory();
    const { applied, revision } = this.#tip;
    must(
      applied === index,
      `${this.standing.name}: a snapshot of ${applied} over a log of ${index}`,
    );
    const tail = { first: index + 1, entries: [] };
    const { schedule } = this.#world;
    const stands = { ...this.#meta, leads: false, applied, revision, isInstalled: true };
    return { at: schedule.now, ...stands, tail, changes, requests };
  }

  #readMeta(): void {
    const [row] = this.#database.all<{ term: number; vote: string | null; incarnation: number }>(
      "SELECT term, vote, incarnation FROM meta",
      [],
    );
    this.#meta = { ...row! };
  }

  /** Reads backwards up to an entry that was there before: all before it is as it was. */
  #readTail(): Facts["tail"] {
    const rows: LogRow[] = [];
    let first = 1;
    for (const row of this.#logRows()) {
      const last = row.first + row.count - 1;
      if (this.#tip.log[last]?.term === row.term) {
        first = last + 1;
        break;
      }
      rows.push({ ...row });
      ({ first } = row);
    }
    const entries = this.#chain(first, rows.toReversed());
    if (first < this.#tip.log.length) this.#world.mark("log truncated");
    this.#tip.log.length = first;
    this.#tip.log.push(...entries);
    return { first, entries };
  }

  *#logRows(): Generator<LogRow> {
    const segments = this.#database.all<{ number: number }>(
      "SELECT number FROM segment WHERE kind = 'log' ORDER BY number DESC",
      [],
    );
    for (const { number } of segments) {
      yield* this.#database.rows<LogRow>(
        `SELECT first, count, term, body FROM log_${number} ORDER BY first DESC`,
      );
    }
  }

  #chain(first: number, rows: readonly LogRow[]): ChainedEntry[] {
    const entries: ChainedEntry[] = [];
    let hash = this.#tip.log[first - 1]?.hash ?? 0;
    let expected = first;
    for (const row of rows) {
      must(row.first === expected, () => `${this.standing.name}: the log has a gap at ${expected}`);
      for (const { kind, data } of decodePayloads(row.body)) {
        hash = mix(mix(hashBytes(data, hash), kind), row.term);
        entries.push({ term: row.term, hash });
      }
      expected += row.count;
    }
    return entries;
  }

  #readHistory(): { changes: readonly Change[]; requests: readonly SeenRequest[] } {
    const segments = this.#database.all<{ number: number }>(
      "SELECT number FROM segment WHERE kind = 'rev' AND number >= ? ORDER BY number",
      [this.#tip.segment],
    );
    const changes: Gathered[] = [];
    const requests: SeenRequest[] = [];
    for (const { number } of segments) {
      this.#tip.segment = number;
      for (const row of this.#newRows(number)) {
        this.#tip.revision = row.revision;
        this.#tip.applied = row.applied;
        this.#tip.part = row.part;
        this.#gather(unpackEvents(row.events), changes);
        for (const { id, revision, time } of unpackRequests(row.requests)) {
          requests.push({ id: bytesKey(id), revision, time });
        }
      }
    }
    return { changes, requests };
  }

  #newRows(segment: number): HistoryRow[] {
    const { revision, applied, part } = this.#tip;
    return this.#database.all<HistoryRow>(
      `SELECT revision, applied, part, requests, events FROM rev_${segment}
       WHERE (revision, applied, part) > (?, ?, ?) ORDER BY revision, applied, part`,
      [revision, applied, part],
    );
  }

  /** A revision may stand in several rows, one after another. */
  #gather(events: readonly KeyEvent[], changes: Gathered[]): void {
    for (const event of events) {
      const revision = event.kv.modRevision;
      let change = changes.at(-1);
      if (change?.revision !== revision) {
        change = { revision, hash: 0x811c9dc5, events: [] };
        changes.push(change);
      }
      change.hash = hashEvent(event, change.hash);
      if (this.#ledger.at(revision) === undefined) change.events.push(ledgerEvent(event));
    }
  }
}

const NOTHING = { changes: [], requests: [] } as const;

function hashEvent({ kind, kv }: KeyEvent, start: number): number {
  const hash = hashBytes(kv.value, hashBytes(kv.key, mix(start, hashText(kind))));
  return mix(mix(mix(hash, kv.version), kv.createRevision), Number(kv.lease & 0xffffffffn));
}

const ledgerEvent = ({ kind, kv }: KeyEvent): LedgerEvent => ({
  kind,
  key: text(kv.key),
  value: text(kv.value),
  version: kv.version,
  createRevision: kv.createRevision,
  lease: kv.lease,
});
