// Owns virtual time: events in the order of their moments, and of their making within one moment.

/** A binary heap of events, kept in three arrays so that an event allocates nothing but its body. */
export class Schedule {
  readonly #times: number[] = [];
  readonly #orders: number[] = [];
  readonly #bodies: (() => void)[] = [];
  #made = 0;
  #now = 0;

  /** Milliseconds since the run began. */
  get now(): number {
    return this.#now;
  }

  /** Runs `body` after `delayMs`: whole milliseconds, and never before what is due already. */
  after(delayMs: number, body: () => void): void {
    const at = this.#now + (delayMs > 0 ? Math.ceil(delayMs) : 0);
    const order = this.#made++;
    let child = this.#bodies.length;
    this.#bodies.push(body);
    this.#times.push(at);
    this.#orders.push(order);
    while (child > 0) {
      const parent = (child - 1) >>> 1;
      // A later event never goes before one of the same moment.
      if (this.#times[parent]! <= at) break;
      this.#move(parent, child);
      child = parent;
    }
    this.#put(child, at, order, body);
  }

  /** Runs the next event that is due by `end`. False when there is none: it is then `end`. */
  runNext(end: number): boolean {
    const at = this.#times[0];
    if (at === undefined || at > end) {
      this.#now = end;
      return false;
    }
    const body = this.#bodies[0]!;
    this.#removeFirst();
    this.#now = at;
    body();
    return true;
  }

  #removeFirst(): void {
    const at = this.#times.pop()!;
    const order = this.#orders.pop()!;
    const body = this.#bodies.pop()!;
    const size = this.#bodies.length;
    if (size === 0) return;
    let parent = 0;
    for (;;) {
      let child = 2 * parent + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#isBefore(child + 1, this.#times[child]!, this.#orders[child]!))
        child++;
      if (!this.#isBefore(child, at, order)) break;
      this.#move(child, parent);
      parent = child;
    }
    this.#put(parent, at, order, body);
  }

  #isBefore(place: number, at: number, order: number): boolean {
    const own = this.#times[place]!;
    return own < at || (own === at && this.#orders[place]! < order);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from]!, this.#orders[from]!, this.#bodies[from]!);
  }

  #put(place: number, at: number, order: number, body: () => void): void {
    this.#times[place] = at;
    this.#orders[place] = order;
    this.#bodies[place] = body;
  }
}
