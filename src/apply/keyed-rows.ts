// Owns the rows of keyed writes: what one applied batch had of them stands in one row, or in as few as
// it fits. A row is written again once all in it are forgotten: so a keyed write costs one row more
// than another, nothing is ever deleted, and the table is as large as the most that was remembered.

import { assert } from "../base/assert.ts";
import { seal, unseal } from "../base/checksum.ts";
import { Reader, Writer } from "../base/codec.ts";
import { FINGERPRINT_BYTES } from "../base/fingerprint.ts";
import { IDEMPOTENCY_WINDOW_MS, ROW_BYTES_MAX } from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import { asClusterTime, asLogIndex, asRevision } from "../base/types.ts";
import type { Bytes, ClusterTime, LogIndex, Revision } from "../base/types.ts";
import type { Unversioned } from "../base/unversioned.ts";
import { clusterTimeOf } from "../mvcc/segments.ts";

/** A write that was applied, by the key that it came with. */
export interface KeyedWrite {
  /** Of its entry: no two have the same. */
  readonly index: LogIndex;
  readonly time: ClusterTime;
  /** The store's revision after it. */
  readonly revision: Revision;
  /** Who asked; empty while auth was off. */
  readonly user: string;
  readonly key: string;
  readonly fingerprint: Bytes;
  /** The encoded answer; empty if it was too large to keep. */
  readonly answer: Bytes;
}

/** Three varints, three lengths. */
const OVERHEAD_BYTES = 24 + 12 + FINGERPRINT_BYTES;
/** A character of a name has at most so many bytes of UTF-8. */
const CHARACTER_BYTES_MAX = 3;
/** Rows that are read at once: most are small, and few are as large as a row may be. */
const SLOTS_READ = 64;

/** What one costs, in a row and of the bound. */
export const sizeOf = ({ user, key, answer }: KeyedWrite): number =>
  OVERHEAD_BYTES + CHARACTER_BYTES_MAX * user.length + key.length + answer.length;

/** Whether a write of `then` is remembered at `now`: of the time of entries both. */
export const isRemembered = (then: ClusterTime, now: ClusterTime): boolean =>
  then >= now - IDEMPOTENCY_WINDOW_MS;

/** The writes of a slot. @throws CodecError when they are damaged. */
export function readSlot(sql: SqlPort, slot: number): KeyedWrite[] {
  const [row] = sql.all<{ records: Bytes }>("SELECT records FROM keyed WHERE slot = ?", slot);
  assert(row !== undefined, `slot ${slot} of keyed writes is there`);
  return decode(row.records);
}

/** A slot, the time of its newest write, and its writes; none of a slot that is free. */
interface Slot {
  readonly slot: number;
  readonly time: ClusterTime;
  readonly writes: readonly KeyedWrite[];
}

/** All slots, some at a time, with what of them is remembered at `now`. */
export function* readSlots(sql: SqlPort, now: ClusterTime): Generator<Slot, void> {
  for (let last = -1; ;) {
    const rows = sql.all<{ slot: number; time: number; records: Bytes | null }>(
      `SELECT slot, time, CASE WHEN time >= ? THEN records END AS records
       FROM keyed WHERE slot > ? ORDER BY slot LIMIT ?`,
      now - IDEMPOTENCY_WINDOW_MS,
      last,
      SLOTS_READ,
    );
    for (const { slot, time, records } of rows) {
      const writes = records === null ? [] : decode(records);
      const remembered = writes.filter((write) => isRemembered(write.time, now));
      yield { slot, time: asClusterTime(time), writes: remembered };
    }
    if (rows.length < SLOTS_READ) return;
    last = rows.at(-1)!.slot;
  }
}

/** Writes them to slots that are free, in as few rows as they fit; returns where each stands. */
export function writeSlots(
  sql: SqlPort,
  writes: readonly KeyedWrite[],
  freeSlot: () => number,
): number[] {
  return runsOf(writes).flatMap((run) => {
    const slot = freeSlot();
    const { time } = run.at(-1)!;
    sql.run(
      `INSERT INTO keyed (slot, time, records) VALUES (?, ?, ?)
       ON CONFLICT (slot) DO UPDATE SET time = excluded.time, records = excluded.records`,
      slot,
      time,
      encode(run),
    );
    return run.map(() => slot);
  });
}

/** As many to a row as fit. */
function runsOf(writes: readonly KeyedWrite[]): KeyedWrite[][] {
  const runs: KeyedWrite[][] = [];
  let size = Infinity;
  for (const write of writes) {
    size += sizeOf(write);
    if (size > ROW_BYTES_MAX) {
      runs.push([]);
      size = sizeOf(write);
    }
    runs.at(-1)!.push(write);
  }
  return runs;
}

/**
 * Keyed writes as a snapshot copies them: those that are remembered yet, in the order of their entries,
 * wherever they stand. Null, and not sent, while there is none; `Applier` sees to it that the cluster
 * version does not fall below theirs before that.
 */
export const KEYED_WRITES: Unversioned = {
  name: "keyedWrites",

  copy(sql) {
    const now = clusterTimeOf(sql);
    const all = [...readSlots(sql, now)]
      .flatMap(({ writes }) => writes)
      .toSorted((a, b) => a.index - b.index);
    return all.length === 0 ? null : encode(all);
  },

  restore(sql, body) {
    sql.run("DELETE FROM keyed");
    let slots = 0;
    if (body !== null) writeSlots(sql, decode(body), () => slots++);
  },
};

function encode(writes: readonly KeyedWrite[]): Bytes {
  const writer = new Writer();
  for (const { index, time, revision, user, key, fingerprint, answer } of writes) {
    writer.uint(index).uint(time).uint(revision);
    writer.text(user).text(key).raw(fingerprint).bytes(answer);
  }
  return seal(writer.finish());
}

function decode(records: Bytes): KeyedWrite[] {
  const reader = new Reader(unseal(records));
  const writes: KeyedWrite[] = [];
  // The fields of an object literal are evaluated in the order in which they are written.
  while (!reader.done) {
    writes.push({
      index: asLogIndex(reader.uint()),
      time: asClusterTime(reader.uint()),
      revision: asRevision(reader.uint()),
      user: reader.text(),
      key: reader.text(),
      fingerprint: reader.raw(FINGERPRINT_BYTES),
      answer: reader.bytes(),
    });
  }
  return writes;
}
