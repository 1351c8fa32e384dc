// Owns one queue of deadlines for many owners. Moving a deadline later costs nothing: the queue
// fires at the earlier moment, sees the later one, and waits on.

interface Slot<Owner> {
  readonly owner: Owner;
  readonly at: number;
}

/**
 * Deadlines by owner, the earliest first; at most one per owner. A binary heap holds at least one
 * slot no later than each owner's deadline; slots that a newer deadline has outdated are dropped or
 * put back when they come up.
 *
 *     set("lease", 10); set("lease", 20)   heap: lease@10      next(): 10
 *     due(10)                              heap: lease@20      returns []
 *     due(20)                              heap: empty         returns ["lease"]
 */
export class DeadlineQueue<Owner> {
  readonly #deadlines = new Map<Owner, number>();
  readonly #earliestSlot = new Map<Owner, number>();
  readonly #heap: Slot<Owner>[] = [];

  get size(): number {
    return this.#deadlines.size;
  }

  /** Sets or moves the owner's deadline. */
  set(owner: Owner, at: number): void {
    this.#deadlines.set(owner, at);
    const slot = this.#earliestSlot.get(owner);
    if (slot === undefined || at < slot) this.#push({ owner, at });
  }

  delete(owner: Owner): void {
    this.#deadlines.delete(owner);
  }

  clear(): void {
    this.#deadlines.clear();
    this.#earliestSlot.clear();
    this.#heap.length = 0;
  }

  get(owner: Owner): number | null {
    return this.#deadlines.get(owner) ?? null;
  }

  /** When to look again: never later than the earliest deadline. Null when there is none. */
  next(): number | null {
    this.#settle();
    return this.#heap[0]?.at ?? null;
  }

  /** Removes and returns the owners whose deadline is at or before `now`, earliest first. */
  due(now: number, ownersMax = Infinity): Owner[] {
    const owners: Owner[] = [];
    for (;;) {
      this.#settle();
      const first = this.#heap[0];
      if (first === undefined || first.at > now || owners.length >= ownersMax) return owners;
      this.#pop();
      this.#deadlines.delete(first.owner);
      owners.push(first.owner);
    }
  }

  /** Makes the top of the heap a true deadline. */
  #settle(): void {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      const deadline = this.#deadlines.get(top.owner);
      if (deadline === top.at) return;
      this.#pop();
      if (deadline !== undefined && this.#earliestSlot.get(top.owner) === undefined) {
        this.#push({ owner: top.owner, at: deadline });
      }
    }
  }

  #push(slot: Slot<Owner>): void {
    this.#earliestSlot.set(slot.owner, slot.at);
    const heap = this.#heap;
    let child = heap.push(slot) - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (heap[parent]!.at <= slot.at) break;
      heap[child] = heap[parent]!;
      child = parent;
    }
    heap[child] = slot;
  }

  #pop(): void {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (this.#earliestSlot.get(top.owner) === top.at) this.#earliestSlot.delete(top.owner);
    if (heap.length === 0) return;
    let parent = 0;
    for (;;) {
      let child = 2 * parent + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++;
      if (heap[child]!.at >= last.at) break;
      heap[parent] = heap[child]!;
      parent = child;
    }
    heap[parent] = last;
  }
}
