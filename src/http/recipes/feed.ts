// Owns handing on what a watch delivers, batch by batch, to one who asks for the next: a producer
// waits until its batch is taken, so that what was not taken is not acknowledged either.

import type { EventBatch } from "./store.ts";

interface Waiting {
  readonly batch: EventBatch;
  readonly taken: () => void;
}

export class Feed implements AsyncIterable<EventBatch> {
  readonly #waiting: Waiting[] = [];
  #end: { readonly error: Error | null } | null = null;
  #wake: () => void = () => undefined;

  /** Resolves when the batch was taken, or never will be. */
  push(batch: EventBatch): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#end !== null) return Promise.resolve();
    this.#waiting.push({ batch, taken: resolve });
    this.#wake();
    return promise;
  }

  /** Nothing more comes; what waits is still taken. With `error` it is thrown then. */
  end(error: Error | null = null): void {
    this.#end ??= { error };
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<EventBatch, void, void> {
    try {
      for (;;) {
        const next = this.#waiting.shift();
        if (next !== undefined) {
          next.taken();
          yield next.batch;
        } else if (this.#end === null) {
          await this.#somethingHappens();
        } else {
          if (this.#end.error !== null) throw this.#end.error;
          return;
        }
      }
    } finally {
      this.end();
      for (const { taken } of this.#waiting.splice(0)) taken();
    }
  }

  #somethingHappens(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    return promise;
  }
}
