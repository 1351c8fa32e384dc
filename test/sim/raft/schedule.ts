// Owns virtual time: events in the order of their moments, and of their making within one moment.

interface Scheduled {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** A binary heap of events. Times are whole milliseconds. */
export class Schedule {
  #heap: Scheduled[] = [];
  #orders = 0;
  now = 0;

  /** Runs `run` after `delayMs`, which may be zero, and never before what is due already. */
  after(delayMs: number, run: () => void): void {
    const event = { at: this.now + Math.max(0, Math.ceil(delayMs)), order: this.#orders++, run };
    let child = this.#heap.push(event) - 1;
    while (child > 0) {
      const parent = (child - 1) >>> 1;
      if (before(this.#heap[parent]!, event)) break;
      this.#heap[child] = this.#heap[parent]!;
      child = parent;
    }
    this.#heap[child] = event;
  }

  /** Runs the next event that is due by `end`. False when there is none. */
  runNext(end: number): boolean {
    const first = this.#heap[0];
    if (first === undefined || first.at > end) return false;
    this.#removeFirst();
    this.now = first.at;
    first.run();
    return true;
  }

  #removeFirst(): void {
    const last = this.#heap.pop()!;
    const size = this.#heap.length;
    if (size === 0) return;
    let parent = 0;
    for (;;) {
      let child = 2 * parent + 1;
      if (child >= size) break;
      if (child + 1 < size && before(this.#heap[child + 1]!, this.#heap[child]!)) child++;
      if (before(last, this.#heap[child]!)) break;
      this.#heap[parent] = this.#heap[child]!;
      parent = child;
    }
    this.#heap[parent] = last;
  }
}

const before = (a: Scheduled, b: Scheduled): boolean =>
  a.at < b.at || (a.at === b.at && a.order < b.order);
