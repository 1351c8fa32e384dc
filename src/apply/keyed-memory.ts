// Owns the memory of keyed writes: which keys were used within the time that they are remembered, and
// where their first answers stand. Equal on all replicas, since keys enter and leave by the time of
// entries and never by a local clock. Its bound is part of that: a key is taken in or refused by what
// the entries before it have left, whatever the batches.

import { assert } from "../base/assert.ts";
import { IDEMPOTENCY_BYTES_MAX, IDEMPOTENCY_KEYS_MAX } from "../base/limits.ts";
import type { SqlPort } from "../base/ports.ts";
import type { ClusterTime } from "../base/types.ts";
import { scopedKey } from "./keyed.ts";
import {
  isRemembered,
  readSlot,
  readSlots,
  sizeOf,
  writeSlots,
  type KeyedWrite,
} from "./keyed-rows.ts";

interface Remembered {
  readonly time: ClusterTime;
  readonly size: number;
  /** The slot that it stands in; before its batch ends, the write itself. */
  readonly place: number | KeyedWrite;
}

const nameOf = ({ user, key }: KeyedWrite): string => scopedKey(user, key);

export class KeyedMemory {
  readonly #sql: SqlPort;
  /** In the order in which they were applied, so that the oldest stand first. */
  readonly #remembered = new Map<string, Remembered>();
  #bytes = 0;
  /** Those of the batch under way. */
  #fresh: KeyedWrite[] = [];
  /** Slots with the time of their newest write, the oldest first. */
  readonly #slots: { readonly slot: number; readonly time: ClusterTime }[] = [];
  #slotCount = 0;

  /** Reads what is remembered at `now`, the time of the last entry applied. */
  constructor(sql: SqlPort, now: ClusterTime) {
    this.#sql = sql;
    const recalled: { readonly write: KeyedWrite; readonly slot: number }[] = [];
    for (const { slot, time, writes } of readSlots(sql, now)) {
      this.#slots.push({ slot, time });
      this.#slotCount = slot + 1;
      recalled.push(...writes.map((write) => ({ write, slot })));
    }
    this.#slots.sort((a, b) => a.time - b.time);
    recalled.sort((a, b) => a.write.index - b.write.index);
    for (const { write, slot } of recalled) this.#keep(write, slot);
  }

  /** Whether nothing is remembered at `now`, the time of an entry. */
  isEmpty(now: ClusterTime): boolean {
    this.#forget(now);
    return this.#remembered.size === 0;
  }

  /** By an entry of `now` no further key can be taken in without forgetting one early. */
  isFull(now: ClusterTime): boolean {
    this.#forget(now);
    return isTooMuch(this.#remembered.size, this.#bytes);
  }

  /** The same by the leader's clock: nothing is forgotten, for another leader's stamps may be lower. */
  willBeFull(now: ClusterTime): boolean {
    let [keys, bytes] = [this.#remembered.size, this.#bytes];
    for (const { time, size } of this.#remembered.values()) {
      if (!isTooMuch(keys, bytes) || isRemembered(time, now)) break;
      keys--;
      bytes -= size;
    }
    return isTooMuch(keys, bytes);
  }

  recalls(name: string, now: ClusterTime): boolean {
    const remembered = this.#remembered.get(name);
    return remembered !== undefined && isRemembered(remembered.time, now);
  }

  /** The write that came with the key first, for an entry of `now`. */
  find(name: string, now: ClusterTime): KeyedWrite | null {
    const remembered = this.#remembered.get(name);
    if (remembered === undefined || !isRemembered(remembered.time, now)) return null;
    const { place } = remembered;
    if (typeof place !== "number") return place;
    // A key that came again after its time is the last of that name.
    const found = readSlot(this.#sql, place).findLast((write) => nameOf(write) === name);
    assert(found !== undefined, "a key stands where it was written");
    return found;
  }

  remember(write: KeyedWrite): void {
    this.#forget(write.time);
    assert(!this.#remembered.has(nameOf(write)), "a key is remembered with its first write");
    this.#keep(write, write);
    this.#fresh.push(write);
  }

  /** Ends a batch at `now`, within its transaction. */
  flush(now: ClusterTime): void {
    this.#forget(now);
    if (this.#fresh.length === 0) return;
    const writes = this.#fresh.filter((write) => isRemembered(write.time, now));
    this.#fresh = [];
    const slots = writeSlots(this.#sql, writes, () => this.#freeSlot(now));
    for (const [offset, write] of writes.entries()) {
      const slot = slots[offset]!;
      // A name that stands in the map stays at its place.
      const { time, size } = this.#remembered.get(nameOf(write))!;
      this.#remembered.set(nameOf(write), { time, size, place: slot });
      const isLastOfSlot = slots[offset + 1] !== slot;
      if (isLastOfSlot) this.#slots.push({ slot, time });
    }
  }

  #keep(write: KeyedWrite, place: Remembered["place"]): void {
    const size = sizeOf(write);
    this.#remembered.set(nameOf(write), { time: write.time, size, place });
    this.#bytes += size;
  }

  #forget(now: ClusterTime): void {
    for (const [name, { time, size }] of this.#remembered) {
      if (isRemembered(time, now)) return;
      this.#remembered.delete(name);
      this.#bytes -= size;
    }
  }

  /** The slot whose writes were forgotten first, or a new one. */
  #freeSlot(now: ClusterTime): number {
    const [oldest] = this.#slots;
    if (oldest === undefined || isRemembered(oldest.time, now)) return this.#slotCount++;
    this.#slots.shift();
    return oldest.slot;
  }
}

const isTooMuch = (keys: number, bytes: number): boolean =>
  keys >= IDEMPOTENCY_KEYS_MAX || bytes >= IDEMPOTENCY_BYTES_MAX;
