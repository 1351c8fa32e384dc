// Owns the Workers' stream that hashes what is written to it, which Node lacks.

import { createHash } from "node:crypto";

/** Lets `new crypto.DigestStream("SHA-256")` work. */
export function installDigestStream(): void {
  if ("DigestStream" in crypto) return;
  Object.defineProperty(crypto, "DigestStream", { value: DigestStream });
}

class DigestStream extends WritableStream<Uint8Array> {
  readonly digest: Promise<ArrayBuffer>;

  constructor(algorithm: string) {
    const hash = createHash(algorithm.replace("-", ""));
    const { promise, resolve } = Promise.withResolvers<ArrayBuffer>();
    super({
      write: (bytes) => void hash.update(bytes),
      close: () => resolve(Uint8Array.from(hash.digest()).buffer),
    });
    this.digest = promise;
  }
}
