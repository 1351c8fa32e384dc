// Owns the digest that ends a snapshot: SHA-256 of all that comes before it.

export const DIGEST_BYTES = 32;

/** Passes bytes on, and keeps the last 32 back: those that may be the digest. */
export class HeldBack {
  readonly #passed: (bytes: Uint8Array) => void;
  rest: Uint8Array = new Uint8Array(0);

  constructor(passed: (bytes: Uint8Array) => void) {
    this.#passed = passed;
  }

  push(chunk: Uint8Array): void {
    const all = Buffer.concat([this.rest, chunk]);
    const end = Math.max(0, all.length - DIGEST_BYTES);
    if (end > 0) this.#passed(all.subarray(0, end));
    this.rest = Uint8Array.from(all.subarray(end));
  }
}
