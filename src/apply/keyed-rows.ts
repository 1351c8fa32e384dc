// Owns the rows of keyed writes: those of one applied batch go to the row of the batch before while there
// is room, or to as few as they fit. A row is written anew once all in it are forgotten: so a keyed write
// costs one row more than another, nothing is ever deleted, and the table is as large as the most that
// was remembered. At most 100,000 are read in one turn: so what memory needs is read without the rest.

import { assert } from "../base/assert.ts";
import { bytesKey, concatBytes, EMPTY } from "../base/bytes.ts";
import { seal, unseal } from "../base/checksum.ts";
import { Reader, Writer } from "../base/codec.ts";
import { FINGERPRINT_BYTES } from "../base/fingerprint.ts";
import { IDEMPOTENCY_ROW_BYTES, IDEMPOTENCY_WINDOW_MS } from "../base/limits.ts";
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
  costOf({ user: user.length, key: key.length, answer: answer.length });

const costOf = (length: Readonly<Record<"user" | "key" | "answer", number>>): number =>
  OVERHEAD_BYTES + CHARACTER_BYTES_MAX * length.user + length.key + length.answer;

/** Whether a write of `then` is remembered at `now`: of the time of entries both. */
export const isRemembered = (then: ClusterTime, now: ClusterTime): boolean =>
  then >= now - IDEMPOTENCY_WINDOW_MS;

/** The writes of a slot. @throws CodecError when they are damaged. */
export function readSlot(sql: SqlPort, slot: number): KeyedWrite[] {
  const [row] = sql.all<{ records: Bytes }>("SELECT records FROM keyed WHERE slot = ?", slot);
  assert(row !== undefined, `slot ${slot} of keyed writes is there`);
  return decode(row.records);
}

/** What of a write is kept in memory, and where in its row it begins. */
interface Sketch {
  /** As `scopedKey` has it. */
  readonly name: string;
  readonly index: LogIndex;
  readonly time: ClusterTime;
  readonly size: number;
  readonly start: number;
}

/** A slot, the time of its newest write, and what of it is remembered: nothing of one that is free. */
interface Slot {
  readonly slot: number;
  readonly time: ClusterTime;
  /** In the order of their entries. */
  readonly sketches: readonly Sketch[];
  /** They, one after another. */
  readonly body: Bytes;
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
      const body = records === null ? EMPTY : unseal(records);
      const sketches = sketchesOf(body).filter((sketch) => isRemembered(sketch.time, now));
      // Times rise: what is forgotten stands before what is not.
      const start = sketches[0]?.start ?? body.length;
      yield { slot, time: asClusterTime(time), sketches, body: body.subarray(start) };
    }
    if (rows.length < SLOTS_READ) return;
    last = rows.at(-1)!.slot;
  }
}

/** In the order of their entries: slots are filled one after another. */
export const byEntry = (a: Slot, b: Slot): number =>
  (a.sketches[0]?.index ?? 0) - (b.sketches[0]?.index ?? 0);

/** Writes the slot anew: writes one after another, the newest of `time`. */
export function writeSlot(
  sql: SqlPort,
  slot: number,
  { time, body }: { readonly time: ClusterTime; readonly body: Bytes },
): void {
  sql.run(
    `INSERT INTO keyed (slot, time, records) VALUES (?, ?, ?)
     ON CONFLICT (slot) DO UPDATE SET time = excluded.time, records = excluded.records`,
    slot,
    time,
    seal(body),
  );
}

/** As many to a row of at most `bytesMax` as fit; one that is larger has its own. */
export function runsOf(writes: readonly KeyedWrite[], bytesMax: number): KeyedWrite[][] {
  const runs: KeyedWrite[][] = [];
  let size = Infinity;
  for (const write of writes) {
    size += sizeOf(write);
    if (size > bytesMax) {
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
    const bodies = [...readSlots(sql, clusterTimeOf(sql))]
      .toSorted(byEntry)
      .map(({ body }) => body);
    const all = concatBytes(bodies);
    return all.length === 0 ? null : seal(all);
  },

  restore(sql, body) {
    sql.run("DELETE FROM keyed");
    const runs = body === null ? [] : runsOf(decode(body), IDEMPOTENCY_ROW_BYTES);
    for (const [slot, run] of runs.entries()) {
      writeSlot(sql, slot, { time: run.at(-1)!.time, body: encodeWrites(run) });
    }
  },
};

/** One after another. */
export function encodeWrites(writes: readonly KeyedWrite[]): Bytes {
  const writer = new Writer();
  for (const { index, time, revision, user, key, fingerprint, answer } of writes) {
    writer.uint(index).uint(time).uint(revision);
    writer.text(user).text(key).raw(fingerprint).bytes(answer);
  }
  return writer.finish();
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

function sketchesOf(body: Bytes): Sketch[] {
  const reader = new Reader(body);
  const sketches: Sketch[] = [];
  while (!reader.done) {
    const start = reader.offset;
    const index = asLogIndex(reader.uint());
    const time = asClusterTime(reader.uint());
    reader.uint();
    const named = reader.offset;
    const userBytes = reader.uint();
    const user = charactersOf(body, reader.skip(userBytes), userBytes);
    const key = reader.uint();
    reader.skip(key);
    const name = bytesKey(body.subarray(named, reader.offset));
    reader.skip(FINGERPRINT_BYTES);
    const answer = reader.uint();
    reader.skip(answer);
    sketches.push({ name, index, time, size: costOf({ user, key, answer }), start });
  }
  return sketches;
}

/** The length of a text as JavaScript counts it, of its UTF-8. */
function charactersOf(bytes: Bytes, start: number, length: number): number {
  let characters = 0;
  for (let at = start; at < start + length; at++) {
    const byte = bytes[at]!;
    const isBeginning = (byte & 0xc0) !== 0x80;
    if (isBeginning) characters += byte >= 0xf0 ? 2 : 1;
  }
  return characters;
}
