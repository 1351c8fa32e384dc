// Owns waking requests that wait for what another request of the isolate brings.

/**
 * Each listener makes a promise of its own: the platform runs what follows a promise on behalf of
 * the request that made it, and cancels it when that request is over. A shared promise would tie
 * all who wait to the first of them.
 */
export class Bell {
  readonly #listeners = new Set<() => void>();

  /** Resolves with the next ring. */
  heard(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#listeners.add(resolve);
    return promise;
  }

  ring(): void {
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }
}
