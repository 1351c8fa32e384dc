// Owns copying what a replica knows into another database: its applied state, as a snapshot, and the
// tail of its log. It is for the day on which a majority is lost, so it asks for nothing but the rows:
// the replica may be unable to run.
//
// The copy is of one moment if nothing was applied or logged while it was made, which its position
// shows. That is the rule, for without a majority nothing is. So the source holds no pin from part to
// part: each is made as if of a snapshot of its own.

import { present } from "../base/assert.ts";
import { COPY_BYTES } from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import {
  nextIndex,
  type Bytes,
  type LogIndex,
  type Milliseconds,
  type Term,
} from "../base/types.ts";
import { FIRST_CURSOR } from "../mvcc/snapshot-part.ts";
import { stagePart, type WantedPart } from "../mvcc/snapshot-sink.ts";
import { SnapshotSource } from "../mvcc/snapshot-source.ts";
import { Store } from "../mvcc/store.ts";
import { SqlLog } from "../raft/sql-log.ts";
import type { Entry } from "../raft/types.ts";
import { installSnapshot, UNVERSIONED } from "../replica/applied-state.ts";

/** Where a replica stands. While two looks give the same, nothing has happened in between. */
export interface CopyPosition {
  readonly applied: LogIndex;
  readonly appliedTerm: Term;
  readonly last: LogIndex;
  readonly lastTerm: Term;
  /** The latest term that it has heard of. */
  readonly term: Term;
}

/** A replica that is copied, near or far. */
export interface CopySource {
  /** Null when it is no replica. */
  copyPosition(): Promise<CopyPosition | null>;
  /** A part of its state, see `SnapshotSource.part`. */
  copyPart(cursor: Bytes): Promise<Bytes>;
  /** Log entries from `first` on; none when there are no more. */
  copyTail(first: LogIndex): Promise<readonly Entry[]>;
}

/** @throws InvariantError when the database is damaged. */
export function copyPosition(sql: SqlPort): CopyPosition {
  const log = new SqlLog(sql);
  const applied = new Store(sql).appliedIndex;
  const last = log.lastIndex();
  const termAt = (index: LogIndex): Term =>
    present(log.termAt(index), "a log reaches back to what is applied");
  const { term } = log.hardState();
  return { applied, appliedTerm: termAt(applied), last, lastTerm: termAt(last), term };
}

/** @throws InvariantError when the database is damaged; CodecError when `cursor` is none. */
export function copyPart(sql: SqlPort, cursor: Bytes): Bytes {
  const source = new SnapshotSource({ sql, store: new Store(sql), unversioned: UNVERSIONED });
  return source.part(cursor).data;
}

export function copyTail(sql: SqlPort, first: LogIndex): Entry[] {
  const log = new SqlLog(sql);
  const end = nextIndex(log.lastIndex());
  return first === end ? [] : log.entries(first, end, COPY_BYTES);
}

/**
 * Puts the state of `source` and its term into the database behind `sql`, fresh from its migrations,
 * but not its members; returns its log entries that were not applied. The log of the copy is empty.
 *
 * @throws Error when the source has moved meanwhile, or is of another version of the code.
 */
export async function copyDatabase(
  sql: SqlPort,
  source: CopySource,
  now: Milliseconds,
): Promise<readonly Entry[]> {
  const position = await source.copyPosition();
  if (position === null) throw new Error("there is no replica to copy");
  const { applied: index, appliedTerm: term } = position;
  if (index > 0) await stageState(sql, source);
  const tail = await copyEntries(source, nextIndex(index));
  if (JSON.stringify(await source.copyPosition()) !== JSON.stringify(position)) {
    throw new Error("the replica has moved while it was copied: is there a majority?");
  }
  if (index > 0) installCopy(sql, { index, term, now }, position.term);
  else forgetMembers(sql, position.term);
  return tail;
}

/**
 * Puts a snapshot that is staged in place of the database, without its members, and takes the term
 * `heard`, at least that of the snapshot: elections go on above it.
 */
export function installCopy(
  sql: SqlPort,
  snapshot: Parameters<typeof installSnapshot>[1],
  heard: Term,
): void {
  installSnapshot(sql, snapshot);
  forgetMembers(sql, heard);
}

const forgetMembers = (sql: SqlPort, term: Term): void =>
  sql.run("UPDATE meta SET membership = NULL, term = ? WHERE id = 0", term);

async function stageState(sql: SqlPort, source: CopySource): Promise<void> {
  let wanted: WantedPart = { part: 0, cursor: FIRST_CURSOR };
  while (wanted.cursor !== null) {
    const data = await source.copyPart(wanted.cursor);
    wanted = stagePart(sql, { snapshot: "copy", part: wanted.part, data });
  }
}

async function copyEntries(source: CopySource, first: LogIndex): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (;;) {
    const more = await source.copyTail(nextIndex(first, entries.length));
    if (more.length === 0) return entries;
    entries.push(...more);
  }
}
